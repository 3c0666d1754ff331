"""One conversation."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Any, Self, Unpack

from memsvc.client.calls import Calls
from memsvc.client.options import AppendOptions, CompactOptions, Marks, Messages, PutOptions, UsageOptions
from memsvc.client.replies import AppendReply, Context, read, read_append, read_context, read_history
from memsvc.client.transport import Answer
from memsvc.client.writing import listed
from memsvc.core.model import Format
from memsvc.wire.replies import HistoryItem, HistoryPage, PinList, PinReply, SearchReply, SessionReply, UsageReply
from memsvc.wire.stats import CallPage
from memsvc.wire.summaries import CompactReply, SummaryPage

_KEPT = 4
"""Contexts that a handle keeps: one for each way of asking."""


class Session:
    """A handle of one session; making it asks nothing. Every method raises errors of `memsvc.errors`.

    Attributes:
        id: the session's name.
    """

    def __init__(self, calls: Calls, id: str) -> None:
        self.id = id
        self._calls = calls
        self._kept: OrderedDict[tuple[object, ...], Context] = OrderedDict()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def append(self, messages: Messages, **options: Unpack[AppendOptions]) -> AppendReply:
        """Append one message or a list, all or none, creating the session if new.

        It has an idempotency key, its own or yours, so a try whose answer was lost is repeated and nothing is
        stored twice. With `context`, a format, `reply.context` is the context that now holds."""
        return read_append(await self._send("append", {"messages": listed(messages), **options}))

    async def context(
        self,
        format: Format | None = None,
        *,
        max_tokens: int | None = None,
        wait_ms: int | None = None,
        marks: Marks | None = None,
    ) -> Context:
        """The context to send to the model; the same object as last time while it is unchanged.

        Args:
            format: None = the session's.
            max_tokens: a smaller limit for this fetch alone. Raises CannotFit.
            wait_ms: wait at most so long for a compaction that is due; None = do not.
        """
        asked = (format, max_tokens, marks)
        kept = self._kept.get(asked)
        given = {"format": format, "max_tokens": max_tokens, "wait_ms": wait_ms, "marks": marks}
        answer = await self._send("context", {**given, "if_none_match": kept.etag if kept else None})
        if kept is None or answer.status != 304:
            kept = read_context(answer)
        self._kept[asked] = kept
        self._kept.move_to_end(asked)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return kept

    async def get(self) -> SessionReply:
        """Counts, tokens, compaction, policy. Raises NotFound."""
        return read(SessionReply, await self._send("get"))

    async def put(self, **options: Unpack[PutOptions]) -> SessionReply:
        """Create the session or change its settings."""
        return read(SessionReply, await self._send("put", dict(options)))

    async def delete(self) -> None:
        """Delete it and everything derived from it. Raises NotFound."""
        await self._send("delete")
        self._kept.clear()

    async def history(
        self, after: int = 0, limit: int = 100, *, format: Format | None = None, content: bool | None = None
    ) -> HistoryPage:
        """A page of the log as it was written; `next` is for `after`, None at the end. With `content` False each
        `message` is empty."""
        given = {"after": after, "limit": limit, "format": format, "content": content}
        return read_history(await self._send("history", given))

    async def calls(self, after: str | None = None, limit: int | None = None) -> CallPage:
        """Its lines in the books, oldest first; `next` is for `after`, None at the end."""
        return read(CallPage, await self._send("calls", {"after": after, "limit": limit}))

    async def walk(
        self, after: int = 0, limit: int = 100, *, format: Format | None = None
    ) -> AsyncIterator[HistoryItem]:
        """Every row of the log after `after`, fetched in pages of `limit`."""
        following: int | None = after
        while following is not None:
            page = await self.history(following, limit, format=format)
            for row in page.messages:
                yield row
            following = page.next

    async def search(self, q: str, *, limit: int | None = None) -> SearchReply:
        """Messages that fit words and "phrases", the best first."""
        return read(SearchReply, await self._send("search", {"q": q, "limit": limit}))

    async def summaries(
        self, after: int | None = None, limit: int | None = None, *, statements: bool | None = None
    ) -> SummaryPage:
        """Committed summaries, oldest first; with `statements` also what each says, from where, and leaves out."""
        given = {"after": after, "limit": limit, "statements": statements}
        return read(SummaryPage, await self._send("summaries", given))

    async def compact(self, **options: Unpack[CompactOptions]) -> CompactReply:
        """Compact now; `reason` is `running` if that takes longer than `wait_ms`. A forced one is not repeated when
        its answer is lost."""
        return read(CompactReply, await self._send("compact", dict(options)))

    async def usage(self, **report: Unpack[UsageOptions]) -> UsageReply:
        """Report what a model call used; a call is booked once."""
        return read(UsageReply, await self._send("usage", dict(report)))

    async def truncate(self, after_seq: int) -> SessionReply:
        """Cut the log off after a message. Not repeated when its answer is lost: look at `get`."""
        return read(SessionReply, await self._send("truncate", {"after_seq": after_seq}))

    async def fork(self, to: str, *, after_seq: int | None = None) -> SessionReply:
        """A new session `to` with the past of this one. Not repeated when its answer is lost."""
        return read(SessionReply, await self._send("fork", {"to": to, "after_seq": after_seq}))

    async def redact(self, seq: int) -> SessionReply:
        """Erase one message for good, and every summary that covers it."""
        answer = await self._send("redact", seq=seq)
        self._kept.clear()
        return read(SessionReply, answer)

    async def pin(self, seq: int) -> PinReply:
        """Keep a message word for word in every summary. Raises CannotFit."""
        return read(PinReply, await self._send("pin", seq=seq))

    async def unpin(self, seq: int) -> None:
        """Stop keeping it."""
        await self._send("unpin", seq=seq)

    async def pins(self) -> PinList:
        """The live messages that are pinned."""
        return read(PinList, await self._send("pins"))

    async def _send(self, name: str, given: Any = None, *, seq: int | None = None) -> Answer:
        values = {"sid": self.id} if seq is None else {"sid": self.id, "seq": str(seq)}
        return await self._calls.send(name, values, given or {})
