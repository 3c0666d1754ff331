"""What a page finds hard: a session of very many messages, a hostile one, and very many sessions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import cycle, islice
from random import Random

from benchmarks.corpus import Conversation, Json
from benchmarks.sampled import hostile
from benchmarks.sampled.world import World
from memsvc.core.model import Key
from memsvc.service.requests import CompactRequest, UsageRequest

LONG = Key("default", "ten-thousand-messages")
HOSTILE = Key("default", hostile.SESSION)
_AT_ONCE = 200


async def long(world: World, conversations: Sequence[Conversation], *, messages: int, until: float) -> None:
    """One session of so many plain messages, in turns, compacted on the way; it ends at `until`."""
    policy = {"mode": "threshold", "threshold_tokens": 32_000, "keep_tokens": 8_000}
    await world.put(LONG, system="You know everything.", format="openai", model="gpt-6-luna", policy=policy)
    began = world.clock.now
    texts = islice(_plain(conversations), messages)
    sent = 0
    while batch := list(islice(texts, _AT_ONCE)):
        world.clock.reach(began + (until - began) * sent / messages)
        sent += len(batch)
        await world.append(LONG, batch, "openai")
        await world.work()


def _plain(conversations: Sequence[Conversation]) -> Iterator[bytes]:
    """Turns without end: questions of users and answers to them."""
    roles = cycle(("user", "assistant"))
    for conversation in cycle(conversations):
        for raw in conversation.messages:
            message = json.loads(raw)
            if isinstance(message.get("content"), str) and message["content"].strip():
                yield json.dumps({"role": next(roles), "content": message["content"][:4_000]}).encode()


async def attacked(world: World, *, line_bytes: int = hostile.LONG_LINE_BYTES) -> None:
    """The hostile session: every text of `hostile` wherever a text can be, a summary among them."""
    tools = [{"type": "function", "function": {"name": "run", "description": hostile.TEXTS[0], "parameters": {}}}]
    policy = {"mode": "threshold", "threshold_tokens": 4_000, "keep_tokens": 500, "summary_tokens": 1_500}
    settings: Json = {"format": "openai", "model": hostile.MODEL, "policy": policy, "tools": tools}
    await world.put(HOSTILE, system=hostile.SYSTEM, user=hostile.USER, metadata={"<b>": hostile.TEXTS[1]}, **settings)
    said = hostile.messages(line_bytes)
    for start in range(0, len(said), 4):
        world.clock.reach(world.clock.now + 30)
        await world.append(HOSTILE, [json.dumps(m).encode() for m in said[start : start + 4]], "openai")
        if start % 24 == 20:
            await world.work()
    usage = {"prompt_tokens": 5_000, "completion_tokens": 50}
    for number, model in enumerate(("gpt-6-luna", hostile.MODEL)):
        report = UsageRequest(usage, f"hostile-{number}", "openai", model, feature=hostile.FEATURE)
        await world.memory.usage(HOSTILE, report)
    await world.memory.compact(HOSTILE, CompactRequest(force=True, wait_ms=60_000))


async def many(world: World, number: int, *, began: float, until: float) -> AsyncIterator[float]:
    """So many small sessions, oldest first; gives the share that is done."""
    rng = Random(number)
    for start in range(0, number, _AT_ONCE):
        world.clock.reach(began + (until - began) * start / number)
        names = range(start, min(start + _AT_ONCE, number))
        await asyncio.gather(*(_small(world, index, rng.randrange(1, 4)) for index in names))
        yield min(1.0, (start + _AT_ONCE) / number)


async def _small(world: World, index: int, turns: int) -> None:
    messages = []
    for turn in range(turns):
        messages.append({"role": "user", "content": f"Question {turn} of caller {index}: where is parcel {index * 7}?"})
        messages.append({"role": "assistant", "content": f"Parcel {index * 7} is at depot {index % 97}."})
    await world.append(Key("default", f"small/{index:06}"), [json.dumps(m).encode() for m in messages], "openai")
