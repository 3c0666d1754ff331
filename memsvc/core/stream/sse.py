"""Server-sent events, cut out of bytes that come in any pieces."""

from __future__ import annotations

import re

_END = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
"""An empty line; the atomic groups keep CR LF from being taken for two ends of a line."""
_MARK = b"\xef\xbb\xbf"
LATE = b"\n"
"""A block of its own: the second half of the CR LF that ended the block before."""


class Blocks:
    """Cuts a stream behind its empty lines. Joined, the blocks and the rest are the stream, byte for byte."""

    __slots__ = ("_behind_return", "_rest", "_returns")

    def __init__(self) -> None:
        self._rest = bytearray()
        self._returns = False
        self._behind_return = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The blocks that this chunk completes."""
        if not chunk:
            return []
        first = chunk.find(b"\n\n")
        if first >= 0 and first == len(chunk) - 2 and not self._rest and not self._returns and b"\r" not in chunk:
            return [chunk]  # one event at a time, as servers send them
        found: list[bytes] = []
        if self._behind_return:
            self._behind_return = False
            if chunk.startswith(LATE):
                found.append(LATE)
                chunk = chunk[1:]
        self._returns = self._returns or b"\r" in chunk
        rest = self._rest
        looked = max(0, len(rest) - 3)
        rest += chunk
        begin = 0
        while (end := self._end(looked)) >= 0:
            found.append(bytes(rest[begin:end]))
            begin = looked = end
        if begin:
            self._behind_return = begin == len(rest) and rest.endswith(b"\r")
            del rest[:begin]
        return found

    def _end(self, start: int) -> int:
        """Where the next empty line ends; -1 if none does yet."""
        if self._returns:
            match = _END.search(self._rest, start)
            return match.end() if match else -1
        at = self._rest.find(b"\n\n", start)
        return at + 2 if at >= 0 else -1

    def rest(self) -> bytes:
        """What has come of a block that has not ended; it is given once."""
        rest = bytes(self._rest)
        self._rest.clear()
        return rest


def fields(block: bytes) -> tuple[bytes, bytes]:
    """The name and the data of a block's event; each may be empty."""
    name = b""
    end = block.find(b"\n")
    if block.startswith(b"data: ") and end == len(block) - 2:  # what most of them are
        return name, block[6:-2]
    named = block.startswith(b"event: ") and block.startswith(b"data: ", end + 1)
    if named and block.find(b"\n", end + 1) == len(block) - 2 and b"\r" not in block:  # or this
        return block[7:end].strip(), block[end + 7 : -2]
    data: list[bytes] = []
    for line in block.removeprefix(_MARK).splitlines():
        if line.startswith(b"data:"):
            data.append(line[6:] if line[5:6] == b" " else line[5:])
        elif line.startswith(b"event:"):
            name = line[6:].strip()
    return name, data[0] if len(data) == 1 else b"\n".join(data)
