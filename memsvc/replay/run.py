"""Conversations, one after the other, in every policy that was asked for; and what each came to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

import orjson

from memsvc.replay.baselines import BASELINES
from memsvc.replay.bill import Bill, Provider
from memsvc.replay.conversations import Conversation
from memsvc.replay.play import Event, Player, Sent, Summed
from memsvc.replay.terms import PolicyName, Terms, Tools


@dataclass(slots=True)
class Outcome:
    """What a policy came to.

    Attributes:
        course: dollars so far after each call of the longest conversation, for a chart.
    """

    policy: PolicyName
    bill: Bill = field(default_factory=Bill)
    course: list[float] = field(default_factory=list)


async def replay(
    conversations: Sequence[Conversation],
    policies: Sequence[PolicyName],
    terms: Terms,
    tools: Tools,
    *,
    write: Callable[[bytes], object] | None = None,
    told: Callable[[int], None] = lambda done: None,
) -> list[Outcome]:
    """Play all of them in each policy.

    `write` gets a JSON line for every call of the last policy; `told` the number of conversations that are done.
    Raises UnknownModel, or what the service says of a message that it does not take."""
    outcomes = [Outcome(name) for name in policies]
    for number, conversation in enumerate(conversations, start=1):
        for outcome in outcomes:
            wanted = write if outcome is outcomes[-1] else None
            await _one(conversation, outcome, terms, tools, wanted)
        told(number)
    return outcomes


async def _one(
    conversation: Conversation,
    outcome: Outcome,
    terms: Terms,
    tools: Tools,
    write: Callable[[bytes], object] | None,
) -> None:
    market = tools.market(terms)
    provider = Provider(market.rates, market.cache, tools.counter.count)
    course: list[float] = []
    epoch = 0
    async for event in _events(conversation, outcome.policy, terms, tools):
        if write is not None:
            write(_line(conversation.id, event))
        if isinstance(event, Summed):
            provider.bill.summary_usd += tools.summary_usd(terms, (event.asked.input, event.asked.output))
            continue
        provider.request(event.body, event.at)
        provider.bill.compactions += event.epoch != epoch and outcome.policy != "window"
        epoch = event.epoch
        course.append(provider.bill.total_usd)
    outcome.bill.add(provider.bill)
    if len(course) > len(outcome.course):
        outcome.course = course


async def _events(conversation: Conversation, name: PolicyName, terms: Terms, tools: Tools) -> AsyncIterator[Event]:
    if name in BASELINES:
        for event in BASELINES[name](conversation, terms, tools.counter.count):
            yield event
        return
    async for event in Player(conversation, name, terms, tools).play():
        yield event


def _line(id: str, event: Event) -> bytes:
    if isinstance(event, Sent):
        row = {"id": id, "t": event.at, "epoch": event.epoch, "body": event.body}
    else:
        row = {"id": id, "t": event.at, "summarizer": {"in": event.asked.input, "out": event.asked.output}}
    return orjson.dumps(row) + b"\n"
