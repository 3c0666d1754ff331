"""A provider that costs next to nothing: the same canned reply to every call, streamed if asked for."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json

from aiohttp import web

TEXT = "The parcel is on its way and will arrive on Tuesday before noon. "
USAGE = {"input_tokens": 900, "output_tokens": 200, "cache_read_input_tokens": 8_000, "cache_creation_input_tokens": 90}


def main() -> None:
    """Serve `POST /v1/messages` on 127.0.0.1 until terminated; `--pause-ms` between the events of a stream."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--events", type=int, default=20)
    parser.add_argument("--pause-ms", type=float, default=0.0)
    args = parser.parse_args()
    numbers = itertools.count(1)
    pause_s = args.pause_ms / 1000

    async def handler(request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        message = {"id": f"msg_{next(numbers)}", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5"}
        if b'"stream":true' not in raw and b'"stream": true' not in raw:
            body = {**message, "content": [{"type": "text", "text": TEXT}], "stop_reason": "end_turn", "usage": USAGE}
            return web.json_response(body)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for event in _events(message, args.events):
            await response.write(b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json.dumps(event).encode()))
            if pause_s:
                await asyncio.sleep(pause_s)
        await response.write_eof()
        return response

    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/v1/messages", handler)
    app.router.add_get("/", lambda request: _ok())
    try:
        import uvloop

        loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    except ImportError:
        loop = asyncio.new_event_loop()
    web.run_app(app, host="127.0.0.1", port=args.port, access_log=None, print=None, loop=loop)


async def _ok() -> web.Response:
    return web.Response()


def _events(message: dict[str, object], number: int) -> list[dict[str, object]]:
    start = {**message, "content": [], "stop_reason": None, "usage": {**USAGE, "output_tokens": 1}}
    block = {"type": "text", "text": ""}
    return [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": block},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": TEXT}}
            for _ in range(number)
        ),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 200}},
        {"type": "message_stop"},
    ]


if __name__ == "__main__":
    main()
