"""A session behind a framework that asks for what to send, and adds what is new: in `Said`, in either format.

What was thought before a compaction is left out by the service. One thing it cannot see: a run that was asked for
before a compaction and added after it. `add` notes that in the session's metadata, `read` looks there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from memsvc.core.render.out import PLACEHOLDER
from memsvc.errors import CannotFit, NotFound
from memsvc.integrations import front
from memsvc.integrations.handles import Asked
from memsvc.integrations.parts import Json, Result, Said, Text, Thought, Wire, from_wire, to_wire

_PAGE = 1_000
_UNBOUND = "memsvc_thinking_unbound"
"""Member of the metadata: the epoch whose log holds thinking that another prefix led to."""
_SUMMARY = "<conversation_summary>"


@dataclass(frozen=True, slots=True)
class Context:
    """What to send; `epoch` is to be given to `add`. None = nothing is there yet."""

    said: list[Said]
    epoch: int | None


async def read(ask: Asked, format: Wire) -> Context:
    """The context. The session's own system prompt is left out, unless it was added as a message."""
    try:
        context = await ask("context", format, marks="none")
    except NotFound:
        return Context([], None)
    except CannotFit as error:
        if error.code == "empty_context":
            return Context([], None)
        raise
    said = [one for wire in context.messages for one in from_wire(wire, format)]
    thought = any(isinstance(part, Thought) for one in said for part in one.parts)
    system = bool(context.tokens.system)
    head = await front.head_of(ask) if system or thought else None
    metadata = head.metadata if head is not None else {}
    if thought and metadata.get(_UNBOUND) == context.epoch:
        said = _without_thinking(said)
    if format == "anthropic" and system:
        said.insert(0, Said("system", [Text(_words(context.system))]))
    if system and not metadata.get(front.ADDED):
        said = said[1:]
    return Context(_without_placeholders(said), context.epoch)


async def history(ask: Asked, format: Wire) -> list[Said]:
    """Everything that was added and holds, word for word, oldest first."""
    rows = [one for row in await _rows(ask, format) for one in from_wire(row.message, format)]
    head = await front.head_of(ask)
    if head is None or not head.metadata.get(front.ADDED):
        return rows
    return (await read(ask, format)).said[:1] + rows


async def add(ask: Asked, said: Sequence[Said], format: Wire, epoch: int | None = None) -> None:
    """Append messages, all or none. `epoch`: of the context that led to them."""
    wires = [wire for one in said for wire in to_wire(one, format)]
    if not wires:
        return
    await front.note(ask, wires[0])
    reply = await ask("append", wires, format=format)
    signed = any(isinstance(part, Thought) and part.signature for one in said for part in one.parts)
    if signed and format == "anthropic" and epoch not in (None, reply.epoch):
        head = await front.head_of(ask)
        await ask("put", metadata={**head.metadata, _UNBOUND: reply.epoch})


async def put_in_place(ask: Asked, said: Sequence[Said], format: Wire) -> None:
    """Make the log hold `said`: what it has already is not stored again, what is missing there is superseded.

    A summary in it stands for what it stood for, so a context that was read may be given back.
    """
    summed = any(_is_summary(one) for one in said)
    lead = said[0] if said and said[0].role in front.INSTRUCTING else None
    given = [one for one in said if one is not lead and not _is_summary(one)]
    wires = [wire for one in given for wire in to_wire(one, format)]
    rows = await _rows(ask, format)
    begin = 0
    if summed:
        begin = next((i for i, row in enumerate(rows) if wires and _same(row.message, wires[0])), len(rows))
    same = 0
    while begin + same < len(rows) and same < len(wires) and _same(rows[begin + same].message, wires[same]):
        same += 1
    if begin + same < len(rows):
        await ask("truncate", rows[begin + same].seq - 1)
    if lead is not None:
        head = await front.head_of(ask)
        metadata = {**(head.metadata if head is not None else {}), front.ADDED: True}
        await ask(
            "put", system=_words([{"text": p.text} for p in lead.parts if isinstance(p, Text)]), metadata=metadata
        )
    await add(ask, [one for wire in wires[same:] for one in from_wire(wire, format)], format)


async def _rows(ask: Asked, format: Wire) -> list[Any]:
    rows: list[Any] = []
    following: int | None = 0
    while following is not None:
        try:
            page = await ask("history", following, _PAGE, format=format)
        except NotFound:
            break
        rows += [row for row in page.messages if not row.superseded]
        following = page.next
    return rows


def _same(one: Json, other: Json) -> bool:
    """What a context leaves out does not count."""
    return {**one, "id": None} == {**other, "id": None}


def _is_summary(said: Said) -> bool:
    return said.role == "user" and any(isinstance(p, Text) and p.text.startswith(_SUMMARY) for p in said.parts[:1])


def _without_thinking(said: list[Said]) -> list[Said]:
    kept = [replace(one, parts=[p for p in one.parts if not isinstance(p, Thought)]) for one in said]
    return [one for one in kept if one.parts]


def _without_placeholders(said: list[Said]) -> list[Said]:
    """Calls at the end wait for their results: the framework has these, or will."""
    made_up = (Text(PLACEHOLDER),)
    while said and said[-1].role == "tool":
        parts = [part for part in said[-1].parts if not (isinstance(part, Result) and part.parts == made_up)]
        if len(parts) == len(said[-1].parts):
            break
        said = said[:-1] + ([replace(said[-1], parts=parts)] if parts else [])
    return said


def _words(system: Any) -> str:
    return system if isinstance(system, str) else "\n\n".join(block["text"] for block in system)
