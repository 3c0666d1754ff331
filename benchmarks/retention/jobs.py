"""The work of a run, parted so that processes can share it: each job is one conversation with all its cases."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

from benchmarks.retention import cases, constraints, kit
from benchmarks.retention.baselines import BASELINES
from benchmarks.retention.cases import RECORDED, Case, Values
from benchmarks.retention.driving import Function, Sessions, play
from benchmarks.retention.messages import Json, size

OURS = "memsvc"
ASKED = {"locomo": (0.1, 0.2, 0.3), "bfcl_memory": (0.2,), "crosswoz": (0.2,)}
"""Sets with questions, and the shares of their tokens that a context may have."""
LENGTHS = ((20_000, 0.2), (100_000, 0.1))
"""Tokens of a session with a constraint, and the share that a context may have."""
PER_KIND = 2
"""Histories of each kind (chat, service, agent) that constraints are put into."""
RULED = tuple(n for n in BASELINES if n not in ("random", "textrank"))
"""Baselines that are asked for constraints: the other two keep none of them."""
KINDS = ("asked", "constraints", "kit", "agent")


@dataclass(frozen=True, slots=True)
class Job:
    """A conversation of a set, a haystack at a length, or a seed: `key` names it within its kind."""

    kind: str
    key: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """What one method came to in one case.

    Attributes:
        ratio, used: tokens of the context in those of the history, and in the budget.
        refused: reasons of compactions that changed nothing.
    """

    measure: str
    method: str
    epochs: int
    values: Values
    ratio: float = 0.0
    used: float = 0.0
    over: bool = False
    refused: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for the whole run."""

    data: Path
    epochs: tuple[int, ...]
    cache: Path | None
    limit: int | None = None


def listed(terms: Terms, kinds: Sequence[str]) -> list[Job]:
    """All jobs, the longest first."""
    found: list[Job] = []
    if "constraints" in kinds and installed(constraints.PACKAGE):
        for length, _ in reversed(LENGTHS):
            found += [Job("constraints", (str(length), name)) for name in _haystacks(terms.data, length)][: terms.limit]
    if "agent" in kinds:
        found += [Job("agent", (name,)) for name, _ in cases.compactions(terms.data)][: terms.limit]
    if "asked" in kinds:
        for name in ASKED:
            many = len(cases.load(terms.data, name))
            found += [Job("asked", (name, str(i))) for i in range(many)][: terms.limit]
    if "kit" in kinds and installed(kit.PACKAGE):
        found += [Job("kit", (str(seed),)) for seed in kit.SEEDS][: terms.limit]
    return found


def installed(package: str) -> bool:
    """Whether an outside suite can be imported."""
    return importlib.util.find_spec(package) is not None


@cache
def _haystacks(data: Path, length: int) -> dict[str, list[Json]]:
    found = dict(cases.haystacks(data, length))
    kept: dict[str, list[Json]] = {}
    for name, whole in found.items():
        messages = constraints.shortened(whole, length, dict(LENGTHS)[length])
        same = [n for n in kept if n.partition("-")[0] == name.partition("-")[0]]
        if messages is not None and len(same) < PER_KIND and not (same and name.endswith("-all")):
            kept[name] = messages
    return kept


def done(job: Job, terms: Terms, sessions: Sessions) -> list[Record]:
    """Every method in every case of a job; the baselines' part is remembered where there is a cache."""
    file = None if terms.cache is None else terms.cache / f"{_digest(job, terms)}.json"
    if file is not None and file.exists():
        return [Record(**r) for r in json.loads(file.read_text())] + list(_ours(job, terms, sessions))
    theirs = list(_theirs(job, terms))
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps([asdict(r) for r in theirs]))
    return theirs + list(_ours(job, terms, sessions))


def _ours(job: Job, terms: Terms, sessions: Sessions) -> Iterator[Record]:
    if job.kind == "kit":
        yield from _kit(job, terms, OURS, sessions)
    for measure, case in _cases(job, terms):
        yield from _played(measure, case, OURS, sessions, terms.epochs)


def _theirs(job: Job, terms: Terms) -> Iterator[Record]:
    for name in BASELINES if job.kind == "kit" else ():
        yield from _kit(job, terms, name, None)
    for measure, case in _cases(job, terms):
        for name in BASELINES if job.kind != "constraints" else RULED:
            yield from _played(measure, case, name, None, terms.epochs)
        if case.recorded is not None:
            whole = size(case.history.messages)
            yield Record(measure, RECORDED, 1, case.measured(case.recorded), ratio=case.budget / whole, used=1.0)


def _played(
    measure: str, case: Case, method: str, sessions: Sessions | None, epochs: Sequence[int]
) -> Iterator[Record]:
    whole = size(case.history.messages)
    for number in epochs:
        started = time.perf_counter()
        subject = Function(BASELINES[method]) if sessions is None else sessions.open(case.history, case.budget)
        made = play(subject, case.history, case.budget, number)
        yield Record(
            measure,
            method,
            number,
            case.measured(made.messages),
            made.tokens / whole,
            made.tokens / case.budget,
            made.tokens > case.budget,
            made.refused,
            time.perf_counter() - started,
        )


def _kit(job: Job, terms: Terms, method: str, sessions: Sessions | None) -> Iterator[Record]:
    for fed_back in (True, False):
        for rounds in terms.epochs:
            fresh = sessions.open if sessions is not None else lambda: Function(BASELINES[method])
            values = kit.measured(fresh, int(job.key[0]), fed_back=fed_back, rounds=rounds)
            yield Record("kit fed back" if fed_back else "kit epochs", method, rounds, values)


def _cases(job: Job, terms: Terms) -> Iterator[tuple[str, Case]]:
    if job.kind == "asked":
        name, number = job.key
        for share, case in cases.asked(cases.load(terms.data, name)[int(number)], ASKED[name]).items():
            yield f"{name} {share:.0%}", case
    elif job.kind == "agent":
        yield from (("agent", case) for name, case in cases.compactions(terms.data) if name == job.key[0])
    elif job.kind == "constraints":
        length, name = int(job.key[0]), job.key[1]
        for case in constraints.cases(_haystacks(terms.data, length)[name], length, dict(LENGTHS)[length]):
            yield f"constraints {length}", case


def _digest(job: Job, terms: Terms) -> str:
    """Changes with the benchmark, the data and the job."""
    parts = [repr((job, terms.epochs)), _contents(Path(__file__).parent, "*.py")]
    parts.append(_contents(terms.data, "*/conversations.jsonl"))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


@cache
def _contents(folder: Path, pattern: str) -> str:
    return repr([hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.glob(pattern))])
