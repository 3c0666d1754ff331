"""The floor to compare with: an aiohttp handler that does nothing but return fixed bytes."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

from aiohttp import web


def main() -> None:
    """Serve the bytes of `--reply` on 127.0.0.1 until terminated; uvloop where there is one."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--reply", type=Path, required=True)
    parser.add_argument("--headers", type=json.loads, default={"Content-Type": "application/json"})
    parser.add_argument("--port", type=int, required=True)
    args = parser.parse_args()
    reply, headers = args.reply.read_bytes(), args.headers

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=reply, headers=headers)

    app = web.Application()
    app.router.add_get("/", handler)
    serve(app, args.port)


def serve(app: web.Application, port: int) -> None:
    """Serve an application on 127.0.0.1 until terminated; uvloop where there is one, no access log."""
    try:
        import uvloop

        loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    except ImportError:
        loop = asyncio.new_event_loop()
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None, loop=loop)


if __name__ == "__main__":
    main()
