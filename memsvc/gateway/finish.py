"""What is done when a reply has come: it is stored, what it used is booked, and the client is told."""

from __future__ import annotations

import asyncio
import math
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from msgspec import Struct

from memsvc.core import usage as reports
from memsvc.core.model import Key
from memsvc.core.money import Usage
from memsvc.core.stream import Heard
from memsvc.errors import MemsvcError, NotFound
from memsvc.gateway import steps
from memsvc.gateway.books import AFTER_HANG_UP_TOKENS, MOST_OUTPUT_TOKENS, MOST_TOKENS_PER_S, Books, Held
from memsvc.gateway.conversation import Conversations
from memsvc.gateway.wishes import PREFIX, SESSION
from memsvc.observe import CacheBroken, ProviderFailed, ReplyNotStored, Sink, StreamMoved
from memsvc.ports import Counter
from memsvc.service.requests import UsageRequest

if TYPE_CHECKING:
    from memsvc.gateway.order import Order


class Done(Struct, frozen=True):
    """What came of a call.

    Attributes:
        usd: what it cost; None = unknown.
        stored: the session that has it; None = none, though one should.
    """

    usd: float | None
    stored: Key | None


class Finish:
    """Ends calls.

    Args:
        tell: hears of caches that clients broke, and of replies that could not be stored.
    """

    def __init__(self, conversations: Conversations, books: Books, counter: Counter, *, tell: Sink) -> None:
        self._conversations = conversations
        self._books = books
        self._counter = counter
        self._tell = tell

    async def heard(self, order: Order, heard: Heard) -> Done:
        """A reply, as far as it has come. Raises nothing on purpose: the client gets it whatever becomes of it."""
        report = self._report(order, heard)
        stored, usd = await asyncio.gather(self._stored(order, heard), self._booked(order, report))
        steps.answered(order, heard, report, usd)
        if heard.error is not None:
            self._tell(ProviderFailed(order.tenant, order.session, order.upstream.provider, "error_in_reply"))
        return Done(usd, stored)

    @contextmanager
    def streaming(self, order: Order) -> Iterator[None]:
        """For as long as a stream is under way."""
        self._tell(StreamMoved(order.upstream.provider, opened=True))
        try:
            yield
        finally:
            self._tell(StreamMoved(order.upstream.provider, opened=False))

    def broke_off(self, order: Order) -> None:
        """A provider ended a stream before its end."""
        self._tell(ProviderFailed(order.tenant, order.session, order.upstream.provider, "upstream_broke_off"))

    async def unstored(self, order: Order, heard: Heard) -> None:
        """A reply that is asked for anew: it is booked, and that is all."""
        report = self._report(order, heard)
        steps.answered(order, heard, report, await self._booked(order, report))

    async def _stored(self, order: Order, heard: Heard) -> Key | None:
        turn = order.turn
        if turn is None:
            return Key(order.tenant, "")
        try:
            return await self._conversations.store(turn, order.call, heard)
        except MemsvcError as error:
            self._tell(ReplyNotStored(turn.key.tenant, turn.key.session, error.code))
            return None

    async def _booked(self, order: Order, report: UsageRequest | None) -> float | None:
        """Book a report in the place of the worst case; gives the cost in dollars, None = unknown."""
        held = order.held
        assert held is not None, "no call is made that is not held"
        if report is None:
            return held.usd  # nobody knows: the worst case stays
        assert report.read is not None, "read when it was made"
        used = report.read.usage
        usd = await self._books.price(order.upstream.provider, report.model or order.model, used)
        if usd is None:  # a name that the list does not have, for what was asked by one that it may have
            usd = await self._books.price(order.upstream.provider, order.model, used)
            report = report if usd is None else replace(report, model=order.model)
        if not await self._taken(order, held, report, used):
            return held.usd  # the worst case stays: too much, never too little
        return usd

    async def _taken(self, order: Order, held: Held, report: UsageRequest, used: Usage) -> bool:
        """Whether a report stands in the books."""
        if order.turn is not None:
            try:
                await self._conversations.book(order.turn, report)
                return True
            except NotFound:
                pass  # the session was deleted meanwhile
            except MemsvcError:
                return False
        return await self._books.settle(held, report.id, report.model, used)

    async def headers(self, order: Order, done: Done | None) -> dict[str, str]:
        """What the reply's headers say; `done` None = it is still to come, or was refused."""
        found: dict[str, str] = {f"{PREFIX}model": order.model}
        turn, held = order.turn, order.held
        usd = done.usd if done is not None else (held.usd if held is not None else None)
        if usd is not None:
            found[f"{PREFIX}cost-usd"] = f"{usd:.6f}"
        if order.limit is not None and order.limit != order.call.output_tokens:
            found[f"{PREFIX}output-cap"] = str(order.limit)
        if order.repaired:
            found[f"{PREFIX}repaired"] = ", ".join(order.repaired)
        if done is not None and done.stored is None:
            found[f"{PREFIX}warning"] = "reply_not_stored"
        if turn is None:
            return found
        found[f"{PREFIX}epoch"] = str(turn.epoch)
        found[f"{PREFIX}tokens-saved"] = str(turn.saved)
        place = turn.key if done is None or done.stored is None else done.stored
        found[SESSION] = quote(place.session, safe=" !#$&'()*+,/:;=?@[]~")
        if turn.broken is not None:
            found[f"{PREFIX}cache-break"] = await self._told(order)
        return found

    async def _told(self, order: Order) -> str:
        """What the client's change costs, told once."""
        turn = order.turn
        assert turn is not None
        assert turn.broken is not None
        lost, provider = turn.broken.tokens, order.upstream.provider
        written = Usage(lost, 0, cache_write=lost, cache_write_long=lost if turn.long else None)
        new = await self._books.price(provider, order.model, written)
        old = await self._books.price(provider, order.model, Usage(lost, 0, cache_read=lost))
        usd = max(0.0, new - old) if new is not None and old is not None else None
        self._tell(CacheBroken(turn.key.tenant, turn.key.session, turn.broken.cause, lost, usd))
        told = f"{turn.broken.cause}; tokens={lost}"
        return told if usd is None else f"{told}; usd={usd:.6f}"

    def _report(self, order: Order, heard: Heard) -> UsageRequest | None:
        """The usage report of a reply; None where it has none that makes sense."""
        usage = heard.usage
        if order.held is None:
            return None
        if usage is None and not heard.complete and heard.id is not None:
            usage = self._at_most(order, order.held)
        elif usage is not None and not heard.complete:
            usage = self._rounded_up(order, heard, usage)
        if usage is None:
            return None
        provider = order.upstream.provider
        sent = order.turn.sent if order.turn is not None and heard.complete else None
        try:
            read = reports.read(usage, provider)
        except MemsvcError:
            return None
        return UsageRequest(
            usage,
            id=heard.id or f"unnamed-{uuid.uuid4().hex}",
            provider=provider,
            model=heard.model if order.upstream.own else _priced(heard.model, order.model),
            revision=sent.revision if sent is not None else None,
            feature=order.wishes.feature,
            held=order.held.line.id,
            read=read,
            sent=sent,
        )

    def _at_most(self, order: Order, held: Held) -> dict[str, Any]:
        """A stream that had begun and broke off before it told what it used: all of its input, written to the cache,
        and all that can have been written since it was asked for."""
        size = held.line.usage.input
        details = {"cached_tokens": 0, "cache_write_tokens": size}
        return {
            "prompt_tokens": size,
            "completion_tokens": _writable(order),
            "prompt_tokens_details": details,
        }

    def _rounded_up(self, order: Order, heard: Heard, usage: dict[str, Any]) -> dict[str, Any]:
        """A reply that broke off: what it used is what was said of its input, and at least what came of its output;
        where it has parts that are not shown, all that can have been written since it was asked for."""
        name = "output_tokens" if "output_tokens" in usage else "completion_tokens"
        came = self._counter.count(b"".join(heard.messages).decode("utf-8", "replace"))
        most = order.limit if order.limit is not None else came * 2 + AFTER_HANG_UP_TOKENS
        said = usage.get(name)
        least = said if isinstance(said, int) else 0
        if heard.unseen:
            return {**usage, name: max(least, _writable(order))}
        return {**usage, name: max(least, min(most, came * 2 + AFTER_HANG_UP_TOKENS))}


def _writable(order: Order) -> int:
    """Tokens that a model can have written since it was asked."""
    seconds = asyncio.get_running_loop().time() - order.sent_at
    written = math.ceil(seconds * MOST_TOKENS_PER_S) + AFTER_HANG_UP_TOKENS
    return min(written, MOST_OUTPUT_TOKENS if order.limit is None else order.limit)


def _priced(answered: str | None, asked: str) -> str:
    """The model to book: a reply names a dated one, or the one of an own deployment."""
    return answered or asked
