"""Conversations with thinking across many compactions, every request held to the provider's own checks.

The stand-in signs the thinking of bound models together with all that stood before it, and refuses it
anywhere else; of other models it wants a tool loop that is still going on to keep its own.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from anthropic import AsyncAnthropic, BadRequestError
from msgspec.structs import replace

from memsvc.stores.sqlite import SQLiteStore
from memsvc.testing.provider import Provider
from tests.service.audit import check
from tests.service.world import KEY, SMALL, World, build, user, words

Json = dict[str, Any]
BOUND = ("claude-fable-5-1", "claude-fable-5-2", "claude-mythos-5-2", "claude-opus-5-5", "claude-sonnet-5-5")
UNBOUND = ("claude-opus-4-8", "claude-sonnet-4-6", "claude-haiku-4-5")
POLICY = replace(SMALL, threshold_tokens=1_500, keep_tokens=300, summary_tokens=300, max_tokens=20_000)
TOOLS = [{"name": "look", "description": "look something up", "input_schema": {"type": "object"}}]
COMPACTIONS = 10
"""Twice as many as lie between two summaries that are written from the originals."""


@dataclass
class Talk:
    """A backend, a service and a provider."""

    w: World
    client: AsyncAnthropic
    provider: Provider
    model: str
    written: list[bytes]
    context: Json | None = None

    async def say(self, message: Json) -> None:
        raw = json.dumps(message).encode()
        self.written.append(raw)
        await self.w.append(raw, format="anthropic")

    async def call(self) -> Json:
        """Fetch, call, append what came back: exactly what a backend does."""
        context = self.context = await self.w.context(format="anthropic")
        request: Json = {k: context[k] for k in ("system", "messages", "tools") if k in context}
        if self.model in UNBOUND:
            request["thinking"] = {"type": "enabled", "budget_tokens": 1_024}
            if "4-8" in self.model:
                request["thinking"] = {"type": "adaptive"}
        reply = (await self.client.messages.create(model=self.model, max_tokens=2_048, **request)).to_dict()
        content = json.loads(json.dumps(reply["content"]))
        await self.say({"role": "assistant", "content": content})
        return {"stop": reply["stop_reason"], "content": content}

    async def turn(self, text: str, results: int = 1) -> None:
        """A user's message and all that answers it, with as many rounds of tools as `results` says."""
        await self.say(user(text))
        for _ in range(results + 1):
            reply = await self.call()
            asked = [b for b in reply["content"] if b["type"] == "tool_use"]
            if not asked:
                return
            await self.w.work()
            blocks = [{"type": "tool_result", "tool_use_id": b["id"], "content": words(40, "res")} for b in asked]
            await self.say({"role": "user", "content": blocks})


@contextlib.asynccontextmanager
async def talk(model: str) -> AsyncIterator[Talk]:
    store, provider = SQLiteStore(":memory:"), Provider()
    await store.open()
    await provider.start()
    client = AsyncAnthropic(api_key="any", base_url=provider.anthropic_url, max_retries=0)
    w = build(store, policy=POLICY)
    try:
        await w.put(system="You are careful.", tools=TOOLS, model=model, format="anthropic")
        yield Talk(w, client, provider, model, [])
    finally:
        await client.close()
        await provider.close()
        await store.close()


def thoughts(messages: list[Json]) -> int:
    return sum(
        1 for m in messages if isinstance(m["content"], list) for b in m["content"] if b["type"].endswith("thinking")
    )


@pytest.mark.parametrize("model", [*BOUND, "claude-haiku-5-5", *UNBOUND])
async def test_a_conversation_passes_the_provider_across_many_compactions(model: str) -> None:
    async with talk(model) as t:
        number, kept = 0, 0
        while (await t.w.memory.get(KEY))["epoch"] < COMPACTIONS:
            number += 1
            assert number < 200, "it does not compact"
            tool = ("", "use the tool; ", "use two tools; ")[number % 3]
            await t.turn(f"{tool}turn {number}: {words(120, f'n{number}x')}")
            await t.w.work()
            assert t.context is not None
            kept = max(kept, thoughts(t.context["messages"]))
        assert all(c.status == 200 for c in t.provider.calls)
        assert kept > 0, "between compactions thinking is kept"
        await check(t.w, t.written)


async def test_between_compactions_thinking_stays_untouched_and_at_one_it_goes() -> None:
    async with talk("claude-opus-5-5") as t:
        for number in range(3):
            await t.turn(f"turn {number}: {words(150)}")
        before = await t.w.context(format="anthropic")
        assert thoughts(before["messages"]) == 3
        assert before["thinking_stripped"] is False
        assert (await t.w.compact(force=True, keep_tokens=1))[1]["changed"]
        await t.say(user("and now?"))
        after = await t.w.context(format="anthropic")
        assert thoughts(after["messages"]) == 0
        assert after["thinking_stripped"] is True
        await t.call()
        await t.turn("one more")
        last = await t.w.context(format="anthropic")
        assert thoughts(last["messages"]) == 2


async def test_without_stripping_the_provider_would_refuse() -> None:
    """The check that the check can fail."""
    async with talk("claude-haiku-5-5") as t:
        await t.turn("turn one")
        await t.turn("turn two")
        await t.say(user("three"))
        context = await t.w.context(format="anthropic")
        request = {k: context[k] for k in ("system", "messages", "tools")}
        request["system"] = [{"type": "text", "text": "another prompt"}]
        with pytest.raises(BadRequestError, match="bound to a different conversation"):
            await t.client.messages.create(model=t.model, max_tokens=100, **request)


@pytest.mark.parametrize("members", [{"system": "You are bold."}, {"tools": TOOLS * 1 + [{**TOOLS[0], "name": "b"}]}])
async def test_a_changed_prompt_takes_the_thinking_with_it(members: Json) -> None:
    async with talk("claude-opus-5-5") as t:
        await t.turn("turn one")
        await t.turn("use the tool; turn two")
        await t.w.put(**members)
        await t.turn("turn three")
        assert all(c.status == 200 for c in t.provider.calls)


async def test_another_model_gets_no_thinking_of_the_one_before() -> None:
    async with talk("claude-opus-5-5") as t:
        await t.turn("turn one")
        await t.w.put(model="claude-fable-5-2")
        t.model = "claude-fable-5-2"
        await t.turn("turn two")
        assert all(c.status == 200 for c in t.provider.calls)
        context = await t.w.context(format="anthropic")
        assert context["prefix_change"]["reason"] == "model_changed"


async def test_an_older_model_keeps_the_thinking_of_a_tool_loop_that_goes_on() -> None:
    async with talk("claude-sonnet-4-6") as t:
        await t.turn(f"turn one {words(400)}")
        await t.say(user("use the tool; turn two"))
        reply = await t.call()
        (asked,) = [b for b in reply["content"] if b["type"] == "tool_use"]
        await t.say(
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": asked["id"], "content": "found"}]}
        )
        assert (await t.w.compact(force=True, keep_tokens=1))[1]["changed"]
        context = await t.w.context(format="anthropic")
        assert thoughts(context["messages"]) == 1
        await t.call()
        assert all(c.status == 200 for c in t.provider.calls)
