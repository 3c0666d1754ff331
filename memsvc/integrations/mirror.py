"""A session kept level with a framework's own list of messages, and the list to send instead of it.

The framework's list stays whole and is the authority: what is new in it is appended, what an edit took out of it is
cut off. Sent is the context; where it says what the list says, the framework's own objects are sent, so that what
no wire format carries (ids, signatures of thinking, artifacts) is there too.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from memsvc.core.model import Format
from memsvc.errors import Conflict, MemsvcError, NotFound
from memsvc.integrations.handles import Asked

Json = dict[str, Any]
_log = logging.getLogger("memsvc")
_PAGE = 1_000
_TRIES = 4
_AGAIN = "~again"
"""Before its number in a name, where an edit took a message out and another brought it back."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A message as it is stored.

    Attributes:
        name: the same for the same message, another for any other.
        wire: as the vendor's API takes it.
    """

    name: str
    wire: Json


@dataclass(frozen=True, slots=True)
class Front:
    """What the model gets before the messages; None = none."""

    system: str | None = None
    tools: Sequence[Json] | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """What to send.

    Attributes:
        messages: each the index of a unit that goes as it is, or a message that is in no unit.
        revision: of the context, for `report`.
        before_epoch: units that were stored before the present prefix began: thinking in them may be refused.
    """

    messages: list[int | Json]
    revision: int
    before_epoch: frozenset[int]


@dataclass(slots=True)
class _Row:
    seq: int
    epoch: int


@dataclass(slots=True)
class Mirror:
    """One session. Not for two runs at once: they would take each other's messages for edits.

    Attributes:
        ask: calls the session.
        format: what units are written in.
    """

    ask: Asked
    format: Format
    _live: dict[str, _Row] = field(default_factory=dict)
    _stored: set[str] = field(default_factory=set)
    _revision: int = -1
    _front: str = ""

    async def send(self, units: Sequence[Unit], front: Front) -> Sent:
        """Bring the session level, and say what to send. Raises CannotFit."""
        said = json.dumps([front.system, front.tools])
        if said != self._front:
            tools = list(front.tools) if front.tools else None
            await self.ask("put", system=front.system, tools=tools, format=self.format)
            self._front = said
        for _ in range(_TRIES):
            if self._revision < 0:
                await self._load()
            await self._cut_off(units)
            await self.add(units)
            context = await self.ask("context", self.format, marks="none")
            if context.log_revision == self._revision:
                break
            self._revision = -1  # somebody else has written: what is known of the log is out of date
        return self._matched(context, units)

    async def add(self, units: Sequence[Unit]) -> None:
        """Append those that are not there yet. Raises Conflict where others write without end."""
        tries = 0
        while True:
            if self._revision < 0:
                await self._load()
            fresh = [unit for unit in {u.name: u for u in units}.values() if unit.name not in self._live]
            if not fresh:
                return
            names, wires = [self._free(unit.name) for unit in fresh], [unit.wire for unit in fresh]
            given = {"ids": names, "format": self.format, "if_log_revision": self._revision}
            try:
                reply = await self.ask("append", wires, **given)
            except Conflict:
                self._revision, tries = -1, tries + 1
                if tries == _TRIES:
                    raise
                continue
            self._revision = reply.log_revision
            self._stored.update(names)
            self._live |= {u.name: _Row(seq, reply.epoch) for u, seq in zip(fresh, reply.seqs, strict=True)}
            return

    async def report(self, sent: Sent, call: Mapping[str, Any]) -> None:
        """Report what the call with `sent` used: `id`, `provider`, `model`, `usage`. What goes wrong is logged: the
        reply is there, and counts for more than the books."""
        try:
            await self.ask("usage", revision=sent.revision, **call)
        except MemsvcError as error:
            _log.warning("usage of %s was not booked: %s", call["id"], error)

    async def _load(self) -> None:
        """Read which messages the session has."""
        self._live, self._stored, self._revision = {}, set(), 0
        try:
            self._revision = (await self.ask("get")).log_revision
        except NotFound:
            return
        following: int | None = 0
        while following is not None:
            page = await self.ask("history", following, _PAGE)
            for row in page.messages:
                if row.id is not None:
                    self._stored.add(row.id)
                    if not row.superseded:
                        self._live[row.id.partition(_AGAIN)[0]] = _Row(row.seq, row.epoch)
            following = page.next

    async def _cut_off(self, units: Sequence[Unit]) -> None:
        """Where the list begins as the session does and then lacks something, an edit took that out."""
        if self._gone(units) is not None and (await self.ask("get")).log_revision != self._revision:
            await self._load()  # a cut takes off whatever comes later, so it must be known
        gone = self._gone(units)
        if gone is not None:
            self._revision = (await self.ask("truncate", gone - 1)).log_revision
            self._live = {name: row for name, row in self._live.items() if row.seq < gone}

    def _gone(self, units: Sequence[Unit]) -> int | None:
        """The first seq that an edit took out; None also where the list holds only what is new."""
        names = {unit.name for unit in units}
        if not units or next(iter(self._live), None) != units[0].name:
            return None
        return next((row.seq for name, row in self._live.items() if name not in names), None)

    def _free(self, name: str) -> str:
        """A name that no message of the log has, superseded ones included."""
        number, free = 1, name
        while free in self._stored:
            number += 1
            free = f"{name}{_AGAIN}{number}"
        return free

    def _matched(self, context: Any, units: Sequence[Unit]) -> Sent:
        cut = context.covers.to if context.covers is not None else 0
        places: dict[str, list[int]] = {}
        for i, unit in enumerate(units):
            if self._live[unit.name].seq > cut:
                places.setdefault(_key(unit.wire), []).append(i)
        beside = 1 if self.format != "anthropic" and context.tokens.system else 0
        messages: list[int | Json] = []
        last = -1
        for wire in context.messages[beside:]:
            found = next((i for i in places.get(_key(wire), ()) if i > last), None)
            messages.append(wire if found is None else found)
            last = last if found is None else found
        old = (i for i, unit in enumerate(units) if self._live[unit.name].epoch < context.epoch)
        return Sent(messages, context.revision, frozenset(old))


def _key(wire: Json) -> str:
    return json.dumps(wire, sort_keys=True)
