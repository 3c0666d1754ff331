"""The measures of time, stalls and losses: each the same for every subject, by what it can be asked to do."""

from __future__ import annotations

import statistics
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from benchmarks.peers.processes import NotRunning
from benchmarks.peers.stub import Stub
from benchmarks.peers.subject import NO_LIMIT, Block, Limit, Refused, Subject, Talk, TooSlow
from benchmarks.peers.talk import Json, marks, message, messages, text_of

Figures = dict[str, Any]
SMALL = Limit(4_000, 1_000, 600)
"""For what happens around one compaction."""
LARGE = Limit(16_000, 4_000, 1_000)
"""For the import."""
LONG_WORDS = 220
"""Of a message of the import, about 250 tokens: all of it is more than most windows."""


FAILURES = (TooSlow, Refused, NotRunning, OSError, ValueError, KeyError)
"""Of a thing that is measured, the last two where it answers with something else than what is asked for."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to do.

    Attributes:
        sizes: messages of the conversations whose turns are timed.
        rounds, turns, block_s: blocks of each, the most turns of one and the time after which no other is begun.
        delay_s: what the summarizer takes.
        writers: appends at the same time.
        played: messages of the conversation that is played through.
    """

    sizes: tuple[int, ...] = (100, 1_000, 10_000)
    rounds: int = 3
    turns: int = 20
    block_s: float = 1.0
    delay_s: float = 3.0
    writers: int = 20
    imported: int = 800
    played: int = 300


QUICK = Plan(sizes=(20, 60), rounds=2, turns=3, block_s=0.5, delay_s=0.5, writers=5, imported=80, played=80)


def fresh(what: str) -> str:
    """A name for a conversation."""
    return f"{what}-{uuid.uuid4().hex[:8]}"


def speed(subjects: Sequence[Subject], plan: Plan, told: Callable[[str], None]) -> dict[str, Figures]:
    """Store a message, get what to send: milliseconds by subject and size, the subjects in turn in each round."""
    found: dict[str, Figures] = {s.name: {} for s in subjects}
    for size in plan.sizes:
        for name, figures in _at(size, subjects, plan, told).items():
            found[name][str(size)] = figures
    return found


def _at(size: int, subjects: Sequence[Subject], plan: Plan, told: Callable[[str], None]) -> dict[str, Figures]:
    found: dict[str, Figures] = {}
    held: list[tuple[Subject, Talk]] = []
    for subject in subjects:
        told(f"{size:,} messages: {subject.title}")
        try:
            held.append((subject, _filled(subject, size)))
        except FAILURES as failure:
            found[subject.name] = failed(failure) | {"loading": True}
            again(subject)
    blocks: dict[str, list[Block]] = {subject.name: [] for subject, _ in held}
    for number in range(-1, plan.rounds):  # the first is not counted: what is made once is not what a turn takes
        for subject, talk in held if number % 2 == 0 else held[::-1]:
            if subject.name in found:
                continue
            try:
                talk.refresh()
                block = talk.turns(_next(size, number, plan), plan.block_s)
            except FAILURES as failure:
                found[subject.name] = failed(failure)
                again(subject)
            else:
                blocks[subject.name] += [block] if number >= 0 else []
    for subject, talk in held:
        talk.close()
        if subject.name not in found:
            found[subject.name] = _speed(blocks[subject.name])
    return found


def _next(size: int, number: int, plan: Plan) -> list[Json]:
    start = size + 2 + number * plan.turns
    return messages(range(start, start + plan.turns) if number >= 0 else range(size, size + 2))


def _filled(subject: Subject, size: int) -> Talk:
    talk = subject.talk(fresh("speed"), subject.terms.limit, model=False)
    talk.load(messages(range(size)))
    talk.settle()
    return talk


def failed(why: Exception) -> Figures:
    """A measure that came to nothing."""
    if isinstance(why, TooSlow):
        return {"failed": "slow", "seconds": why.seconds}
    return {"failed": str(why)[:200] or type(why).__name__}


def again(subject: Subject) -> None:
    """Start a thing anew that may have come to harm, or still be at it; one that does not start fails from now on."""
    with suppress(NotRunning):
        subject.restart()


def _speed(blocks: Sequence[Block]) -> Figures:
    turns = [ms for block in blocks for ms in block.ms]
    cpu = [block.cpu_ms / len(block.ms) for block in blocks if block.cpu_ms is not None]
    return {
        "p50_ms": round(max(0.0, statistics.median(turns)), 3),
        "max_ms": round(max(turns), 3),
        "cpu_ms": round(statistics.median(cpu), 3) if cpu else None,
        "turns": len(turns),
        "characters_sent": len(text_of(blocks[-1].prompt)),
    }


