"""Holds one conversation through the gateway and accounts for every message of it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import quote

import aiohttp

from benchmarks.corpus import Json, role_of
from benchmarks.replayed.caller import Caller, Got
from benchmarks.replayed.talks import Exchange, Part, Talk, answer_of, told
from benchmarks.replayed.wire import Wire
from memsvc.testing import prefix_breaks, violations
from memsvc.testing.provider import Answer, Call, Fault, Provider

KINDS = (
    "invalid",
    "breaks",
    "cold",
    "over",
    "lost",
    "doubled",
    "superseded",
    "garbled",
    "refused",
    "repaired",
    "moved",
)
"""
invalid: rules that a request to the provider breaks, or it refused one. breaks: what the provider had cached changed
without a new epoch, tools or system prompt changed at all, an epoch went back. cold: within an epoch less was read
from the provider's cache than it held. over: a request above `max_tokens`. lost, doubled: messages that the log has
not, or more than once. superseded: what no client edited. garbled: a reply that is not what the provider said.
refused: by the gateway. repaired: the provider refused a request that was then sent in another way. moved: to a
branch though nobody else writes.
"""
_NOTES = 20
_BUSY = ("queued", "running")
_SOON_S = 0.2
_COUNTED_APART = 1.3
"""The stand-in counts results and arguments of the Responses API as JSON, the service what is in them."""


@dataclass(slots=True)
class Tally:
    """Sums over conversations. `sent`, `full`: raw tokens of requests, and what the whole histories would have been."""

    conversations: int = 0
    messages: int = 0
    calls: int = 0
    streamed: int = 0
    compactions: int = 0
    sent: float = 0.0
    full: float = 0.0
    read: float = 0.0
    branches: int = 0
    done: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def fault(self, kind: str, note: str, count: int = 1) -> None:
        """Count faults of a kind."""
        self.faults[kind] += count
        if len(self.notes) < _NOTES:
            self.notes.append(f"{kind}: {note}")


@dataclass(frozen=True, slots=True)
class Stage:
    """What a conversation is held on: the service, the provider and the way between them."""

    http: aiohttp.ClientSession
    url: str
    provider: Provider
    wire: Wire
    tally: Tally
    limit: int
    settle_s: float = 2.0


class Replay:
    """A client that holds one conversation.

    Args:
        new: it sends only what is new; else its whole history each time.
    """

    def __init__(self, stage: Stage, talk: Talk, caller: Caller, session: str, rng: Random, *, new: bool) -> None:
        self.stage, self.talk, self.caller = stage, talk, caller
        self.tally = stage.tally
        self.session = self.asked = session
        self.rng = rng
        self.new = new
        self.held: list[Json] = []
        self.sent = 0
        self._previous: tuple[int, Json, Mapping[str, Any]] | None = None

    async def play(self) -> None:
        """From the first call to the last, and through the books."""
        for exchange in self.talk.exchanges:
            self.held += exchange.said
            if not await self.turn(exchange):
                break
        await self.close()

    async def turn(self, exchange: Exchange) -> bool:
        """One call and its answer; whether it came."""
        got = await self.ask(answer_of(exchange.answer), stream=self.rng.random() < 0.5)
        if not got.ok:
            self.tally.fault("refused", f"{self.where}: {got.status} {got.code}")
            return False
        if told(got.messages) != told(exchange.answer):
            self.tally.fault("garbled", f"{self.where}: the reply says something else")
        self.keep(exchange.answer if self.rng.random() < 0.5 else got.messages)
        await self.settle()
        return True

    def keep(self, answer: Sequence[Json]) -> None:
        """Take an answer into the history."""
        self.held += answer
        self.sent = len(self.held)

    async def ask(self, answer: Answer | Fault, *, stream: bool, leave: asyncio.Event | None = None) -> Got:
        """Send what there is to send; the provider will say `answer`. Checks what it was asked."""
        provider, tally = self.stage.provider, self.tally
        provider.behave(lambda ask: answer)
        before = provider.calls[-1].number if provider.calls else 0
        messages = self.to_send()
        got = await self.caller.call(messages, stream=stream, leave=leave)
        tally.calls += 1
        tally.streamed += stream
        if named := got.headers.get("x-memsvc-session"):
            self.stored_in(named)
        for call in [c for c in provider.calls if c.number > before]:
            self.check(call, got)
        if why := got.headers.get("x-memsvc-repaired"):
            tally.fault("repaired", f"{self.where}: {why}")
        return got

    def stored_in(self, named: str) -> None:
        """The service says where the turn is."""
        if named != self.session:
            self.tally.branches += 1
            self.tally.fault("moved", f"{self.where}: to {named}")
            self.session, self._previous = named, None

    def to_send(self) -> Sequence[Json]:
        """The messages of the next request."""
        return self.held[self.sent :] if self.new else self.held

    # --- what the provider was asked -------------------------------------------

    def check(self, call: Call, got: Got) -> None:
        """What the provider was asked."""
        tally, format = self.tally, self.talk.format
        body = call.body
        for violation in self._violations(call, got):
            tally.fault("invalid", f"{self.where}: {violation}")
        if call.usage is None or "x-memsvc-epoch" not in got.headers:
            return
        epoch = int(got.headers["x-memsvc-epoch"])
        ratio = 1.35 if format == "anthropic" else 1.0
        size, read, wrote = _used(call.usage)
        tally.sent += size / ratio
        tally.read += read / ratio
        tally.full += size / ratio + int(got.headers["x-memsvc-tokens-saved"])
        if size / ratio > self.stage.limit * _COUNTED_APART:
            tally.fault("over", f"{self.where}: {size / ratio:.0f} tokens over {self.stage.limit}")
        self._held_against_the_last(epoch, body, read)
        self._previous = (epoch, body, {"cached": read + wrote})

    def _violations(self, call: Call, got: Got) -> list[str]:
        body = {k: call.body[k] for k in ("system", "tools", "messages", "input") if k in call.body}
        found = violations(body, self.talk.format, call.model)
        if not found and call.status in (400, 404, 413) and "x-memsvc-repaired" not in got.headers:
            return [f"the provider answered {call.status}"]
        return found

    def _held_against_the_last(self, epoch: int, body: Json, read: int) -> None:
        if self._previous is None:
            return
        last_epoch, last, used = self._previous
        if epoch < last_epoch:
            self.tally.fault("breaks", f"{self.where}: the epoch went back from {last_epoch} to {epoch}")
        if epoch != last_epoch:
            last = {**last, "stable_prefix": {"messages": _front(last)}}
        place = prefix_breaks(last, body)
        if place is None and last.get("instructions") != body.get("instructions"):
            place = "instructions: differ"
        if place is not None:
            self.tally.fault("breaks", f"{self.where}, epoch {epoch}: {place}")
        elif epoch == last_epoch and read < used["cached"]:
            self.tally.fault("cold", f"{self.where}, epoch {epoch}: {read} tokens read, {used['cached']} were there")

    # --- what the service has ---------------------------------------------------

    async def settle(self) -> None:
        """Give a compaction that is due the time that a user would take."""
        if self.stage.settle_s <= 0:
            return
        end = time.monotonic() + self.stage.settle_s
        while time.monotonic() < end:
            found = await self.get(self.session, "")
            state = found["compaction"]
            if state["state"] not in _BUSY or (state["due"] or 0.0) > time.time() + _SOON_S:
                return
            await asyncio.sleep(0.01)

    async def close(self) -> None:
        """The log against what was said."""
        rows = await self.rows(self.session)
        live = [row["message"] for row in rows if not row["superseded"]]
        self.account(told(self.said_in_all()), told(live))
        cut = sum(row["superseded"] for row in rows)
        if cut:
            self.tally.fault("superseded", f"{self.where}: {cut} messages", cut)
        await self.count()

    def said_in_all(self) -> list[Json]:
        """Everything that was sent or answered."""
        return self.held[: self.sent]

    def account(self, wanted: list[Part], found: list[Part]) -> None:
        """Two logs that should be one."""
        if wanted == found:
            return
        lost, doubled = Counter(wanted) - Counter(found), Counter(found) - Counter(wanted)
        least = min(len(wanted), len(found))
        at = next((i for i in range(least) if wanted[i] != found[i]), least)
        where = f"{self.where}: at part {at} of {len(wanted)} ({len(found)} found)"
        if lost or not doubled:
            self.tally.fault("lost", where + ("" if lost else ", out of order"), lost.total() or 1)
        if doubled:
            self.tally.fault("doubled", where, doubled.total())

    async def count(self) -> None:
        """What the run came to."""
        found = await self.get(self.session, "")
        summaries = await self.get(self.session, "/summaries?limit=1000")
        self.tally.compactions += len(summaries["summaries"])
        self.tally.messages += found["messages"]
        self.tally.conversations += 1

    async def rows(self, session: str) -> list[Json]:
        """The whole log of a session."""
        found: list[Json] = []
        after: int | None = 0
        while after is not None:
            page = await self.get(session, f"/history?after={after}&limit=500&format={self.talk.format}")
            found += page["messages"]
            after = page["next"]
        return found

    async def get(self, session: str, rest: str) -> Json:
        """Something of a session; {} where there is none."""
        url = f"{self.stage.url}/v1/sessions/{quote(session, safe='')}{rest}"
        async with self.stage.http.get(url) as reply:
            body: Json = await reply.json()
        return body if reply.status == 200 else {}

    @property
    def where(self) -> str:
        """For notes."""
        return f"{self.talk.format} {self.caller.model} {self.talk.id}, {len(self.held)} held"


def _used(usage: Mapping[str, Any]) -> tuple[int, int, int]:
    """(all, read from the cache, written to it) of a call's prompt, in provider tokens."""
    if "cache_read_input_tokens" in usage:
        read, wrote = usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]
        return usage["input_tokens"] + read + wrote, read, wrote
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details") or {}
    size = usage.get("prompt_tokens", usage.get("input_tokens", 0))
    return size, details.get("cached_tokens", 0), details.get("cache_write_tokens", 0)


def _front(body: Json) -> int:
    listed = body.get("input", body.get("messages", []))
    return next((i for i, m in enumerate(listed) if role_of(m) not in ("system", "developer")), len(listed))
