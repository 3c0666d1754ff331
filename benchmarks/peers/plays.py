"""A conversation played through to its end: how much of each prompt the provider has seen before, what the calls would
have cost, and what the last prompt still holds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.peers.measures import Figures, Plan, fresh
from benchmarks.peers.stub import Stub
from benchmarks.peers.subject import Limit, Refused, Subject, TooSlow
from benchmarks.peers.talk import Fact, Json, fact, mark, marks, messages, text_of
from benchmarks.retention import cases, metrics
from benchmarks.retention.messages import count, size
from memsvc.prices import GenaiPrices
from memsvc.replay.bill import Provider
from memsvc.replay.terms import Terms, Tools
from memsvc.tokens import build_counter

PLAYED = Limit(8_000, 2_000, 1_000)
RECENT = 12
"""Facts of the last messages are not asked for."""
APART_S = 20.0
"""Between two calls: the provider's cache is always warm."""
PATIENCE_S = 120.0
"""After which a play is broken off."""
MODEL = "claude-sonnet-5-5"
SET = "locomo"


@dataclass(frozen=True, slots=True)
class Conversation:
    """What is played, and what is looked for in the last prompt: facts, or questions of a set."""

    title: str
    messages: list[Json]
    facts: list[Fact] = field(default_factory=list)
    questions: list[metrics.Question] = field(default_factory=list)

    def answers(self) -> dict[str, str]:
        """What is said after each message, by its mark."""
        pairs = zip(self.messages, self.messages[1:], strict=False)
        return {min(marks(one["content"])): str(other["content"]) for one, other in pairs}

    def last(self) -> int:
        """The place of the user's last message: what comes before it is played, with it what was restarted goes on."""
        return max(n for n, m in enumerate(self.messages) if m["role"] == "user")

    def kept(self, prompt: Sequence[Json]) -> float:
        """The share of facts whose value is in the prompt, or of questions whose answer a search in it finds."""
        if self.questions:
            found = metrics.answered(self.questions, prompt)["bm25@5"]
            return sum(found) / len(found)
        text = text_of(prompt)
        return sum(f.value in text for f in self.facts) / len(self.facts)


def conversation(plan: Plan, data: Path | None) -> Conversation:
    """The first conversation of the set in the folder, if there is one, else one that is made up."""
    found = cases.load(data, SET) if data is not None else []
    if not found:
        facts = [f for n in range(plan.played - RECENT) if (f := fact(n)) is not None]
        return Conversation(f"{plan.played} messages, made up", messages(range(plan.played)), facts)
    many = min(len(found[0]["messages"]), plan.played * 2)
    part = {**found[0], "messages": found[0]["messages"][:many], "meta": found[0]["meta"][:many]}
    said = [{"role": m["role"], "content": f"{mark(n)} {m['content']}"} for n, m in enumerate(part["messages"])]
    return Conversation(f"{SET}, {many} messages", said, questions=metrics.questions(part))


class Register:
    """What the calls of a play cost."""

    def __init__(self) -> None:
        tools = Tools(build_counter(), GenaiPrices(), time.time)
        self._tools = tools
        self._terms = Terms("anthropic", MODEL, "5m", *_tokens(), 1.5, 0.25, (0.12, 150, PLAYED.summary))
        market = tools.market(self._terms)
        self._provider = Provider(market.rates, market.cache, tools.counter.count)
        self._at = 0.0
        self.calls: list[list[Json]] = []
        self._kept: list[float] = []

    def call(self, prompt: list[Json]) -> None:
        """One call with this prompt."""
        self._at += APART_S
        self._provider.request({"messages": prompt}, self._at)
        if self.calls:
            self._kept.append(same(self.calls[-1], prompt))
        self.calls.append(prompt)

    def figures(self, summaries: Sequence[Json]) -> Figures:
        """What they came to."""
        told = [(s["input"], s["output"]) for s in summaries]
        summed = sum(self._tools.summary_usd(self._terms, one) for one in told)
        bill = self._provider.bill
        return {
            "calls": bill.calls,
            "prefix_kept": round(sum(self._kept) / len(self._kept), 4),
            "prefix_kept_least": round(min(self._kept), 4),
            "calls_that_lost_half": sum(k < 0.5 for k in self._kept),
            "usd": round(bill.usd, 5),
            "summary_usd": round(summed, 5),
            "summaries": len(told),
            "tokens_sent": bill.tokens,
        }


def _tokens() -> tuple[int, int, int]:
    return PLAYED.threshold, PLAYED.keep, PLAYED.summary


def same(before: Sequence[Json], after: Sequence[Json]) -> float:
    """The share of a prompt that is, to the letter, the beginning of another."""
    old, new = _line(before), _line(after)
    if not old:
        return 0.0
    low, high = 0, min(len(old), len(new))
    while low < high:
        middle = (low + high + 1) // 2
        if old[:middle] == new[:middle]:
            low = middle
        else:
            high = middle - 1
    return low / len(old)


def _line(prompt: Sequence[Json]) -> str:
    return "".join(f"\n{m['role']}: {text_of([m])}" for m in prompt)


def play(subject: Subject, stub: Stub, said: Conversation) -> Figures:
    """Message after message; a call is made after each of the user's. At the end everything is restarted, and one more
    message said."""
    stub.be(delay_s=0.0, failing=False, summary=PLAYED.summary, answers=said.answers())
    name, model = fresh("play"), subject.terms.model_plays
    talk, register = subject.talk(name, PLAYED, model=model), Register()
    spent: list[float] = []
    cpu: list[float] = []
    began = time.monotonic()
    for number, message in enumerate(said.messages[: said.last()]):
        if time.monotonic() - began > PATIENCE_S:
            return {"failed": "slow", "seconds": PATIENCE_S, "after": number}
        if message["role"] != "user":
            talk.store(message)
        else:
            block = talk.turns([message], 0.0)
            spent += block.ms
            cpu += [block.cpu_ms] if block.cpu_ms is not None else []
            register.call(block.prompt)
        talk.settle()
    last = talk.shown()
    found: dict[str, Any] = register.figures(stub.summaries())
    found |= {"kept": round(said.kept(last), 4), "tokens_at_end": size(last)}
    found |= {"cpu_ms": round(sum(cpu) / len(spent), 3)}
    found |= {"mean_ms": round(sum(spent) / len(spent), 3)}
    talk.close()
    if subject.terms.stores:
        found["prefix_after_restart"] = round(
            _restarted(subject, name, said.messages[said.last()], last, model=model), 4
        )
    return found


def _restarted(subject: Subject, name: str, message: Json, before: list[Json], *, model: bool) -> float:
    subject.restart()
    talk = subject.talk(name, PLAYED, model=model)
    try:
        after = talk.turns([message], 0.0).prompt
    except (Refused, TooSlow):
        after = []
    talk.forget()
    talk.close()
    return same(before, after)


def whole(said: Conversation) -> Figures:
    """The same conversation with all of it sent at each call."""
    register = Register()
    for number, message in enumerate(said.messages[: said.last()], 1):
        if message["role"] == "user":
            register.call([{"role": m["role"], "content": m["content"]} for m in said.messages[:number]])
    return register.figures([]) | {"tokens_at_end": sum(count(m["content"]) for m in said.messages)}
