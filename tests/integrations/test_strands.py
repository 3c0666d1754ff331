"""MemsvcConversationManager in Strands Agents."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

pytest.importorskip("strands", reason="needs the frameworks of requirements-frameworks.in: make frameworks")

from strands import Agent, tool
from strands.models.openai import OpenAIModel
from strands.types.exceptions import ContextWindowOverflowException

from memsvc.client import BlockingClient, Client
from memsvc.integrations.strands import MemsvcConversationManager
from memsvc.integrations.strands.messages import message_of, wire_of
from memsvc.testing.provider import Provider
from tests.integrations.kit import FERRY, TURNS, check, log, settled


@tool
def look_up(city: str) -> str:
    """Look a city up."""
    return f"{city}: {FERRY}"


def agent_of(provider: Provider, manager: MemsvcConversationManager) -> Agent:
    model = OpenAIModel(client_args={"api_key": "any", "base_url": provider.openai_url}, model_id="gpt-5.2")
    about: Any = {"system_prompt": "Be kind.", "callback_handler": None}
    return Agent(model=model, tools=[look_up], conversation_manager=manager, **about)


async def test_runs_with_tools_over_compactions(client: Client, provider: Provider) -> None:
    session = client.session("strands")
    agent = agent_of(provider, MemsvcConversationManager(session))
    for turn in TURNS:
        await agent.invoke_async(turn)
        epoch = await settled(session)
    rows = await log(session)
    assert [row.id for row in rows] == [message["tracking_id"] for message in agent.messages], "both are whole"
    assert [row.message for row in rows] == [wire_of(message) for message in agent.messages]
    said = [message["content"][0].get("text") for message in agent.messages if message["role"] == "user"]
    assert [text for text in said if text] == TURNS
    check(provider, "openai", epoch)
    head = await session.get()
    assert head.tokens.system
    assert head.tokens.tools
    new = agent_of(provider, MemsvcConversationManager(session))
    await new.invoke_async("And now?")
    assert len(provider.calls[-1].body["messages"]) > 2, "the session supplies the past"
    assert len(await log(session)) == len(rows) + 2


async def test_without_await_and_when_it_is_too_long(
    blocking: BlockingClient, client: Client, provider: Provider
) -> None:
    session = client.session("strands-sync")
    manager = MemsvcConversationManager(blocking, session.id)
    agent = agent_of(provider, manager)
    for turn in TURNS[:3]:
        await asyncio.to_thread(agent, turn)
    before = await settled(session)
    told = ContextWindowOverflowException("too long")
    manager.reduce_context(agent, told)
    manager.reduce_context(agent, told)
    await asyncio.to_thread(agent, "And now?")
    assert (await session.get()).epoch > before
    manager.reduce_context(agent, told)
    manager.reduce_context(agent)
    with pytest.raises(ContextWindowOverflowException):
        manager.reduce_context(agent, told)
    assert [row.id for row in await log(session)] == [message["tracking_id"] for message in agent.messages]


@pytest.mark.parametrize(
    "content",
    [
        [{"text": "a"}, {"text": "b"}],
        [{"image": {"format": "png", "source": {"bytes": b"\x89PNG"}}}],
        [{"document": {"format": "pdf", "name": "a", "source": {"bytes": b"%PDF"}}}],
        [{"toolResult": {"toolUseId": "c1", "status": "error", "content": [{"text": "no"}]}}, {"text": "and?"}],
        [
            {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "sealed"}}},
            {"reasoningContent": {"redactedContent": b"x"}},
            {"toolUse": {"toolUseId": "c1", "name": "f", "input": {"a": 1}}},
        ],
    ],
)
def test_messages_there_and_back(content: Any) -> None:
    role: Any = "assistant" if "toolUse" in content[-1] else "user"
    wire = json.loads(json.dumps(wire_of({"role": role, "content": content})))
    assert message_of(wire) == {"role": role, "content": content}


def test_what_is_no_message() -> None:
    content: Any = [{"text": "a"}, {"cachePoint": {"type": "default"}}]
    assert wire_of({"role": "user", "content": content}) == {"role": "user", "content": "a"}
    result: Any = [{"toolResult": {"toolUseId": "c1", "status": "success", "content": [{"json": {"a": 1}}]}}]
    assert wire_of({"role": "user", "content": result})["content"][0]["content"] == '{"a": 1}'
