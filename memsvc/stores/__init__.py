"""Stores by URL. Every one of them passes the same contract suite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from memsvc.ports import Store
from memsvc.ports.inspect import Inspect
from memsvc.stores.sqlite import SQLiteStore
from memsvc.stores.sqlite.inspect import SQLiteInspect


def open_store(
    url: str,
    *,
    persistence: Literal["warn", "require", "off"] = "warn",
    wait_replicas: int = 0,
    wait_ms: int = 1000,
    warn: Callable[[str], None] = lambda text: None,
    own_loop: bool = False,
) -> Store:
    """The store that a URL names, not open yet: `sqlite:///relative.db`, `sqlite:////absolute.db`,
    `sqlite://:memory:`, or a Redis or Valkey (`memsvc.stores.redis.urls` has the forms). Raises ValueError
    for any other, in words that hold no password.

    Args:
        persistence: what a Redis store does about servers that keep nothing on disk.
        wait_replicas, wait_ms: replicas that must have each write of a Redis store, and how long they may take.
        warn: gets a sentence about what an operator should know.
        own_loop: nothing runs on the event loop that learns of others' writes while it holds the loop up. A service
            says so; a program that has this store in its own loop cannot.
    """
    scheme, separator, rest = url.partition("://")
    match scheme:
        case "sqlite" if separator and rest == ":memory:":
            return SQLiteStore(":memory:")
        case "sqlite" if separator and rest.startswith("/") and not rest.endswith("/"):
            return SQLiteStore(rest[1:], own_loop=own_loop)
        case "redis" | "rediss" | "redis+sentinel" | "rediss+sentinel" | "redis+cluster" | "rediss+cluster" if rest:
            try:
                from memsvc.stores.redis import RedisStore, Waiting
            except ImportError as missing:
                raise _no_redis(scheme) from missing
            return RedisStore(url, persistence=persistence, waiting=Waiting(wait_replicas, wait_ms), warn=warn)
        case _:
            # Only the scheme is repeated: the rest of a URL may hold a password.
            raise ValueError(
                f"a store of scheme {scheme!r} is not one this release knows: sqlite:///relative.db, "
                "sqlite:////absolute.db, sqlite://:memory:, redis://host:port, redis+sentinel://host:port/service "
                "or redis+cluster://host:port"
            )


def inspect_store(url: str) -> Inspect:
    """A look into the store that a URL names, as `open_store` takes it; it is not opened. ValueError if wrong."""
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite":
        return SQLiteInspect(rest if rest == ":memory:" else rest[1:])
    try:
        from memsvc.stores.redis.inspect import RedisInspect
    except ImportError as missing:
        raise _no_redis(scheme) from missing
    return RedisInspect(url)


def _no_redis(scheme: str) -> ValueError:
    return ValueError(f"a store of scheme {scheme!r} needs the package redis: install memsvc[redis]")
