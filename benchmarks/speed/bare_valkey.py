"""The floor with Valkey: an aiohttp handler that does one GET of fixed bytes, and one that runs one script.

GET / answers with what stands under the key `fixed`. POST /... keeps the body: one script, one trip,
that puts it at the end of a list of the path's session and counts it.
"""

from __future__ import annotations

import argparse
import json

from aiohttp import web
from redis.asyncio import BlockingConnectionPool, Redis

from benchmarks.bare import serve

CONNECTIONS = 8
"""As many as the service opens to one server."""
_APPEND = """
local length = redis.call('RPUSH', KEYS[1], ARGV[1])
redis.call('HINCRBY', KEYS[2], 'messages', 1)
return length
"""


def application(url: str, headers: dict[str, str]) -> web.Application:
    """The two handlers over the server of that URL; `headers` go out with what was fetched."""
    pool = BlockingConnectionPool.from_url(url, max_connections=CONNECTIONS, timeout=60)
    client = Redis(connection_pool=pool)
    script = client.register_script(_APPEND)

    async def fetch(request: web.Request) -> web.Response:
        return web.Response(body=await client.get("fixed"), headers=headers)

    async def append(request: web.Request) -> web.Response:
        session = request.match_info["session"]
        length = await script(keys=[f"{{{session}}}:log", f"{{{session}}}:head"], args=[await request.read()])
        return web.json_response({"seq": length})

    async def close(_: web.Application) -> None:
        await client.aclose()
        await pool.disconnect()

    app = web.Application()
    app.router.add_get("/", fetch)
    app.router.add_post("/v1/sessions/{session}/messages", append)
    app.on_cleanup.append(close)
    return app


def main() -> None:
    """Serve until terminated."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--headers", type=json.loads, default={})
    parser.add_argument("--port", type=int, required=True)
    args = parser.parse_args()
    serve(application(args.url, args.headers), args.port)


if __name__ == "__main__":
    main()