def stall(subject: Subject, stub: Stub, plan: Plan) -> Figures:
    """The slowest turn while the summary of a conversation is written by a model that takes its time."""
    stub.be(delay_s=0.0, failing=False, summary=SMALL.summary)
    talk = subject.talk(fresh("stall"), SMALL, model=True)
    before = _almost_full(talk)
    stub.be(delay_s=plan.delay_s)
    spent: list[float] = []
    after = 0
    for number in range(before, before + 60):
        spent += talk.turns([message(number)], 0.0).ms
        after += bool(stub.summaries())
        if after > 3:
            break
    stub.quiet()
    called = len(stub.summaries())
    talk.settle()
    talk.forget()
    talk.close()
    stub.be(delay_s=0.0)
    if not called:
        return {"failed": "no summary was begun"}
    return {"slowest_ms": round(max(spent), 1), "summaries_begun": called, "turns": len(spent)}


def warm(subject: Subject, stub: Stub) -> None:
    """One compaction that is not measured: what is loaded for the first of a process is not what one takes."""
    stub.be(delay_s=0.0, failing=False, summary=SMALL.summary)
    talk = subject.talk(fresh("warm"), SMALL, model=True)
    talk.turns([{**message(_almost_full(talk), 1_200), "role": "user"}], 0.0)
    talk.settle()
    talk.forget()
    talk.close()


def _almost_full(talk: Talk) -> int:
    """Bring in messages up to a few below the threshold; their number."""
    count = SMALL.threshold * 3 // 4 // 100
    talk.load(messages(range(count)))
    return count


def race(subject: Subject, stub: Stub, plan: Plan) -> Figures:
    """Appends to one conversation at the same time."""
    stub.be(delay_s=0.0, failing=False)
    talk = subject.talk(fresh("race"), NO_LIMIT, model=True)
    talk.load(messages(range(plan.writers)))
    written = messages(range(plan.writers, 2 * plan.writers))
    taken = talk.together(written)
    return _lost(talk, stub, written, taken)


def meanwhile(subject: Subject, stub: Stub, plan: Plan) -> Figures:
    """Messages written while the summary is written: one that passes the threshold, and others shortly after it."""
    stub.be(delay_s=plan.delay_s, failing=False, summary=SMALL.summary)
    talk = subject.talk(fresh("meanwhile"), SMALL, model=True)
    before = _almost_full(talk)
    big = {**message(before, 1_200), "role": "user"}
    written = [big, *messages(range(before + 1, before + 4))]
    taken = talk.together(written, plan.delay_s / 3)
    stub.quiet()
    found = _lost(talk, stub, written, taken)
    begun = len(stub.summaries())
    return found | {"summaries_begun": begun} if begun else {"failed": "no summary was begun"}


def imported(subject: Subject, stub: Stub, plan: Plan) -> Figures:
    """A long conversation brought in at once: what is neither sent nor was ever shown to the summarizer."""
    stub.be(delay_s=0.0, failing=False, summary=LARGE.summary)
    talk = subject.talk(fresh("import"), LARGE, model=True)
    brought = messages(range(plan.imported), LONG_WORDS)
    began = time.perf_counter()
    talk.load(brought)
    talk.turns([message(plan.imported)], 0.0)
    spent = time.perf_counter() - began
    return _lost(talk, stub, brought, [True] * len(brought)) | {"seconds": round(spent, 2)}


def outage(subject: Subject, stub: Stub, plan: Plan) -> Figures:
    """Appends past the threshold while every call of the provider fails; what is lost of those that were taken."""
    stub.be(delay_s=0.0, failing=False, summary=SMALL.summary)
    talk = subject.talk(fresh("outage"), SMALL, model=True)
    before = _almost_full(talk)
    stub.be(failing=True)
    big = {**message(before, 1_200), "role": "user"}
    written = [big, *messages(range(before + 1, before + 4))]
    taken = []
    for one in written:
        try:
            talk.turns([one], 0.0)
        except Refused:
            taken.append(False)
        else:
            taken.append(True)
    time.sleep(0.0 if taken == [False] * len(taken) else 0.3)  # a summarizer in the background meets the outage too
    stub.be(failing=False)
    return _lost(talk, stub, [*messages(range(before)), *written], [True] * before + taken) | {
        "accepted": sum(taken),
        "sent": len(taken),
    }


def _lost(talk: Talk, stub: Stub, written: Iterable[Json], taken: Sequence[bool]) -> Figures:
    """How many of the messages that were taken are in nothing that is sent, and were never shown to a summarizer whose
    summary was delivered."""
    talk.settle()
    known = marks(text_of(talk.shown())) | stub.shown() | talk.covered()
    talk.forget()
    talk.close()
    acknowledged = [m for m, yes in zip(written, taken, strict=True) if yes]
    lost = [m for m in acknowledged if not marks(m["content"]) <= known]
    return {"acknowledged": len(acknowledged), "refused": len(taken) - len(acknowledged), "lost": len(lost)}
