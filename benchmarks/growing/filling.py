"""Fast ways to fill a store: through its own port, in this process, many sessions at once."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

from benchmarks.serving import ROOT
from memsvc.core.model import DEFAULT_TENANT, Batch, Draft, Key, Session, Settings, Summary
from memsvc.core.render import RENDERER
from memsvc.ports import Store
from memsvc.stores import open_store

AT_ONCE = 2_000
"""Appends that wait at the same moment: they share a transaction, or a trip."""
PAGE = 1000
"""Messages of one append to a long session, and of one summary."""
TEXT_BYTES = 300
TAIL = 8
"""Messages of a long session that no summary stands for, however long it is."""
SUMMARY_BYTES = 2_000
BYTES_PER_TOKEN = 4
DIGEST_BYTES = 32
"""Of what an `Idempotency-Key` stands for."""
BEGAN = 1_790_000_000.0
_KINDS = 64


@dataclass(frozen=True, slots=True)
class Filled:
    """How fast it went: `cpu_s` is this process's, the store's threads among it."""

    sessions: int
    messages: int
    seconds: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Habit:
    """How a caller writes: message by message or all at once, with an `Idempotency-Key`, with ids of its own."""

    by_turns: bool = False
    keyed: bool = False
    named: bool = False


def name(number: int) -> str:
    """Of the session with that number."""
    return f"s{number}"


def long_name(messages: int) -> str:
    """Of the session with so many messages."""
    return f"long-{messages}"


@cache
def text(number: int, size: int = TEXT_BYTES) -> str:
    """English of that many characters, the same for the same number: engines that pack what they write find no more to
    pack than in a real message."""
    prose = _prose()
    start = Random(number).randrange(len(prose) - size)
    return prose[start : start + size].strip().ljust(size, ".")


@cache
def _prose() -> str:
    pages = (page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs").glob("*.md")))
    return " ".join(word for page in pages for word in re.findall(r"[A-Za-z]+[,.]?", page))


@cache
def _raw(number: int) -> bytes:
    role = "assistant" if number % 2 else "user"
    return f'{{"role": "{role}", "content": "{text(number)}"}}'.encode()


def raw_bytes() -> float:
    """Mean size of a message's JSON."""
    return sum(len(_raw(n)) for n in range(_KINDS)) / _KINDS


@cache
def drafts(number: int) -> tuple[Draft, ...]:
    """The first so many messages of a conversation."""
    raws = (_raw(n % _KINDS) for n in range(number))
    return tuple(Draft(raw, "openai", len(raw) // BYTES_PER_TOKEN, BEGAN) for raw in raws)


def sessions(url: str, numbers: range, messages: Callable[[int], int]) -> Filled:
    """Put in sessions of these numbers, each with so many messages."""

    async def one(store: Store, number: int) -> None:
        at = BEGAN + number / 100
        await store.append(Key(DEFAULT_TENANT, name(number)), Batch(drafts(messages(number)), at, format="openai"))

    async def fill(store: Store) -> None:
        for start in range(numbers.start, numbers.stop, AT_ONCE):
            part = range(start, min(start + AT_ONCE, numbers.stop))
            await asyncio.gather(*(one(store, number) for number in part))

    return _timed(url, fill, len(numbers), sum(map(messages, numbers)))


def long(url: str, messages: int) -> Filled:
    """Put in a session of so many messages, compacted after each page: of any length, its context is as large."""
    key = Key(DEFAULT_TENANT, long_name(messages))

    async def fill(store: Store) -> None:
        settings = Settings(format="openai", policy=b'{"mode":"manual"}')
        await store.put(key, lambda old: old or Session(key, 0, BEGAN, BEGAN, settings), at=BEGAN)
        epoch = cut = 0
        for start in range(0, messages, PAGE):
            last = min(start + PAGE, messages)
            await store.append(key, Batch(drafts(last - start), BEGAN + last, format="openai"))
            made = _summary(epoch + 1, cut + 1, last - TAIL)
            await store.commit(
                key,
                made,
                expect_epoch=epoch,
                expect_cut=cut,
                soft_tokens=None,
                factor=None,
                renderer=RENDERER,
            )
            epoch, cut = epoch + 1, last - TAIL

    return _timed(url, fill, 1, messages)


def _summary(epoch: int, start: int, end: int) -> Summary:
    block = f"<conversation_summary>\n{text(0, SUMMARY_BYTES)}\n</conversation_summary>"
    return Summary(epoch, start, end, block, len(block) // BYTES_PER_TOKEN, "local", "threshold", BEGAN)


def habit(url: str, prefix: str, number: int, messages: int, way: Habit) -> Filled:
    """Put in sessions that grow side by side, as a caller of that habit writes them."""

    async def one(store: Store, session: int, batch: Sequence[Draft], at: float) -> None:
        said = tuple(batch)
        if way.named:
            said = tuple(Draft(d.raw, d.format, d.tokens, d.at, f"msg_{uuid.uuid4().hex}") for d in batch)
        key, digest = (uuid.uuid4().hex, bytes(DIGEST_BYTES)) if way.keyed else (None, b"")
        made = Batch(said, at, format="openai", idempotency_key=key, digest=digest)
        await store.append(Key(DEFAULT_TENANT, f"{prefix}{session}"), made)

    async def fill(store: Store) -> None:
        whole = drafts(messages)
        step = 1 if way.by_turns else messages
        for start in range(0, messages, step):
            batch = whole[start : start + step]
            for first in range(0, number, AT_ONCE):
                part = range(first, min(first + AT_ONCE, number))
                await asyncio.gather(*(one(store, session, batch, BEGAN + start) for session in part))

    return _timed(url, fill, number, number * messages)


def _timed(url: str, fill: Callable[[Store], Awaitable[None]], sessions: int, messages: int) -> Filled:
    async def work() -> None:
        store = open_store(url, persistence="off")
        await store.open()
        try:
            await fill(store)
        finally:
            await store.close()

    began, cpu = time.perf_counter(), time.process_time()
    asyncio.run(work())
    return Filled(sessions, messages, time.perf_counter() - began, time.process_time() - cpu)
