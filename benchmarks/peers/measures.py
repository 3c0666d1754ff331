"""The measures of time, stalls and losses: each the same for every subject, by what it can be asked to do."""

from __future__ import annotations

import statistics
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.peers.stub import Stub
from benchmarks.peers.subject import NO_LIMIT, Limit, Refused, Subject, Talk, TooSlow
from benchmarks.peers.talk import Json, marks, message, messages, text_of

Figures = dict[str, Any]
SMALL = Limit(4_000, 1_000, 600)
"""For what happens around one compaction."""
LARGE = Limit(16_000, 4_000, 1_000)
"""For the import."""
LONG_WORDS = 220
"""Of a message of the import, about 250 tokens: all of it is more than most windows."""


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
    rounds: int = 5
    turns: int = 20
    block_s: float = 2.0
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
        held: list[tuple[Subject, Talk]] = []
        for subject in subjects:
            told(f"{size:,} messages: {subject.title}")
            try:
                held.append((subject, _filled(subject, size)))
            except (TooSlow, Refused) as failed:
                found[subject.name][str(size)] = _failed(failed)
                subject.restart()
        spent: dict[str, list[tuple[list[float], float | None, int]]] = {}
        for number in range(plan.rounds):
            for subject, talk in held if number % 2 == 0 else held[::-1]:
                if "failed" in found[subject.name].get(str(size), {}):
                    continue
                start = size + 2 + number * plan.turns
                try:
                    block = talk.turns(messages(range(start, start + plan.turns)), plan.block_s)
                except (TooSlow, Refused) as failed:
                    found[subject.name][str(size)] = _failed(failed)
                    subject.restart()
                    continue
                sent = len(text_of(block.prompt))
                spent.setdefault(subject.name, []).append((block.ms, block.cpu_ms, sent))
        for subject, talk in held:
            talk.close()
            if subject.name in spent and "failed" not in found[subject.name].get(str(size), {}):
                found[subject.name][str(size)] = _speed(spent[subject.name])
    return found


def _filled(subject: Subject, size: int) -> Talk:
    talk = subject.talk(fresh("speed"), subject.terms.limit, model=False)
    talk.load(messages(range(size)))
    talk.settle()
    talk.turns(messages([size, size + 1]), 60.0)  # what is made at the first turn only is not what a turn takes
    return talk


def _failed(why: Exception) -> Figures:
    if isinstance(why, TooSlow):
        return {"failed": "slow", "seconds": why.seconds}
    return {"failed": str(why)[:200]}


def _speed(blocks: Sequence[tuple[list[float], float | None, int]]) -> Figures:
    turns = [ms for block in blocks for ms in block[0]]
    cpu = [block[1] / len(block[0]) for block in blocks if block[1] is not None]
    return {
        "p50_ms": round(max(0.0, statistics.median(turns)), 3),
        "max_ms": round(max(turns), 3),
        "cpu_ms": round(statistics.median(cpu), 3) if cpu else None,
        "turns": len(turns),
        "characters_sent": blocks[-1][2],
    }


def stall(subject: Subject, stub: Stub, plan: Plan) -> Figures:
    """The slowest turn while the summary of a conversation is written by a model that takes its time."""
    stub.be(delay_s=0.0, failing=False, summary=SMALL.summary)
    _warmed(subject)
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
    called = len(stub.summaries())
    stub.quiet()
    talk.settle()
    talk.close()
    stub.be(delay_s=0.0)
    return {"slowest_ms": round(max(spent), 1), "summaries_begun": called, "turns": len(spent)}


def _warmed(subject: Subject) -> None:
    """One compaction that is not measured: what is loaded for the first of a process is not what one takes."""
    talk = subject.talk(fresh("warm"), SMALL, model=True)
    talk.turns([{**message(_almost_full(talk), 1_200), "role": "user"}], 0.0)
    talk.settle()
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
    begun = len(stub.summaries())
    stub.quiet()
    return _lost(talk, stub, written, taken) | {"summaries_begun": begun}


def imported(subject: Subject, stub: Stub, plan: Plan) -> Figures:
    """A long conversation brought in at once: what is neither sent nor was ever shown to the summarizer."""
    stub.be(delay_s=0.0, failing=False, summary=LARGE.summary)
    talk = subject.talk(fresh("import"), LARGE, model=True)
    brought = messages(range(plan.imported), LONG_WORDS)
    began = time.perf_counter()
    try:
        talk.load(brought)
        talk.turns([message(plan.imported)], 0.0)
    except (Refused, TooSlow) as failed:
        return _failed(failed)
    spent = time.perf_counter() - began
    return _lost(talk, stub, brought, [True] * len(brought)) | {"seconds": round(spent, 2)}


def outage(subject: Subject, stub: Stub, plan: Plan) -> Figures:
    """Appends past the threshold while every call of the provider fails; what is lost of those that were taken."""
    stub.be(delay_s=0.0, failing=False, summary=SMALL.summary)
    talk = subject.talk(fresh("outage"), SMALL, model=True)
    before = _almost_full(talk)
    stub.be(failing=True)
    big = {**message(before, 1_200), "role": "user"}
    written = [big, *messages(range(before + 1, before + 6))]
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
    talk.close()
    acknowledged = [m for m, yes in zip(written, taken, strict=True) if yes]
    lost = [m for m in acknowledged if not marks(m["content"]) <= known]
    return {"acknowledged": len(acknowledged), "lost": len(lost)}
