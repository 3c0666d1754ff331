"""One soak from start to end: start everything, talk and kill, let it come to rest, read what is there."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import msgspec

from benchmarks.corpus import FORMATS, Json
from benchmarks.soaking import processes
from benchmarks.soaking.calls import Calls
from benchmarks.soaking.client import Writer, boiled_down
from benchmarks.soaking.notes import Book, Kill, Seen, Stored, Tally, Truth
from benchmarks.soaking.processes import Kept
from benchmarks.soaking.stores import Place

SETTINGS = {
    "MEMSVC_THRESHOLD_TOKENS": "1500",
    "MEMSVC_KEEP_TOKENS": "300",
    "MEMSVC_SUMMARY_TOKENS": "400",
    "MEMSVC_MAX_TOKENS": "4000",
    "MEMSVC_LEASE_S": "2",
    "MEMSVC_POLL_S": "0.2",
    "MEMSVC_SHUTDOWN_S": "3",
    "MEMSVC_LOG_LEVEL": "warning",
}
"""A policy under which something is compacted all the time, and leases that end soon."""
COMPACTS = frozenset({"worker", "group", "child of the group"})
"""What is at work on compactions nobody asked for."""
LOOK_S = 0.2
QUIET_S = 60.0
"""How long the writers and the last compactions get, once the killing is over."""
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Plan:
    """What a soak does; times in seconds.

    Attributes:
        seconds: over which the kills are spread.
        delay_s: how long the stand-in model takes; None = the local summarizer writes.
        pace_s: between two things that a writer does, on average.
    """

    kills: int
    seconds: float
    seed: int
    servers: int
    workers: int
    sessions: int
    group: bool = True
    delay_s: float | None = 0.4
    pace_s: float = 0.1


@dataclass(frozen=True, slots=True)
class Result:
    """What there is to account for."""

    tally: Tally
    books: list[Book]
    truths: dict[str, Truth]
    seconds: float


async def soak(plan: Plan, place: Place, folder: Path) -> Result:
    """Run a soak; `place` was started. Raises TimeoutError where a process does not come up."""
    tally = Tally()
    started = time.monotonic()
    async with _processes(plan, place, folder) as kept, aiohttp.ClientSession() as http:
        faces = [k for k in kept if k.port and k.kind != "provider"]
        calls = Calls(http, [k.url for k in faces], Random(plan.seed + 1), tally)
        books = [_book(n) for n in range(plan.sessions)]
        stop = asyncio.Event()
        writers = [asyncio.create_task(w.run(stop)) for b in books for w in _writers(b, plan, calls, tally)]
        watching = asyncio.create_task(_watch(books, calls, tally))
        try:
            await _kill(plan, place, kept, tally, writers)
            stop.set()
            await _finished(writers, books)
            await asyncio.gather(*(k.until_ready() for k in kept))
            truths = dict(zip([b.session for b in books], await _read(books, calls), strict=True))
        finally:
            for task in (watching, *writers):
                task.cancel()
            await asyncio.gather(watching, *writers, return_exceptions=True)
    for one in kept:
        tally.ended.update(one.ended)
    return Result(tally, books, truths, time.monotonic() - started)


@contextlib.asynccontextmanager
async def _processes(plan: Plan, place: Place, folder: Path) -> AsyncIterator[list[Kept]]:
    env = {**SETTINGS, **place.env}
    kept: list[Kept] = []
    model: dict[str, str] = {}
    if plan.delay_s is not None:
        stand_in = processes.provider(plan.delay_s, folder)
        kept.append(stand_in)
        model = {"MEMSVC_SUMMARIZERS": "openai", "MEMSVC_OPENAI_BASE_URL": f"{stand_in.url}/v1"}
    kept += [processes.server(place.url, env, folder, n) for n in range(plan.servers)]
    kept += [processes.worker(place.url, {**env, **model}, folder, n) for n in range(plan.workers)]
    if plan.group:
        kept.append(processes.group(place.url, env, folder))
    try:
        for one in kept:
            one.start()
        await asyncio.gather(*(one.until_ready() for one in kept))
        yield kept
    finally:
        await asyncio.gather(*(one.stop() for one in kept))


def _book(number: int) -> Book:
    """Every third session has several writers; the formats go round."""
    return Book(f"s{number}", FORMATS[number % len(FORMATS)], solo=number % 4 != 3)


def _writers(book: Book, plan: Plan, calls: Calls, tally: Tally) -> list[Writer]:
    names = "a" if book.solo else "ab"
    return [
        Writer(book, name, calls, Random(f"{plan.seed} {book.session} {name}"), tally, plan.pace_s) for name in names
    ]


# --- killing ---------------------------------------------------------------------


async def _kill(plan: Plan, place: Place, kept: list[Kept], tally: Tally, writers: list[asyncio.Task[None]]) -> None:
    """Kill at random until there were enough, spread over the time; ends early if a writer has a fault."""
    rng = Random(plan.seed)
    mending: asyncio.Task[None] | None = None
    begun = time.monotonic()
    try:
        while len(tally.kills) < plan.kills or time.monotonic() - begun < plan.seconds:
            left = (plan.seconds - (time.monotonic() - begun)) / max(1, plan.kills - len(tally.kills))
            pace = max(left, plan.seconds / max(1, plan.kills) / 2)  # late or not, something has to live in between
            await asyncio.sleep(rng.uniform(0.05, 2 * pace))
            broken = next((w for w in writers if w.done()), None)
            if broken is not None:
                broken.result()
            if mending is not None and mending.done():
                mending.result()
                mending = None
            at = time.monotonic()
            if rng.random() < 0.2 and mending is None and await asyncio.to_thread(place.kill, rng):
                tally.kills.append(Kill(at, "store"))
                mending = asyncio.create_task(asyncio.to_thread(place.recover, rng))
            elif (kind := _kill_one(kept, rng)) is not None:
                tally.kills.append(Kill(at, kind))
    finally:
        if mending is not None:
            await mending


def _kill_one(kept: list[Kept], rng: Random) -> str | None:
    """The kind of what was killed; None = nothing that serves was found at the first try."""
    victim = rng.choice([k for k in kept if k.kind != "provider"])
    if not victim.ready:
        return None
    if victim.kind == "group" and rng.random() < 0.7:
        return "child of the group" if victim.kill_child(rng.randrange(64)) else None
    return victim.kind if victim.kill() else None


async def _watch(books: list[Book], calls: Calls, tally: Tally) -> None:
    """Look at every session again and again."""
    while True:
        for book in books:
            at = time.monotonic()
            answer = await calls.once("GET", book.session)
            if answer.ok:
                body = answer.body
                tally.seen.append(Seen(at, book.session, body["compaction"]["state"], body["epoch"]))
        await asyncio.sleep(LOOK_S)


async def _finished(writers: list[asyncio.Task[None]], books: list[Book]) -> None:
    """Let the writers end what they are at."""
    _, late = await asyncio.wait(writers, timeout=QUIET_S)
    if late:
        books[0].faults.append(("answers", f"{len(late)} writers got no answer within {QUIET_S:g} s"))
    for writer in set(writers) - late:
        writer.result()


# --- reading ---------------------------------------------------------------------


class _Entry(msgspec.Struct):
    seq: int
    superseded: bool
    message: msgspec.Raw


class _Page(msgspec.Struct):
    messages: list[_Entry]
    next: int | None = None


async def _read(books: list[Book], calls: Calls) -> list[Truth]:
    return await asyncio.gather(*(_truth(book, calls) for book in books))


async def _truth(book: Book, calls: Calls) -> Truth:
    """Everything about a session, once its last compaction is over."""
    session = await _quiet(book, calls)
    log: list[Stored] = []
    after: Any = 0
    while after is not None:
        raw = (await calls.until("GET", book.session, f"/history?after={after}&limit={PAGE}")).raw
        page = msgspec.json.decode(raw, type=_Page)
        log += [Stored(e.seq, e.superseded, bytes(e.message)) for e in page.messages]
        after = page.next
    summaries: list[Json] = []
    after = 0
    while after is not None:
        body = (await calls.until("GET", book.session, f"/summaries?after={after}&limit={PAGE}")).body
        summaries += body["summaries"]
        after = body["next"]
    contexts = []
    for format in FORMATS:
        begun = time.monotonic()
        answer = await calls.until("GET", book.session, f"/context?format={format}")
        if answer.ok:
            contexts.append(boiled_down(answer.body, format, begun))
        elif answer.code != "empty_context":
            book.faults.append(("answers", f"the last context in {format}: {answer.status} {answer.code}"))
    if (await calls.until("GET", book.session)).body["epoch"] != session["epoch"]:
        return await _truth(book, calls)  # the hard mark was passed: the fetch compacted
    return Truth(tuple(log), tuple(summaries), session, tuple(contexts))


async def _quiet(book: Book, calls: Calls) -> Json:
    """The session once nothing is due or under way; a fault if that does not come."""
    end = time.monotonic() + QUIET_S
    while True:
        session = (await calls.until("GET", book.session)).body
        state = session["compaction"]["state"]
        if state == "idle":
            return session
        if time.monotonic() > end:
            book.faults.append(("stuck", f"{book.session} is still {state}: {session['compaction']}"))
            return session
        await asyncio.sleep(LOOK_S)
