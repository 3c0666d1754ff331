"""The cases of each measure: a history, a budget, and what is looked for in the context."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.corpus import FILE
from benchmarks.retention import metrics, references
from benchmarks.retention.driving import History
from benchmarks.retention.messages import Json, joined, size

Values = dict[str, list[float]]
RECORDED = "recorded"
"""The method of contexts that a model's real compaction made, as the data tells them."""
AGENTS = ("pi_mono", "claude_code_spotter")


@dataclass(frozen=True, slots=True)
class Case:
    """One history at one budget.

    Attributes:
        measured: what is looked for in a context, by measure; values of all cases are pooled.
        recorded: a context that somebody else made of the same history.
    """

    history: History
    budget: int
    measured: Callable[[Sequence[Json]], Values]
    recorded: list[Json] | None = None


def load(data: Path, name: str) -> list[Json]:
    """The conversations of a set, none if it is not there."""
    if not (data / name / FILE).exists():
        return []
    with (data / name / FILE).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def asked(conversation: Json, shares: Sequence[float]) -> dict[float, Case]:
    """Questions about a conversation, at several shares of its tokens."""
    questions = metrics.questions(conversation)
    history = History(conversation["messages"], said_at(conversation["meta"]))
    whole = size(history.messages)

    def measured(context: Sequence[Json]) -> Values:
        return metrics.answered(questions, context)

    return {share: Case(history, int(whole * share), measured) for share in shares}


def said_at(meta: Sequence[Json]) -> list[float] | None:
    """When each message was said, where the data tells it ("1:56 pm on 8 May, 2023")."""
    if not all("date" in m for m in meta):
        return None
    told = [datetime.strptime(m["date"], "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC) for m in meta]
    return [moment.timestamp() for moment in told]


def compactions(data: Path) -> Iterator[tuple[str, Case]]:
    """Real compactions of coding agents: the history before each, at the budget that the model's own summary and
    what was kept beside it took."""
    for name in AGENTS:
        for conversation in load(data, name):
            for number, record in enumerate(conversation["info"]["compactions"]):
                case = _compaction(conversation, record) if record.get("summary") else None
                if case is not None:
                    yield f"{name}-{conversation['id'][:12]}-{number}", case


def _compaction(conversation: Json, record: Json) -> Case | None:
    pairs = list(zip(conversation["messages"], conversation["meta"], strict=True))
    cut = record["at_message"]
    kept: list[Json] = []
    if "firstKeptEntryIndex" in record:
        kept = [m for m, meta in pairs[:cut] if meta["entry"] >= record["firstKeptEntryIndex"]]
    while cut < len(pairs) and pairs[cut][1].get("compact_summary"):
        cut += 1  # the agent's own summary is no part of the history
    history = [m for m, meta in pairs[:cut] if not meta.get("compact_summary")]
    wanted = references.needed(history, [m for m, _ in pairs[cut:]])
    if len(wanted) < references.LEAST:
        return None
    made = [{"role": "user", "content": record["summary"]}, *kept]

    def measured(context: Sequence[Json]) -> Values:
        return references.held(wanted, context)

    return Case(History(history), size(made), measured, recorded=made)


def haystacks(data: Path, least: int) -> list[tuple[str, list[Json]]]:
    """Long histories of several kinds as plain user and assistant messages, of at least so many tokens."""
    talk = load(data, "locomo")
    found = [(f"chat-{i}", c["messages"]) for i, c in enumerate(talk[:4])]
    found += [("chat-all", [m for c in talk for m in c["messages"]])]
    service = load(data, "sgd")
    found += [(f"service-{i}", c["messages"]) for i, c in enumerate(service[:2])]
    found += [("service-all", [m for c in service for m in c["messages"]])]
    work = [c for n in AGENTS for c in load(data, n)]
    found += [(f"agent-{i}", c["messages"]) for i, c in enumerate(work)]
    flat = [(name, _flat(messages)) for name, messages in found]
    return [(name, messages) for name, messages in flat if size(messages) >= least]


def _flat(messages: Sequence[Json]) -> list[Json]:
    out = []
    for message in messages:
        text = joined([message])
        if text.strip():
            role = message["role"] if message["role"] in ("user", "assistant") else "user"
            out.append({"role": role, "content": ("[tool result] " if message["role"] == "tool" else "") + text})
    return out
