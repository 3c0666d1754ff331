"""MemsvcMemory in agents of Pydantic AI."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

pytest.importorskip("pydantic_ai", reason="needs pydantic-ai-slim[openai]")

from openai import AsyncOpenAI
from pydantic_ai import Agent, ModelRetry
from pydantic_ai.messages import (
    BinaryContent,
    CachePoint,
    CompactionPart,
    DocumentUrl,
    ImageUrl,
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    RetryFeedbackPart,
    RetryInfo,
    SystemPromptPart,
    TextContent,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from memsvc.client import BlockingClient, Client
from memsvc.integrations.mirror import Sent
from memsvc.integrations.pydantic_ai import MemsvcMemory
from memsvc.integrations.pydantic_ai.messages import stored, to_send
from memsvc.integrations.pydantic_ai.wire import of_part, to_message
from memsvc.testing.provider import Provider
from tests.integrations.kit import FERRY, TURNS, check, log, settled

THEN = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
async def vendor(provider: Provider) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(api_key="any", base_url=provider.openai_url) as vendor:
        yield vendor


def agent_of(vendor: AsyncOpenAI, kind: Any, *memory: Any) -> Agent[None, str]:
    model = (OpenAIChatModel if kind == "openai" else OpenAIResponsesModel)(
        "gpt-5.2", provider=OpenAIProvider(openai_client=vendor)
    )
    agent = Agent(model, system_prompt="You are a guide.", instructions="Be kind.", capabilities=memory)

    @agent.tool_plain
    def look_up(city: str) -> str:
        """Look a city up."""
        return f"{city}: {FERRY}"

    return agent


@pytest.mark.parametrize(("kind", "whole"), [("openai", True), ("openai", False), ("responses", True)])
async def test_runs_with_tools_over_compactions(
    client: Client, provider: Provider, vendor: AsyncOpenAI, kind: Any, whole: bool
) -> None:
    """Given the whole history with each run, as it is written down and read again, or only what is new."""
    session = client.session(f"pydantic-{kind}-{whole}")
    agent = agent_of(vendor, kind, MemsvcMemory(client))
    history: list[ModelMessage] | None = None
    told = []
    for turn in TURNS:
        result = await agent.run(turn, message_history=history, conversation_id=session.id)
        told += [unit.unit.wire for unit in stored(result.new_messages())]
        if whole:
            history = ModelMessagesTypeAdapter.validate_json(result.all_messages_json())
        epoch = await settled(session)
    assert [row.message for row in await log(session)] == told
    if whole:
        assert [unit.unit.wire for unit in stored(result.all_messages())] == told, "the caller's history is whole"
    bodies = check(provider, kind, epoch)
    assert all("You are a guide." in str(body) and "Be kind." in str(body) for body in bodies)
    head = await session.get()
    assert head.tokens.system
    assert head.tokens.tools


async def test_streams_and_blocking_clients(blocking: BlockingClient, vendor: AsyncOpenAI) -> None:
    agent = agent_of(vendor, "openai", MemsvcMemory(blocking.session("pydantic-stream")))
    async with agent.run_stream("hello") as reply:
        said = await reply.get_output()
    rows = blocking.session("pydantic-stream").history().messages
    assert [row.message for row in rows] == [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": said},
    ]


async def test_a_retry_is_a_message(client: Client, vendor: AsyncOpenAI) -> None:
    session = client.session("pydantic-retry")
    agent = agent_of(vendor, "openai", MemsvcMemory(client, session.id))
    refused = []

    @agent.output_validator
    def once(output: str) -> str:
        if not refused:
            refused.append(output)
            raise ModelRetry("Say more.")
        return output

    await agent.run("hello")
    rows = await log(session)
    assert [row.message["role"] for row in rows] == ["user", "assistant", "user", "assistant"]
    assert "Say more." in rows[2].message["content"]


def test_what_goes_as_it_is_and_what_does_not() -> None:
    thought = ThinkingPart("Hm.", signature="sealed", provider_name="anthropic")
    first = ModelRequest(parts=[SystemPromptPart("Be kind."), UserPromptPart("one", timestamp=THEN)])
    second = ModelResponse(parts=[thought, ToolCallPart("f", {"a": 1}, "c1")], timestamp=THEN)
    third = ModelRequest(
        parts=[ToolReturnPart("f", {"b": 2}, "c1", timestamp=THEN), UserPromptPart("two", timestamp=THEN)]
    )
    given: list[ModelMessage] = [first, second, third]
    units = stored(given)
    assert [u.unit.wire["role"] for u in units] == ["user", "assistant", "tool", "user"]
    assert units[1].unit.wire["reasoning_content"] == "Hm."
    same = to_send(Sent([0, 1, 2, 3], 1, frozenset()), units, given)
    assert same == [
        ModelRequest(parts=[SystemPromptPart("Be kind.", timestamp=first.parts[0].timestamp)]),
        ModelRequest(parts=[first.parts[1]]),
        second,
        third,
    ]
    assert same[3] is third
    summary = {"role": "user", "content": "so far"}
    later = to_send(Sent([summary, 1, 2, 3], 1, frozenset({1})), units, given)
    assert later[2] == ModelResponse(parts=second.parts[1:], timestamp=THEN), "its prefix is gone"
    tail = to_send(Sent([summary, 3], 1, frozenset()), units, given)
    assert tail[-1] == ModelRequest(parts=[third.parts[1]])
    joined = stored([first, second, ModelRequest(parts=third.parts[:1]), ModelRequest(parts=third.parts[1:])])
    assert [u.unit.name for u in joined] == [u.unit.name for u in units], "requests may be joined or parted"


PICTURE = BinaryContent(b"\x89PNG", media_type="image/png")


def test_parts_there_and_back() -> None:
    asked = UserPromptPart(
        [
            "a",
            TextContent("b"),
            ImageUrl("https://a.test/i.png"),
            PICTURE,
            CachePoint(),
            DocumentUrl("https://a.test/d"),
        ]
    )
    wire = of_part(asked)
    assert wire is not None
    assert [block["type"] for block in wire["content"]] == ["text", "text", "image_url", "image_url", "pydantic_ai"]
    (back,) = to_message(wire, {}).parts
    assert isinstance(back, UserPromptPart)
    *words, picture, other = back.content
    assert words == ["a", "b", ImageUrl("https://a.test/i.png")]
    assert isinstance(picture, BinaryContent)
    assert (picture.data, picture.media_type) == (PICTURE.data, PICTURE.media_type)
    assert "https://a.test/d" in str(other)
    assert of_part(SystemPromptPart("x")) is None
    assert of_part(CompactionPart("x")) == {"role": "user", "content": "x"}
    feedback = RetryFeedbackPart("More.", retry=RetryInfo("model_retry"))
    assert "More." in str(of_part(feedback))
    names: dict[str, str] = {}
    call = {"type": "function", "id": "c1", "function": {"name": "f", "arguments": "{}"}}
    reply = to_message({"role": "assistant", "content": "hm", "tool_calls": [call]}, names)
    assert reply.parts == [TextPart("hm"), ToolCallPart("f", "{}", "c1")]
    (result,) = to_message({"role": "tool", "tool_call_id": "c1", "content": "1"}, names).parts
    assert isinstance(result, ToolReturnPart)
    assert (result.tool_name, result.content) == ("f", "1")
    assert isinstance(to_message({"role": "developer", "content": "x"}, names).parts[0], SystemPromptPart)
