"""Fetches under load, against handlers that do as little as can be done."""

from __future__ import annotations

import json
from contextlib import ExitStack

import redis

from benchmarks.serving import bare_server, cores, memsvc_server, program
from benchmarks.speed.goals import Goal, Json, Plan
from benchmarks.speed.sides import Side, rates
from benchmarks.speed.talk import FETCH, fill, reply
from benchmarks.speed.valkey import valkey_server

CONNECTIONS, BYTES = 50, 16_000
_OWN = {"Content-Length", "Date", "Server"}
"""Headers that aiohttp writes by itself."""
GOALS = {
    "fetch": Goal(
        "fetch of a 16 KB context, SQLite, 50 connections: requests/s",
        "bare aiohttp, the same bytes and headers",
        "more",
        0.7,
        0.85,
    ),
    "not_modified": Goal("the same, unchanged (304): requests/s", "bare aiohttp, hello", "more", 0.8, 0.95),
    "fetch_valkey": Goal(
        "fetch of a 16 KB context, Valkey, 50 connections: requests/s",
        "aiohttp and one `redis.asyncio` GET of the same bytes",
        "more",
        0.8,
        1.2,
    ),
}


def fetch(plan: Plan) -> dict[str, Json]:
    """A context of 16 KB."""
    ours_on, _ = cores()
    with memsvc_server(ours_on) as memsvc:
        path = fill(memsvc.port, "fetch", BYTES) + FETCH
        _, headers, body = reply(memsvc.port, path)
        with bare_server(body, ours_on, {k: v for k, v in headers.items() if k not in _OWN}) as bare:
            _same(reply(bare.port, "/"), (200, headers, body))
            found = rates(Side(memsvc, path), Side(bare, "/"), CONNECTIONS, plan)
    return {"fetch": found | {"bytes": len(body), "headers": len(headers)}}


def not_modified(plan: Plan) -> dict[str, Json]:
    """A context that the caller has already."""
    ours_on, _ = cores()
    with memsvc_server(ours_on) as memsvc, bare_server(b"hello", ours_on, {"Content-Type": "text/plain"}) as bare:
        path = fill(memsvc.port, "fetch", BYTES) + FETCH
        known = {"If-None-Match": reply(memsvc.port, path)[1]["ETag"]}
        if (status := reply(memsvc.port, path, known)[0]) != 304:
            raise RuntimeError(f"a context that has not changed is answered with {status}")
        return {"not_modified": rates(Side(memsvc, path, headers=known), Side(bare, "/"), CONNECTIONS, plan)}


def fetch_valkey(plan: Plan) -> dict[str, Json]:
    """A context of 16 KB that lies in Valkey, which shares the load generator's core."""
    ours_on, theirs_on = cores()
    with ExitStack() as stack:
        valkey = stack.enter_context(valkey_server(theirs_on))
        memsvc = stack.enter_context(memsvc_server(ours_on, store=valkey.url))
        path = fill(memsvc.port, "fetch", BYTES) + FETCH
        _, headers, body = reply(memsvc.port, path)
        _put(valkey.port, body)
        sent = json.dumps({k: v for k, v in headers.items() if k not in _OWN})
        options = ["--url", valkey.url, "--headers", sent]
        bare = stack.enter_context(program("benchmarks.speed.bare_valkey", options, "/", ours_on))
        _same(reply(bare.port, "/"), (200, headers, body))
        also = (valkey.pid,)
        found = rates(Side(memsvc, path, also=also), Side(bare, "/", also=also), CONNECTIONS, plan)
    return {"fetch_valkey": found | {"bytes": len(body), "valkey": valkey.version}}


def _put(port: int, value: bytes) -> None:
    with redis.Redis(port=port) as client:
        client.set("fixed", value)


def _same(one: tuple[int, dict[str, str], bytes], other: tuple[int, dict[str, str], bytes]) -> None:
    """Whoever compares must send what the service sends."""
    if one[0] != other[0] or one[2] != other[2] or set(one[1]) != set(other[1]):
        raise RuntimeError(
            f"the handlers do not answer alike: {one[0]} {sorted(one[1])}, {other[0]} {sorted(other[1])}"
        )
