"""The floor to compare with: an aiohttp handler that does nothing but return fixed bytes."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from aiohttp import web


def main() -> None:
    """Serve the bytes of `--reply` on 127.0.0.1 until terminated; uvloop where there is one."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--reply", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    args = parser.parse_args()
    reply = args.reply.read_bytes()

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=reply, content_type="application/json", headers={"ETag": '"fixed"'})

    app = web.Application()
    app.router.add_get("/", handler)
    try:
        import uvloop

        loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    except ImportError:
        loop = asyncio.new_event_loop()
    web.run_app(app, host="127.0.0.1", port=args.port, access_log=None, print=None, loop=loop)


if __name__ == "__main__":
    main()
