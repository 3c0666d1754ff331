"""One call of a session: what is new goes into the log, the context comes out, the reply follows when it has come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any, TypeVar

import msgspec
import orjson
from msgspec import Struct

from memsvc.core import policy as rules
from memsvc.core import vendor_calls
from memsvc.core.model import Key, Session
from memsvc.core.money import Sent
from memsvc.core.render.splice import edit, string
from memsvc.core.stream import Heard
from memsvc.core.vendor_calls import VendorCall
from memsvc.errors import CannotFit, Conflict, InvalidRequest, NotFound
from memsvc.gateway.books import most_of
from memsvc.gateway.resent import Recent
from memsvc.gateway.wishes import History
from memsvc.ports import Store
from memsvc.service import Memory
from memsvc.service.known import INCOMPLETE
from memsvc.service.lines import Lines, Taken
from memsvc.service.requests import CompactRequest, ContextRequest, PutRequest, UsageRequest

REPAIR_WAIT_MS = 30_000
"""So long a call waits for the compaction without which the provider would not take it."""
SHORT_S, LONG_S = 300.0, 3_600.0
"""Lifetimes of Anthropic's caches."""
T = TypeVar("T")
_DOCUMENT = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Break(Struct, frozen=True):
    """The client changed what the provider had cached.

    Attributes:
        cause: `tools_changed`, `system_changed`, `model_changed` or `edited`.
        tokens: provider tokens, as expected, that are to be written anew.
    """

    cause: str
    tokens: int


class Turn(Struct, frozen=True):
    """A session as one call finds it.

    Attributes:
        key: the session, or the branch of it that the client is on.
        context: members of the context's document as JSON.
        taken: what became of the request's messages.
        epoch: of the context; sent: what it is, to compare a provider's count with.
        size: provider tokens of the context, as expected; saved: what the full history would take beyond it, raw.
        broken: what the client changed, if that costs something.
        long: the session's marks are for the longer of the cache's lifetimes.
    """

    key: Key
    taken: Taken
    context: Mapping[str, bytes]
    epoch: int
    sent: Sent
    size: int
    saved: int
    broken: Break | None
    long: bool


class Start(Struct, frozen=True):
    """Where a call finds its session.

    Attributes:
        head: the session's header; None = it begins with this call.
        begun: fingerprints of the call's first messages, where they are known.
        flight: ends when the reply is stored or given up; until then nobody cuts off what the call is made for.
    """

    key: Key
    head: Session | None
    history: History
    flight: ExitStack
    begun: Sequence[bytes] = ()


