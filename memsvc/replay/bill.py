"""What requests would have cost: a model of the provider's prompt cache, by blocks of the request."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from memsvc.core.caches import Cache
from memsvc.core.economy import Rates

MARKS = ("cache_control", "prompt_cache_breakpoint")
"""Members that tell the cache what to do and are no part of what it compares."""


@dataclass(slots=True)
class Bill:
    """What a conversation came to. Money in dollars, input side and summaries; what the model answers is the same
    whatever it was sent."""

    calls: int = 0
    read: int = 0
    written: int = 0
    plain: int = 0
    usd: float = 0.0
    summary_usd: float = 0.0
    compactions: int = 0

    @property
    def tokens(self) -> int:
        """All that was sent."""
        return self.read + self.written + self.plain

    @property
    def total_usd(self) -> float:
        """Calls and summaries."""
        return self.usd + self.summary_usd

    def add(self, other: Bill) -> None:
        """Sum up."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Provider:
    """Bills the requests of one conversation, in order.

    A prefix of blocks that an earlier request had, and that is not forgotten, is read; the rest is written. Below
    the smallest prefix nothing is cached."""

    def __init__(self, rates: Rates, cache: Cache, count: Callable[[str], int]) -> None:
        self._rates, self._cache, self._count = rates, cache, count
        self._alive: dict[bytes, float] = {}
        self._sizes: dict[bytes, int] = {}
        self.bill = Bill()

    def request(self, body: Mapping[str, Any], at: float) -> None:
        """A call with this body, made at `at`."""
        chain, total, read = b"", 0, 0
        prefixes: list[bytes] = []
        for block in blocks(body):
            chain = hashlib.blake2b(chain + block, digest_size=16).digest()
            total += self._size(block)
            prefixes.append(chain)
            if self._alive.get(chain, -1.0) >= at:
                read = total
        rates, bill = self._rates, self.bill
        bill.calls += 1
        if total < self._cache.minimum:
            bill.plain += total
            bill.usd += total * rates.input / 1e6
            return
        if read < self._cache.minimum:
            read = 0
        bill.read += read
        bill.written += total - read
        bill.usd += (read * rates.read + (total - read) * rates.write) / 1e6
        for prefix in prefixes:
            self._alive[prefix] = at + self._cache.ttl_s

    def _size(self, block: bytes) -> int:
        name = hashlib.blake2b(block, digest_size=16).digest()
        if name not in self._sizes:
            self._sizes[name] = self._count(readable(orjson.loads(block)))
        return self._sizes[name]


def blocks(body: Mapping[str, Any]) -> Iterable[bytes]:
    """The parts of a request that a cache compares, in order, without its marks."""
    for tool in body.get("tools") or ():
        yield _bare(tool)
    system = body.get("system")
    for part in [system] if isinstance(system, str) else system or ():
        yield _bare(part)
    for message in body["messages"]:
        content = message.get("content")
        if isinstance(content, list):
            beside = {k: v for k, v in message.items() if k not in ("content", *MARKS)}
            yield from (orjson.dumps([beside, orjson.Fragment(_bare(part))]) for part in content)
        else:
            yield _bare(message)


def _bare(part: Any) -> bytes:
    if isinstance(part, dict):
        part = {k: v for k, v in part.items() if k not in MARKS}
    return orjson.dumps(part)


def readable(value: Any) -> str:
    """What a model reads of a block: its texts, and the names and arguments of calls."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(filter(None, map(readable, value)))
    if isinstance(value, dict):
        if "input" in value and value.get("type") == "tool_use":
            return f"{value.get('name', '')} {orjson.dumps(value['input']).decode()}"
        return "\n".join(filter(None, (readable(v) for k, v in value.items() if k not in ("role", "type", "id"))))
    return ""
