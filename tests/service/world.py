"""A small world to try the service in: a store in memory, a clock by hand, a worker that is told when to work."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from memsvc.core.asking import Reply, SummaryRequest
from memsvc.core.limits import Policy
from memsvc.core.model import Format, Key
from memsvc.errors import SummarizerError
from memsvc.llm import LocalSummarizer
from memsvc.observe import Event, Sink
from memsvc.ports import Counter, Prices, Store, Summarizer
from memsvc.service import Memory
from memsvc.service.compact import Compactor
from memsvc.service.economics import Economics
from memsvc.service.requests import (
    AppendRequest,
    CompactRequest,
    ContextRequest,
    PutRequest,
)
from memsvc.service.routing import Writers
from memsvc.stores.sqlite import SQLiteStore
from memsvc.tokens import build_counter
from memsvc.worker import Worker

Json = dict[str, Any]
KEY = Key("default", "s")
SMALL = Policy(
    mode="threshold",
    threshold_tokens=600,
    keep_tokens=150,
    summary_tokens=120,
    max_tokens=2_000,
    max_bytes=1_000_000,
    cache_ttl="5m",
    alpha=1.0,
    guard=0.5,
    placement="user",
)
_COUNTERS: list[Counter] = []


def the_counter() -> Counter:
    """One counter for all tests: loading it takes half a second."""
    if not _COUNTERS:
        _COUNTERS.append(build_counter())
    return _COUNTERS[0]


@dataclass
class Clock:
    """Unix seconds that pass when told to."""

    now: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class World:
    """Memory and worker on one store, and short ways to use them."""

    store: Store
    memory: Memory
    worker: Worker
    clock: Clock
    events: list[Event] = field(default_factory=list)

    async def put(self, key: Key = KEY, **members: Any) -> Json:
        fields = {k: json.dumps(v).encode() for k, v in members.items()}
        return await self.memory.put(key, PutRequest(fields))

    async def append(self, *messages: Json | bytes, key: Key = KEY, **more: Any) -> Json:
        return await self.memory.append(key, request(*messages, **more))

    async def context(self, key: Key = KEY, **asked: Any) -> Json:
        body = (await self.memory.context(key, ContextRequest(**asked))).body
        found: Json = json.loads(body)
        return found

    async def history(self, key: Key = KEY, format: Format | None = None) -> list[Json]:
        rows: list[Json] = []
        after = 0
        while True:
            page = json.loads(await self.memory.history(key, after=after, limit=1000, format=format))
            rows += page["messages"]
            if page["next"] is None:
                return rows
            after = page["next"]

    async def summaries(self, key: Key = KEY) -> list[Json]:
        found: list[Json] = (await self.memory.summaries(key, after=0, limit=1000))["summaries"]
        return found

    async def compact(self, key: Key = KEY, **asked: Any) -> tuple[int, Json]:
        return await self.memory.compact(key, CompactRequest(**asked))

    async def work(self) -> int:
        return await self.worker.run_due()


def request(*messages: Json | bytes, **more: Any) -> AppendRequest:
    raws = tuple(m if isinstance(m, bytes) else json.dumps(m, ensure_ascii=False).encode() for m in messages)
    return AppendRequest(raws, **more)


def build(
    store: Store,
    *,
    policy: Policy = SMALL,
    summarizers: Sequence[Summarizer] | Writers | None = None,
    clock: Clock | None = None,
    cache_bytes: int = 1_000_000,
    patience_s: float | None = None,
    prices: Prices | None = None,
    economics: Economics | None = None,
    sink: Sink = lambda event: None,
) -> World:
    """A Memory and a Worker on an open store. `sink` gets the events of the memory, `events` those of the worker."""
    clock = clock or Clock()
    counter = the_counter()
    chain = [LocalSummarizer(counter.count)] if summarizers is None else summarizers
    memory = Memory(
        store,
        counter,
        chain,
        defaults=policy,
        clock=clock,
        sink=sink,
        cache_bytes=cache_bytes,
        prices=prices,
        economics=economics,
    )
    events: list[Event] = []
    if patience_s is not None:
        memory.compactor = Compactor(
            store, counter, chain, defaults=policy, clock=clock, sink=lambda event: None, patience_s=patience_s
        )
    worker = Worker(store, memory.compactor, clock=clock, sink=events.append)
    return World(store, memory, worker, clock, events)


@contextlib.asynccontextmanager
async def world(path: str = ":memory:", **parts: Any) -> AsyncIterator[World]:
    """A world that ends with the block."""
    store = SQLiteStore(path)
    await store.open()
    made = build(store, **parts)
    try:
        yield made
    finally:
        await made.memory.drain(5.0)
        await store.close()


# --- messages ------------------------------------------------------------------


def user(text: str) -> Json:
    return {"role": "user", "content": text}


def said(text: str) -> Json:
    return {"role": "assistant", "content": text}


def words(number: int, tag: str = "w") -> str:
    """A text of `number` / 2 words, each its own (two to four tokens), in short sentences."""
    return " ".join(f"{tag}{i}" + "." * (i % 5 == 4) for i in range(max(1, number // 2)))


def chat(turns: int, tokens: int = 40, tag: str = "t") -> list[Json]:
    """Plain turns: a user's question and an answer."""
    out: list[Json] = []
    for i in range(turns):
        out += [user(f"{tag}{i}q; {words(tokens, f'{tag}{i}u')}"), said(f"{tag}{i}a; {words(tokens, f'{tag}{i}v')}")]
    return out


def calls(*ids: str, text: str = "") -> Json:
    """An openai assistant message with tool calls."""
    made = [{"id": i, "type": "function", "function": {"name": "run", "arguments": '{"n":1}'}} for i in ids]
    return {"role": "assistant", "content": text or None, "tool_calls": made}


def result(call_id: str, text: str) -> Json:
    return {"role": "tool", "tool_call_id": call_id, "content": text}


def texts_of(context: Json) -> str:
    """All that a context says, as one text."""
    return json.dumps([context.get("system"), context["messages"]], ensure_ascii=False)


# --- summarizers ---------------------------------------------------------------


class Saying:
    """A summarizer that always answers the same."""

    def __init__(self, text: str, stop: Any = "end", name: str = "model") -> None:
        self.name, self.text, self.stop, self.asked = name, text, stop, 0

    async def summarize(self, request: SummaryRequest) -> Reply:
        self.asked += 1
        return Reply(self.text, self.name, self.stop)


class Failing:
    """A summarizer that is away until told otherwise."""

    def __init__(self, code: str = "summarizer_failed") -> None:
        self.name, self.code, self.asked = "away", code, 0

    async def summarize(self, request: SummaryRequest) -> Reply:
        self.asked += 1
        raise SummarizerError("the provider is away", code=self.code)
