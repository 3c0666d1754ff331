"""MemsvcHistory in agents of the Microsoft Agent Framework."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

pytest.importorskip("agent_framework", reason="needs the frameworks of requirements-frameworks.in: make frameworks")

from agent_framework import Agent, AgentSession, Content, Message
from agent_framework.openai import OpenAIChatCompletionClient
from openai import AsyncOpenAI

from memsvc.client import BlockingClient, Client
from memsvc.integrations.agent_framework import MemsvcHistory, message_of, said_of
from memsvc.integrations.parts import from_wire, to_wire
from memsvc.testing.provider import Provider
from tests.integrations.kit import FERRY, TURNS, check, log, settled


def look_up(city: str) -> str:
    """Look a city up."""
    return f"{city}: {FERRY}"


@pytest.fixture
async def model(provider: Provider) -> AsyncIterator[OpenAIChatCompletionClient]:
    async with AsyncOpenAI(api_key="any", base_url=provider.openai_url) as vendor:
        yield OpenAIChatCompletionClient("gpt-5.2", async_client=vendor)


@pytest.mark.parametrize(("stream", "each_call"), [(False, False), (True, False), (False, True)])
async def test_runs_with_tools_over_compactions(
    client: Client, provider: Provider, model: Any, stream: bool, each_call: bool
) -> None:
    session = client.session(f"maf-{stream}-{each_call}")
    history: Any = {"context_providers": [MemsvcHistory(client)]}
    history["require_per_service_call_history_persistence"] = each_call
    agent = Agent(model, "Be kind.", name="Guide", tools=[look_up], **history)
    own = AgentSession(session_id=session.id)
    for turn in TURNS:
        if stream:
            async for _ in agent.run(turn, session=own, stream=True):
                pass
        else:
            await agent.run(turn, session=own)
        epoch = await settled(session)
    rows = await log(session)
    assert [row.message["content"] for row in rows if row.message["role"] == "user"] == TURNS
    kinds = [("tool_calls" in row.message, row.message["role"]) for row in rows]
    assert kinds.count((True, "assistant")) == kinds.count((False, "tool")) == len(TURNS) // 2
    check(provider, "openai", epoch)


async def test_what_was_handed_on_is_not_stored_again(client: Client, blocking: BlockingClient) -> None:
    history = MemsvcHistory(blocking.session("maf-again"))
    told = [Message("user", ["hello"]), Message("assistant", ["Hello!"]), Message("user", ["hello"])]
    assert await history.get_messages("any") == []
    await history.save_messages("any", told)
    for more in ("one", "two"):
        told.append(Message("assistant", [more]))
        assert [m.text for m in await history.get_messages("any")] == [m.text for m in told[:-1]]
        await history.save_messages("any", told[-3:])
    await history.get_messages("any")
    await history.save_messages("any", [])
    assert [row.message["content"] for row in (await client.session("maf-again").history()).messages] == [
        m.text for m in told
    ]


PICTURE = "data:image/png;base64,iVBORw0KGgo="
CALL = Content.from_function_call("c1", "f", arguments='{"a":1}')
READ = Content.from_function_call("c1", "f", arguments={"a": 1})
APPROVAL = Content.from_function_approval_request("a1", CALL)
MESSAGES = [
    Message("user", ["hello"], author_name="Ann", message_id="m1"),
    Message("user", ["what?", Content.from_uri("https://a.test/i.png", media_type="image/*")]),
    Message("user", [Content.from_uri(PICTURE), Content.from_hosted_file("f1")]),
    Message("assistant", [Content.from_text_reasoning(text="Hm."), "Yes.", CALL]),
    Message("assistant", [Content.from_text_reasoning(text="Hm.", protected_data="[]"), APPROVAL]),
    Message("tool", [Content.from_function_result("c1", result=[Content.from_text("1"), Content.from_uri(PICTURE)])]),
]
CLAUDE = [
    Message("assistant", [Content.from_text_reasoning(text="Hm.", protected_data="sealed"), "Yes.", READ]),
    Message("tool", [Content.from_function_result("c1", result="no", exception="FunctionInvocationError")]),
    *MESSAGES[1:3],
    MESSAGES[5],
]


@pytest.mark.parametrize(("format", "message"), [("openai", m) for m in MESSAGES] + [("anthropic", m) for m in CLAUDE])
def test_messages_there_and_back(format: Any, message: Message) -> None:
    (said,) = said_of(message)
    (wire,) = to_wire(said, format)
    (back,) = from_wire(json.loads(json.dumps(wire)), format)
    again = message_of(back)
    assert (again.role, again.contents) == (message.role, message.contents)
    assert (again.author_name, again.message_id) == (message.author_name, message.message_id)


def test_messages_of_an_odd_kind() -> None:
    thought = Content.from_text_reasoning(text="Hm.")
    (said,) = said_of(Message("assistant", [thought, Content.from_text_reasoning(protected_data="sealed")]))
    assert message_of(said).contents == [Content.from_text_reasoning(text="Hm.", protected_data="sealed")]
    assert said_of(Message("assistant", [Content.from_usage({"input_token_count": 1})])) == []
