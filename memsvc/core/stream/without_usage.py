"""A stream of Chat Completions without the usage that only the gateway asked for."""

from __future__ import annotations

import re

from memsvc.core.stream.sse import LATE, Blocks, fields
from memsvc.core.stream.values import Json, parse

_NULL = re.compile(rb',\s*"usage"\s*:\s*null|"usage"\s*:\s*null\s*,?')


class WithoutUsage:
    """Passes a stream on as it would have come without `include_usage`: the last chunk that has only usage is left
    out, and so is the member `"usage": null` of the others; every other byte stays."""

    __slots__ = ("_blocks", "_passed")

    def __init__(self) -> None:
        self._blocks = Blocks()
        self._passed = True

    def feed(self, chunk: bytes) -> bytes:
        """What may be passed on; an event that has not ended waits."""
        return b"".join([self._passes(block) for block in self._blocks.feed(chunk)])

    def rest(self) -> bytes:
        """What still waits when the stream has ended."""
        return self._passes(self._blocks.rest())

    def _passes(self, block: bytes) -> bytes:
        if block == LATE:
            return block if self._passed else b""
        self._passed = True
        if b'"usage"' not in block:
            return block
        found = parse(fields(block)[1])
        if found is None or not isinstance(found[0], dict) or "usage" not in found[0]:
            return block
        chunk = found[0]
        if chunk["usage"] is None:
            return _without_null(block, chunk)
        self._passed = chunk.get("choices") != []
        return block if self._passed else b""


def _without_null(block: bytes, chunk: Json) -> bytes:
    """The block without its chunk's own `"usage": null`."""
    once = block.count(b'"usage"') == 1
    wanted = {k: v for k, v in chunk.items() if k != "usage"}
    for match in _NULL.finditer(block):
        shorter = block[: match.start()] + block[match.end() :]
        if once or ((found := parse(fields(shorter)[1])) is not None and found[0] == wanted):
            return shorter
    return block
