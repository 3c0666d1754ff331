"""Rendered messages: finished bytes that only wait to be joined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from memsvc.core.model import Format
from memsvc.core.render.blocks import Decoded, Result, plain
from memsvc.core.render.runs import Item
from memsvc.core.render.splice import string

PLACEHOLDER = "[no result was recorded for this call]"
"""Stands for a missing tool result; final once the next assistant message came."""
EMPTY_ERROR = "[the tool failed and said nothing]"
"""Stands for the content of a failed result that has none."""


class Out(Struct, frozen=True):
    """One message of a context.

    Attributes:
        json: the message.
        mark_at: where in it a cache mark would be written; -1 = nowhere.
    """

    role: str
    json: bytes
    mark_at: int = -1

    @classmethod
    def of_blocks(cls, role: str, parts: Sequence[bytes], markable: int | None = None) -> Out:
        """A message whose content is a list of blocks. `markable` is the index of the block
        that may carry a mark: the last one for None, no one for -1."""
        head = b'{"role":' + string(role) + b',"content":['
        last = len(parts) - 1 if markable is None else markable
        mark_at = -1
        if last >= 0:
            mark_at = len(head) + sum(map(len, parts[: last + 1])) + last - 1
        return cls(role, head + b",".join(parts) + b"]}", mark_at)

    def marked(self, mark: bytes) -> bytes:
        """The message with `mark` (a JSON member) on the block that may carry it, if any may."""
        if self.mark_at < 0:
            return self.json
        return self.json[: self.mark_at] + b"," + mark + self.json[self.mark_at :]


class Answer(Struct, frozen=True):
    """What stands under a call: its result, or nothing yet (`result` None).

    Attributes:
        id: final id of the call at the target.
        native: format the result was written in.
        message: the message that the result came in.
        kind: of the call.
        repeated: an earlier item has the id of the item that the result is.
    """

    id: str
    result: Result | None
    seq: int
    native: Format
    message: Decoded | None = None
    kind: str = "function"
    repeated: bool = False


class Encoder(Protocol):
    """Writes decoded messages in one target format. None or an empty list = nothing left to send."""

    format: Format

    def legal_id(self, call_id: str) -> bool:
        """Whether the target takes this call id."""
        ...

    def lead(self) -> Out | None:
        """The line before a leading assistant message, where the target wants one."""
        ...

    def assistant(self, msg: Decoded, seq: int, ids: Sequence[str], thinking: bool) -> list[Out]:
        """An assistant message; `ids` are the final ids of its calls in order. Without
        `thinking` its reasoning blocks are left out."""
        ...

    def run(self, items: Sequence[Item]) -> list[Out]:
        """One reply that was written as several items."""
        ...

    def user(self, msg: Decoded, seq: int) -> Out | None:
        """A user message without its tool results."""
        ...

    def system(self, msg: Decoded, seq: int) -> Out | None:
        """A system message in mid-conversation."""
        ...

    def results(self, answers: Sequence[Answer], rest: Decoded | None, seq: int) -> list[Out]:
        """The answers of a group, then what else the message `rest` held."""
        ...

    def late(self, result: Result, seq: int) -> Out | None:
        """A result whose call is not open any more."""
        ...


def late_text(result: Result, seq: int) -> str:
    """The fixed form of a late result (a repair)."""
    body = plain(result.content, seq)
    return f"[result of tool call {result.call_id}, seq {seq}]" + (f"\n{body}" if body else "")