class Conversations:
    """Turns of sessions.

    Attributes:
        recent: what their last calls began with.

    Args:
        clock: unix seconds.
    """

    def __init__(self, memory: Memory, store: Store, lines: Lines, *, clock: Callable[[], float]) -> None:
        self._memory = memory
        self._store = store
        self.lines = lines
        self._clock = clock
        self.recent = Recent()
        memory.on_forget(self.recent.forget)

    async def head(self, key: Key) -> Session | None:
        """The session's header, if there is one."""
        return await self._store.head(key)

    def ttl_s(self, head: Session) -> float:
        """Seconds for which a provider keeps a session's prompt in its cache."""
        return LONG_S if self._memory.limits(head).cache_ttl == "1h" else SHORT_S

    async def begin(self, start: Start, call: VendorCall, model: str) -> Turn:
        """Bring a session up to date with a call. Raises what an append and a fetch raise."""
        head, key = start.head, start.key
        if not call.messages:
            name = vendor_calls.LISTS[call.api]
            raise InvalidRequest(f"`{name}` has no message: a turn of a session needs one.", field=name)
        if head is None:
            await self._memory.put(key, PutRequest(_of_new(call, model), call.system_role), quiet=True)
        mode: History = "new" if start.history == "auto" and call.follows is not None else start.history
        aside = head is not None and _other_system(head, call)
        took = self.lines.take(key, call.format, call.messages, start.begun, mode=mode, aside=aside, head=head)
        taken = await took
        start.flight.enter_context(self.lines.flying(taken.key))
        broken = None
        if head is not None:
            broken = await self._changed(head if taken.key == key else taken.session, taken, call, model)
        try:
            return await self._turn(taken, call, broken)
        except CannotFit:
            await self._take_back(taken)
            raise

    async def again(self, turn: Turn, call: VendorCall) -> Turn | None:
        """The same turn after a compaction, for a provider that found the context too large; None = no smaller one
        can be had."""
        keep = max(1, (await self._head(turn.key)).tail_tokens // 3)
        try:
            _, done = await self._memory.compact(turn.key, CompactRequest(True, keep, REPAIR_WAIT_MS))
        except CannotFit:
            return None
        return await self._turn(turn.taken, call, turn.broken) if done.get("changed") else None

    async def moved(self, turn: Turn, call: VendorCall, model: str) -> Turn:
        """The same turn with another model."""
        await self._memory.put(turn.key, PutRequest({"model": string(model)}), quiet=True)
        return await self._turn(turn.taken, call, turn.broken)

    async def take_back(self, turn: Turn) -> None:
        """The same for a turn that the provider has refused."""
        await self._take_back(turn.taken)

    async def _take_back(self, taken: Taken) -> None:
        """Supersede what a request brought that cannot be sent, where its client sends only what is new
        and so could not leave it out of the next; unless something else was written meanwhile."""
        if taken.kind != "new" or not taken.appended:
            return
        with suppress(Conflict, NotFound):
            before = taken.last_seq - taken.appended
            await self._memory.truncate(taken.key, before, if_log_revision=taken.log_revision, quiet=True)

    async def store(self, turn: Turn, call: VendorCall, heard: Heard) -> Key:
        """Append a reply to the session; gives the session where it is now, a branch where the turn's own went on
        without it. Raises NotFound where that is gone."""
        messages = heard.messages if heard.complete else tuple(_marked(raw, call) for raw in heard.messages)
        if not messages:
            return turn.key
        return (await self.lines.reply(turn.taken, call.format, messages)).key

    async def book(self, turn: Turn, report: UsageRequest) -> None:
        """Book a report, and let the session learn from it. Raises NotFound where that is gone."""
        await self._memory.usage(turn.key, report)

    async def _head(self, key: Key) -> Session:
        head = await self._store.head(key)
        if head is None:
            raise NotFound(f"no session {key.session!r}: it was deleted meanwhile")
        return head

    async def _changed(self, head: Session | None, taken: Taken, call: VendorCall, model: str) -> Break | None:
        """Put what the client changed of the session's front; gives what that breaks."""
        if head is None:
            return None
        fields, causes = _differences(head.settings, call, model)
        if fields:
            await self._memory.put(taken.key, PutRequest(fields, call.system_role), quiet=True)
        if taken.truncated and taken.session is not None and taken.session.epoch != head.epoch:
            causes.append("edited")  # into what a summary stood for
        if not causes or not head.messages:
            return None
        kept = head.settings.tools_tokens if causes[0] == "system_changed" else 0
        if causes[0] == "edited":
            kept = head.fixed_tokens
        lost = max(0, rules.expected(head) - rules.provider_tokens(kept, head.factor))
        warm = self._clock() - head.updated_at < self.ttl_s(head)
        return Break(causes[0], lost if warm else 0)

    async def _turn(self, taken: Taken, call: VendorCall, broken: Break | None) -> Turn:
        key = taken.key
        rendered = await self._memory.context(key, ContextRequest(call.format))
        head = rendered.session
        context = {k: bytes(v) for k, v in _DOCUMENT.decode(rendered.body).items()}
        tokens = orjson.loads(context["tokens"])
        return Turn(
            key=key,
            taken=taken,
            context=context,
            epoch=int(context["epoch"]),
            sent=Sent(head.uid, head.prefix_revision, head.revision, head.context_tokens),
            size=max(most_of(head), rules.provider_tokens(tokens["context"], head.factor)),
            saved=max(0, tokens["full"] - tokens["context"]),
            broken=broken,
            long=self.ttl_s(head) > SHORT_S,
        )


def _of_new(call: VendorCall, model: str) -> dict[str, bytes]:
    """The members of a session that begins with this call."""
    fields = {"format": string(call.format), "model": string(model)}
    if call.system is not None:
        fields["system"] = call.system
    if call.tools is not None:
        fields["tools"] = call.tools
    if call.long_marks:
        fields["policy"] = b'{"cache_ttl":"1h"}'
    return fields


def _differences(settings: Any, call: VendorCall, model: str) -> tuple[dict[str, bytes], list[str]]:
    """The members in which a call differs from its session, and what that does to the cache, the worst first."""
    fields: dict[str, bytes] = {}
    causes: list[str] = []
    if settings.model != model:
        fields["model"] = string(model)
        if settings.model is not None and rules.bare(settings.model) != rules.bare(model):
            causes.append("model_changed")
    if call.tools is not None and not vendor_calls.same_tools(settings.tools, call.tools):
        fields["tools"] = call.tools
        causes.append("tools_changed")
    elif call.tools is None and settings.tools is not None:
        causes.append("tools_changed")  # for this call
    stored = settings.system.content if settings.system is not None else None
    if call.system is not None and not vendor_calls.same_system(stored, call.system):
        fields["system"] = call.system
        causes.append("system_changed")
    return fields, causes


def _other_system(head: Session, call: VendorCall) -> bool:
    """Whether a call brings another system prompt than its session has."""
    stored = head.settings.system
    return call.system is not None and stored is not None and not vendor_calls.same_system(stored.content, call.system)


def _marked(raw: bytes, call: VendorCall) -> bytes:
    """A reply that broke off, marked as such for whoever reads the log."""
    return edit(raw, (), {"stop_reason": string(INCOMPLETE)}) if call.api != "responses" else raw


async def shielded(work: Awaitable[T]) -> T:
    """Wait for `work` to its end, also if whoever waits is told to go."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=5)
        raise
