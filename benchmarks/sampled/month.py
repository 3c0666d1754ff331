"""A believable month: conversations of a data folder held in sittings over thirty days, all on one clock."""

from __future__ import annotations

import heapq
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from benchmarks.corpus import Conversation, Format, Script, script
from benchmarks.sampled.world import World
from memsvc.core.model import Key
from memsvc.service.requests import UsageRequest

Json = dict[str, Any]
DAY_S = 86_400.0
DAYS = 30
TENANTS = ("default", "acme")
MODELS: tuple[tuple[str, str, Format], ...] = (
    ("anthropic", "claude-sonnet-5-5", "anthropic"),
    ("openai", "gpt-6-luna", "openai"),
)
FEATURES = ("chat", "support", "agent", "search")
POLICIES: tuple[Json, ...] = (
    {"mode": "economic", "threshold_tokens": 6_000, "keep_tokens": 1_200, "summary_tokens": 600},
    {"mode": "threshold", "threshold_tokens": 3_000, "keep_tokens": 800, "summary_tokens": 500},
    {"mode": "economic", "threshold_tokens": 12_000, "keep_tokens": 2_500, "summary_tokens": 900},
    {},
    {"mode": "shadow", "threshold_tokens": 6_000, "keep_tokens": 1_200, "summary_tokens": 600},
)
DOWN = ((9.40, 9.65), (21.1, 21.3))
"""Days of the month between which the provider fails."""
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@dataclass
class Held:
    """A session that is being held.

    Attributes:
        times: when each step of the script happens.
        vendor: provider, model and format.
        before: the context that was fetched last; None = none yet.
    """

    key: Key
    script: Script
    times: list[float]
    vendor: tuple[str, str, Format]
    feature: str
    policy: Json
    before: Json | None = None
    asked: float = 0.0
    step: int = 0


def planned(
    conversations: Sequence[tuple[str, Conversation]], *, number: int, most: int, began: float, seed: int
) -> list[Held]:
    """Sessions of the month, of at most `most` messages each. Conversations come again in turn if there are fewer."""
    rng = Random(seed)
    found = []
    for index in range(number):
        set_name, conversation = conversations[index % len(conversations)]
        vendor = MODELS[rng.random() < 0.35]
        tenant = TENANTS[rng.random() < 0.25]
        short = Conversation(conversation.id, conversation.messages[:most], conversation.tools)
        read = script(short, vendor[2])
        feature = "agent" if read.tools or "swe" in set_name or "code" in set_name else rng.choice(FEATURES)
        first = began + DAY_S * DAYS * (1 - rng.random() ** 1.3) * 0.97
        times = _times(rng, len(read.steps), first, began + DAY_S * DAYS)
        name = f"{set_name}/{index:03}"
        found.append(Held(Key(tenant, name), read, times, vendor, feature, POLICIES[rng.randrange(len(POLICIES))]))
    return found


def _times(rng: Random, steps: int, first: float, end: float) -> list[float]:
    """Seconds between messages, hours between sittings; squeezed where the month would end before."""
    at, times = first, []
    for _ in range(steps):
        at += rng.uniform(3_600, 40_000) if rng.random() < 0.03 else rng.uniform(4, 75)
        times.append(at)
    if times and times[-1] > end:
        share = (end - first) / (times[-1] - first)
        times = [first + (t - first) * share for t in times]
    return times


async def play(world: World, sessions: Sequence[Held], *, began: float) -> AsyncIterator[float]:
    """Hold them all, step by step in the order of time; gives the share that is done."""
    rng = Random(len(sessions))
    queue = [(held.times[0], index) for index, held in enumerate(sessions) if held.times]
    heapq.heapify(queue)
    total, done = sum(len(held.times) for held in sessions), 0
    while queue:
        at, index = heapq.heappop(queue)
        world.clock.reach(at)
        day = (world.clock.now - began) / DAY_S
        world.down = any(a <= day < b for a, b in DOWN)
        held = sessions[index]
        await _step(world, held, rng)
        await world.work()
        if held.step < len(held.times):
            heapq.heappush(queue, (held.times[held.step], index))
        done += 1
        yield done / total
    world.down = False


async def _step(world: World, held: Held, rng: Random) -> None:
    """One append, and the model call that follows it."""
    if held.step == 0:
        await _open(world, held, rng)
    step = held.script.steps[held.step]
    leading = held.script.leading if held.step == 0 else ()
    messages = list(step.messages)
    if held.step == 4 and held.vendor[2] == "anthropic":
        messages[-1] = _with_image(messages[-1])
    appended = await world.append(held.key, [*leading, *messages], held.script.format)
    held.step += 1
    if step.call:
        await _call(world, held)
    await _sometimes(world, held, appended, rng)


async def _open(world: World, held: Held, rng: Random) -> None:
    system = held.script.put_system
    if system is None and held.vendor[2] == "anthropic":
        system = "You are a patient assistant. Answer in the language of the question."
    await world.put(
        held.key,
        system=system,
        tools=list(held.script.tools) or None,
        format=held.script.format,
        model=held.vendor[1],
        policy=held.policy or None,
        user=f"user-{rng.randrange(25)}",
        metadata={"channel": rng.choice(["web", "phone", "mail"])},
    )


async def _call(world: World, held: Held) -> None:
    """Fetch the context, and report what a provider with a cache of five minutes would bill for it."""
    context = await world.context(held.key)
    size = round(context["tokens"]["context"] * (1.35 if held.vendor[0] == "anthropic" else 1.0))
    before, cached = held.before, 0
    if before is not None and world.clock.now - held.asked < 300:
        same = before["epoch"] == context["epoch"] and context["prefix_change"] == before["prefix_change"]
        kept = before["tokens"]["context"] if same else context["tokens"]["system"] + context["tokens"]["tools"]
        cached = min(size, round(kept * size / max(1, context["tokens"]["context"])))
        cached = cached if cached >= 1024 else 0
    output = 40 + len(held.script.steps[min(held.step, len(held.script.steps) - 1)].messages[0]) // 4
    world.calls += 1
    provider, model, _ = held.vendor
    usage: Json = {
        "prompt_tokens": size,
        "completion_tokens": output,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
    if provider == "anthropic":
        usage = {"input_tokens": 12, "output_tokens": output, "cache_read_input_tokens": cached}
        usage["cache_creation_input_tokens"] = max(0, size - cached - 12)
    report = UsageRequest(usage, f"call-{world.calls}", provider, model, context["revision"], held.feature)
    await world.memory.usage(held.key, report)
    held.before, held.asked = context, world.clock.now


async def _sometimes(world: World, held: Held, appended: Json, rng: Random) -> None:
    """What happens now and then: an edit, a pin, another system prompt, a wish to compact."""
    luck = rng.random()
    if luck < 0.004 and appended["last_seq"] > 8:
        await world.memory.truncate(held.key, appended["last_seq"] - 2)
    elif luck < 0.008 and appended["tokens"] < 200:
        await world.memory.pin(held.key, appended["last_seq"])
    elif luck < 0.010 and held.vendor[2] == "anthropic":
        await world.put(
            held.key, system=f"You are a patient assistant. Revision {appended['last_seq']} of the house rules."
        )


def _with_image(raw: bytes) -> bytes:
    """The same message with a picture, if a person says it in plain text."""
    message = json.loads(raw)
    if message["role"] != "user" or not isinstance(message["content"], str):
        return raw
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    message["content"] = [{"type": "text", "text": message["content"]}, image]
    return json.dumps(message, ensure_ascii=False).encode()
