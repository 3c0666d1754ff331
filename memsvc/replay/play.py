"""Playing one conversation through the service, message by message, on a clock set by the messages' times."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import orjson

from memsvc.core.limits import Policy
from memsvc.core.model import DEFAULT_TENANT, Key
from memsvc.llm import LocalSummarizer
from memsvc.ports import Summarizer
from memsvc.replay.conversations import Conversation
from memsvc.replay.summaries import Asked, FixedSummarizer, Remembering
from memsvc.replay.terms import PolicyName, Terms, Today, Tools
from memsvc.service import Memory
from memsvc.service.economics import Economics
from memsvc.service.requests import AppendRequest, ContextRequest, PutRequest
from memsvc.stores.sqlite import SQLiteStore
from memsvc.worker import Worker

KEY = Key(DEFAULT_TENANT, "replay")
_MODES = {"economic": "economic", "threshold": "threshold", "full": "manual"}


@dataclass(frozen=True, slots=True)
class Sent:
    """A model call: its body, when it was made, under which epoch."""

    at: float
    epoch: int
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Summed:
    """A summarizer call."""

    at: float
    asked: Asked


Event = Sent | Summed


class _Clock:
    """Unix seconds, as the messages tell them."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def reach(self, at: float) -> None:
        self.now = max(self.now, at)


class Player:
    """The service around one conversation, in the mode of a policy."""

    def __init__(self, conversation: Conversation, name: PolicyName, terms: Terms, tools: Tools) -> None:
        self._conversation, self._terms, self._tools = conversation, terms, tools
        self._clock = _Clock(conversation.at[0])
        self._store = SQLiteStore(":memory:")
        counter = tools.counter
        local: Summarizer = LocalSummarizer(counter.count, counter.count_each)
        self._writer = Remembering(FixedSummarizer(*terms.fixed) if terms.fixed else local, counter.count)
        market = tools.market(terms)
        economics = Economics(Today(tools.prices, tools.now()), clock=self._clock, summarizer=market.summarizer)
        chain = [self._writer, local] if terms.fixed else [self._writer]
        self._memory = Memory(
            self._store,
            counter,
            chain,
            defaults=_policy(name, terms),
            clock=self._clock,
            economics=economics,
        )
        self._worker = Worker(self._store, self._memory.compactor, clock=self._clock, sink=lambda event: None)

    async def play(self) -> AsyncIterator[Event]:
        """Every call that would have been made, and every summary, in order."""
        await self._store.open()
        try:
            await self._memory.put(KEY, PutRequest(self._settings()))
            calls = set(self._conversation.calls())
            for n, (message, at) in enumerate(zip(self._conversation.messages, self._conversation.at, strict=True)):
                if n in calls:
                    asked_at = self._conversation.at[n - 1]
                    await self._reach(asked_at)
                    for event in self._summed():
                        yield event
                    yield await self._call(asked_at)
                await self._reach(at)
                request = AppendRequest((orjson.dumps(message),), at=(at,), format=self._conversation.format)
                await self._memory.append(KEY, request)
                await self._memory.looks.settled()
                await self._reach(at)
                for event in self._summed():
                    yield event
        finally:
            await self._memory.drain(1.0)
            await self._store.close()

    async def _reach(self, at: float) -> None:
        """Let the time come, and do what becomes due on the way."""
        latency = self._terms.latency_s
        while (due := await self._store.next_due()) is not None and due + latency <= at:
            self._clock.reach(due + latency)
            if not await self._worker.run_due():
                break
        self._clock.reach(at)

    async def _call(self, at: float) -> Sent:
        reply = orjson.loads((await self._memory.context(KEY, ContextRequest(self._terms.provider))).body)
        body = {name: reply[name] for name in ("system", "tools", "messages") if reply.get(name) is not None}
        return Sent(at, reply["epoch"], {"model": self._terms.model, **body})

    def _summed(self) -> list[Summed]:
        found = [Summed(self._clock(), asked) for asked in self._writer.asked]
        self._writer.asked.clear()
        return found

    def _settings(self) -> dict[str, bytes]:
        told = self._conversation
        values = {"system": told.system, "tools": told.tools, "format": told.format, "model": self._terms.model}
        return {name: orjson.dumps(value) for name, value in values.items() if value is not None}


def _policy(name: PolicyName, terms: Terms) -> Policy:
    return Policy(
        mode=_MODES[name],  # type: ignore[arg-type]
        threshold_tokens=terms.threshold_tokens,
        keep_tokens=terms.keep_tokens,
        summary_tokens=terms.summary_tokens,
        max_tokens=0,
        max_bytes=1 << 40,
        cache_ttl=terms.cache_ttl,
        alpha=terms.alpha,
        guard=terms.guard,
        placement="user",
        tool_output_tokens=None if name == "full" else terms.tool_output_tokens,
    )
