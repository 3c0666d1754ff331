"""What is looked at when the store is opened: the schema, eviction, persistence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from redis.exceptions import RedisError

from memsvc.errors import Unavailable
from memsvc.stores.redis.keys import Keys
from memsvc.stores.redis.server import Server
from memsvc.stores.redis.upgrade import SCHEMA, upgrade, upgraded_from

Persistence = Literal["warn", "require", "off"]


async def check_servers(server: Server, keys: Keys, persistence: Persistence, warn: Callable[[str], None]) -> None:
    """Raises Unavailable where the store must not be used; warns where one should know."""
    for shard in server.servers():
        told = await told_by(server, shard)
        if told.get("loading", "0") != "0":  # while it reads its file it says that it keeps none
            raise Unavailable("the server is still reading its data", retry_after=1)
        _eviction(told)
        if persistence != "off":
            for amiss in _persistence(told):
                if persistence == "require" and amiss.fatal:
                    raise Unavailable(f"{amiss.text} (redis_persistence = require)")
                warn(amiss.text)
    await _schema(server, keys)


class Amiss:
    """Something that an operator should know; `fatal` where persistence is required."""

    def __init__(self, text: str, *, fatal: bool) -> None:
        self.text = text
        self.fatal = fatal


async def told_by(server: Server, shard: int) -> dict[str, str]:
    """What a server says of itself; less where the user may not ask."""
    told: dict[str, str] = {}
    for command in (("INFO",), ("CONFIG", "GET", "append*"), ("CONFIG", "GET", "maxmemory*")):
        answer = await server.ask(shard, command)
        if isinstance(answer, RedisError):
            told[f"refused:{command[0]}"] = str(answer)
        elif isinstance(answer, dict):
            told |= {_text(k): _text(v) for k, v in answer.items()}
        else:
            lines = (line.partition(":") for line in _text(answer).splitlines() if not line.startswith("#"))
            told |= {name: value for name, _, value in lines}
    return told


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _eviction(told: dict[str, str]) -> None:
    policy = told.get("maxmemory-policy") or told.get("maxmemory_policy", "")
    limit = told.get("maxmemory", "0")
    if policy.startswith("allkeys-") and limit != "0":
        raise Unavailable(
            f"the server throws conversations away when it is full (maxmemory-policy {policy}): set it to noeviction"
        )


def _persistence(told: dict[str, str]) -> list[Amiss]:
    if "aof_enabled" not in told and "appendonly" not in told:
        return [Amiss("the server does not say whether it keeps an append-only file; see docs/stores.md", fatal=True)]
    if told.get("appendonly", "yes") != "yes" or told.get("aof_enabled", "1") != "1":
        return [
            Amiss(
                "the server keeps no append-only file: a restart loses what was acknowledged since the last snapshot, "
                "or everything; set appendonly yes",
                fatal=True,
            )
        ]
    match told.get("appendfsync"):
        case None:
            text = "the server does not say how often it writes its append-only file to disk (CONFIG is refused)"
        case "no":
            text = "appendfsync is no: a crash of the machine loses what was acknowledged in the last half minute"
        case _:
            return []
    return [Amiss(f"{text}; see docs/stores.md", fatal=False)]


async def _schema(server: Server, keys: Keys) -> None:
    _, found = await server.commands(0, ("SET", keys.schema, SCHEMA, "NX"), ("GET", keys.schema))
    version = _text(found)
    if (begun := upgraded_from(version)) is not None:
        await upgrade(server, keys, begun)
    elif version != str(SCHEMA):
        raise Unavailable(
            f"the store has schema version {version[:20]!r}, this release knows up to {SCHEMA}; "
            "use the release that wrote it, or a newer one, or another prefix"
        )
