"""OpenAI backends with the real SDK: what comes back from a fetch goes into a call as it is, what the call
answers is appended as the SDK dumps it, its usage is reported; the stand-in provider refuses what the vendor would."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from msgspec.structs import replace
from openai import AsyncOpenAI

from memsvc.prices import GenaiPrices
from memsvc.service.requests import UsageRequest
from memsvc.stores.sqlite import SQLiteStore
from memsvc.testing.provider import Provider
from tests.service.audit import check
from tests.service.world import KEY, SMALL, World, build, words

Json = dict[str, Any]
POLICY = replace(SMALL, threshold_tokens=1_500, keep_tokens=300, summary_tokens=300, max_tokens=20_000)
COMPACTIONS = 8


@dataclass
class Backend:
    """A chatbot backend for one of OpenAI's APIs."""

    w: World
    client: AsyncOpenAI
    provider: Provider
    format: str
    model: str
    written: list[bytes]

    async def say(self, *messages: Json) -> None:
        raws = [json.dumps(m).encode() for m in messages]
        self.written += raws
        await self.w.append(*raws, format=self.format)

    async def call(self) -> list[tuple[str, str]]:
        """One model call; the tool calls it asks for, as (id, name)."""
        context = await self.w.context(format=self.format)
        if self.format == "responses":
            reply = await self.client.responses.create(
                model=self.model, input=context["input"], tools=context["tools"], store=False
            )
            items = [item.model_dump(mode="json", exclude_none=True) for item in reply.output]
            asked = [(i["call_id"], i["name"]) for i in items if i["type"] == "function_call"]
        else:
            reply = await self.client.chat.completions.create(
                model=self.model, messages=context["messages"], tools=context["tools"]
            )
            message = reply.choices[0].message.model_dump(mode="json", exclude_none=True)
            items = [message]
            asked = [(c["id"], c["function"]["name"]) for c in message.get("tool_calls", [])]
        assert reply.usage is not None
        usage = reply.usage.model_dump(mode="json")
        await self.say(*items)
        report = UsageRequest(usage, id=reply.id, revision=context["revision"], provider="openai", model=self.model)
        booked = await self.w.memory.usage(KEY, report)
        assert booked["booked"] is True
        assert booked["cost_usd"] > 0
        assert 0.8 < booked["factor"] < 1.3, "the stand-in counts o200k for these models"
        return asked

    async def turn(self, text: str) -> None:
        await self.say({"role": "user", "content": text})
        asked = await self.call()
        if not asked:
            return
        for call_id, _ in asked:
            if self.format == "responses":
                await self.say({"type": "function_call_output", "call_id": call_id, "output": words(30, "res")})
            else:
                await self.say({"role": "tool", "tool_call_id": call_id, "content": words(30, "res")})
        await self.call()


@contextlib.asynccontextmanager
async def backend(format: str, model: str) -> AsyncIterator[Backend]:
    async with contextlib.AsyncExitStack() as end:
        store = SQLiteStore(":memory:")
        await store.open()
        end.push_async_callback(store.close)
        provider = await end.enter_async_context(Provider())
        client = AsyncOpenAI(api_key="any", base_url=provider.openai_url, max_retries=0)
        end.push_async_callback(client.close)
        w = build(store, policy=POLICY, prices=GenaiPrices())
        function = {"name": "look", "description": "look up", "parameters": {"type": "object", "properties": {}}}
        tool = {"type": "function", **function} if format == "responses" else {"type": "function", "function": function}
        await w.put(system="You are careful.", tools=[tool], model=model, format=format)
        yield Backend(w, client, provider, format, model, [])


@pytest.mark.parametrize("model", ["gpt-6-luna", "gpt-5.5", "gpt-4.1"])
@pytest.mark.parametrize("format", ["openai", "responses"])
async def test_a_conversation_passes_the_provider_across_compactions(format: str, model: str) -> None:
    async with backend(format, model) as b:
        number = 0
        while (await b.w.memory.get(KEY))["epoch"] < COMPACTIONS:
            number += 1
            assert number < 150, "it does not compact"
            tool = ("", "use the tool; ", "use two tools; ")[number % 3]
            await b.turn(f"{tool}turn {number}: {words(120, f'n{number}x')}")
            await b.w.work()
        assert all(c.status == 200 for c in b.provider.calls)
        await check(b.w, b.written)
