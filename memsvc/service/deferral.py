"""Compactions that can wait for a batch: what is handed in stands in the note of the session's job."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from memsvc.core.asking import Receipt, Reply, SummaryRequest
from memsvc.core.model import Key, Session
from memsvc.errors import SummarizerError
from memsvc.ports import Deferring

FIRST_LOOK_S, LONGEST_LOOK_S = 60.0, 900.0
GIVEN_UP_S = 26 * 3_600.0
"""A batch ends within a day; two hours more for clocks and results."""


class Ticket(Struct, frozen=True):
    """A summary that was handed in.

    Attributes:
        uid, epoch, cut: of the session then: only while they are the same may it be committed.
        to_seq: the last message that it stands for.
        saving_usd: what the compaction was expected to save.
        looks: how often it was looked for.
        dropped: nobody wants it any more; only its price is waited for.
    """

    receipt: Receipt
    uid: int
    epoch: int
    cut: int
    to_seq: int
    saving_usd: float | None
    looks: int = 0
    dropped: bool = False

    @property
    def note(self) -> str:
        """As a job keeps it."""
        return msgspec.json.encode(self).decode()

    def next_look(self, now: float) -> float:
        """When to look again (unix seconds)."""
        return now + min(FIRST_LOOK_S * 1.5 ** min(self.looks, 20), LONGEST_LOOK_S)

    def looked(self, *, dropped: bool = False) -> Ticket:
        """The ticket after one more look."""
        return replace(self, looks=self.looks + 1, dropped=self.dropped or dropped)

    def fits(self, session: Session) -> bool:
        """Whether the session still is as it was."""
        return (session.uid, session.epoch, session.cut) == (self.uid, self.epoch, self.cut)


def ticket_of(note: str) -> Ticket | None:
    """The ticket in a job's note; None for a note that holds none."""
    try:
        return msgspec.json.decode(note, type=Ticket) if note else None
    except msgspec.MsgspecError:
        return None


class Deferrals:
    """Hands summaries in, and looks for them.

    Args:
        writers: by name; the first that a conversation would ask is the one that is handed the request.
    """

    def __init__(self, writers: Sequence[Deferring]) -> None:
        self._writers = {writer.name: writer for writer in writers}

    async def submit(
        self, name: str, request: SummaryRequest, session: Session, to_seq: int, saving_usd: float | None
    ) -> Ticket | None:
        """A ticket, or None where this writer, or this summary, is not for a batch."""
        writer = self._writers.get(name)
        if writer is None:
            return None
        try:
            receipt = await writer.submit(request)
        except SummarizerError:
            return None
        return Ticket(receipt, session.uid, session.epoch, session.cut, to_seq, saving_usd)

    async def reply(self, key: Key, ticket: Ticket, now: float) -> Reply | None:
        """What came of it; None = not done yet. SummarizerError: nothing will."""
        writer = self._writers.get(ticket.receipt.writer)
        if writer is None:
            raise SummarizerError(f"{ticket.receipt.writer} is not set up any more", code="summary_batch_failed")
        found = await writer.reply(key, ticket.receipt)
        if found is None and now - ticket.receipt.at > GIVEN_UP_S:
            raise SummarizerError("the batch did not end within its day", code="summary_batch_failed")
        return found

    async def cancel(self, ticket: Ticket) -> None:
        """Give it up."""
        writer = self._writers.get(ticket.receipt.writer)
        if writer is not None:
            await writer.cancel(ticket.receipt)


class Collected:
    """A summarizer that answers with what a batch brought, once."""

    def __init__(self, name: str, reply: Reply) -> None:
        self.name = name
        self._reply: Reply | None = reply

    async def summarize(self, request: SummaryRequest) -> Reply:
        """The answer. A second one was not asked for in the batch."""
        reply, self._reply = self._reply, None
        if reply is None:
            raise SummarizerError("a batch is not asked twice", code="summary_incomplete")
        return replace(reply, resume=None)
