"""compaction-conformance-kit: marked facts over rounds of compaction, in its generated corpus.

Two ways. `fed back`, the kit's own protocol: each round compacts the text of the round before, and nothing else is at
hand. `epochs`: the session is said in as many parts as there are rounds with a compaction after each, as a service
with a log works; the baselines get their own result and what is new.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.retention.cases import Values
from benchmarks.retention.driving import History, Subject, play, rendered
from benchmarks.retention.messages import Json, size

PACKAGE = "compaction_kit"
ROUNDS, SHARE, SEEDS = 3, 0.2, range(1, 11)
_STEP, _LEAST = 0.93, 12
"""A text that is too long is tried again with so much of the budget, down to so many tokens."""
_LINE = re.compile(r"\[(\w+)\] (.*)")
Open = Callable[[], Subject]


def measured(fresh: Open, seed: int, *, fed_back: bool, rounds: int = ROUNDS) -> Values:
    """Survival of the marked facts after the last round, and for each fact that was changed whether an old value is
    still there."""
    session, facts = importlib.import_module("compaction_kit.generated").build_generated_session(seed)[:2]
    turns = [(t.role, t.text) for t in session.transcript()]
    limit = int(len("\n".join(f"[{role}] {text}" for role, text in turns)) * SHARE)
    said = [_message(role, text) for role, text in turns]
    text = ""
    for _ in range(rounds if fed_back else 1):
        text = _within(fresh, said, limit, 1 if fed_back else rounds)
        said = _lines(text)
    return _judged(facts, text)


def _judged(facts: Sequence[Any], text: str) -> Values:
    probe = importlib.import_module("compaction_kit.probes").BehaviorProbe()
    survived = [bool(probe.probe(fact, text).survived) for fact in facts]
    old = [any(t.lower() in text.lower() for t in f.superseded_tokens) for f in facts if f.superseded_tokens]
    return {"survived": [sum(survived) / len(survived)], "stale": list(map(float, old)), "chars": [float(len(text))]}


def _within(fresh: Open, said: list[Json], limit: int, epochs: int) -> str:
    """A context whose text is not longer than the limit."""
    whole = sum(len(m["content"]) + len(m["role"]) + 4 for m in said)
    budget = int(size(said) * min(1.0, limit / max(1, whole)))
    while True:
        text = rendered(play(fresh(), History(said), max(10, budget), epochs).messages)
        if len(text) <= limit or budget < _LEAST:
            return text[:limit]
        budget = int(budget * _STEP)


def _message(role: str, text: str) -> Json:
    return {"role": role if role in ("user", "assistant") else "user", "content": text}


def _lines(text: str) -> list[Json]:
    """A text as messages, one a line, for what works on messages."""
    said = []
    for line in text.split("\n"):
        found = _LINE.match(line)
        message = _message(found[1], found[2]) if found else _message("user", line)
        message["content"] = message["content"].removeprefix("- ")
        if message["content"].strip() and not message["content"].startswith("[Summary of"):
            said.append(message)
    return said
