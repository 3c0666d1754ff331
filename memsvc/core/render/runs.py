"""Runs: one reply of the model, that the Responses API writes as several items.

Neighbouring items of the model (reasoning, message, calls, what its own tools did) are one
run. It may come in over any number of appends; until something else follows, more may come.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from memsvc.core.render.blocks import Block, Call, Decoded, Text, Thinking, omitted


class Item(Struct, frozen=True):
    """An item of a run.

    Attributes:
        ids: the final ids of its calls at the target.
        bare: what it followed is not in the context, so it must not name its own id.
        repeated: an earlier item of the tail has the same id.
    """

    msg: Decoded
    seq: int
    ids: tuple[str, ...] = ()
    bare: bool = False
    repeated: bool = False


def joins(before: Decoded, msg: Decoded) -> bool:
    """Whether a message belongs to the same run as the one right before it.

    Two messages in a row without ids of the provider are two replies."""
    if not (before.role == msg.role == "assistant" and before.format == msg.format == "responses"):
        return False
    return not (before.native_role == msg.native_role == "assistant" and msg.item_id is None)


def thinks(msg: Decoded) -> bool:
    """Whether it is a reasoning item, which the item after it must follow."""
    return msg.format == "responses" and bool(msg.blocks) and isinstance(msg.blocks[0], Thinking)


def merged(run: Sequence[Item]) -> tuple[Decoded, list[str]]:
    """A run as one message for formats that have one message a reply, and the ids of its calls."""
    blocks = tuple(_carried(b, item.seq) for item in run for b in item.msg.blocks)
    return Decoded("assistant", blocks, b"", "responses", "assistant"), [i for item in run for i in item.ids]


def _carried(b: Block, seq: int) -> Block:
    return b if isinstance(b, (Text, Call, Thinking)) else Text(omitted(b, seq))
