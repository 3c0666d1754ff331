"""The one place that says in words what a Redis or Valkey server, or the way to it, has failed in."""

from __future__ import annotations

from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    ConnectionError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,
    TryAgainError,
)

from memsvc.errors import Unavailable

FAILURES = (RedisError, OSError, TimeoutError)
"""What a call of the driver may raise (the built-in TimeoutError is an OSError)."""

_CODES = (
    ("MISCONF", "it cannot save to its disk (full or not writable) and takes no writes; reads go on"),
    ("NOREPLICAS", "it has fewer replicas than it is set to write with (min-replicas-to-write)"),
    ("BUSY", "it is busy with a script"),
    ("UNKILLABLE", "it is busy with a script"),
    ("NOPROTO", "it does not speak RESP3: Redis 6 or newer, or Valkey, is needed"),
)
_KINDS: tuple[tuple[type[Exception], str], ...] = (
    (AuthenticationError, "user or password was refused; see the store setting"),
    (NoPermissionError, "the user may not do this; docs/stores.md lists the rights it needs"),
    (OutOfMemoryError, "it has reached maxmemory and takes no writes: give it more, or delete sessions; reads go on"),
    (ReadOnlyError, "it is a replica that cannot be written to: name the primary, or use redis+sentinel://"),
    (BusyLoadingError, "it is loading its data set"),
    (ClusterDownError, "the cluster has a slot without a primary; it heals itself when a replica takes over"),
    (TryAgainError, "the cluster is moving this session's slot"),
    (TimeoutError, "no answer in time"),
    (ConnectionError, "no connection"),
)


def unavailable(error: BaseException) -> Unavailable:
    """What callers get for the driver's own error: a sentence that says what to look at."""
    return Unavailable(f"the Redis store failed: {_advice(error)}", retry_after=1)


def _advice(error: BaseException) -> str:
    text = str(error).strip().removesuffix(".") or type(error).__name__
    if isinstance(error, ResponseError):
        for code, advice in _CODES:
            if text.startswith(code):
                return advice
    for kind, advice in _KINDS:
        if isinstance(error, kind):
            return f"{advice} ({text})"
    if isinstance(error, OSError):
        return f"no connection ({text})"
    return text
