"""MemsvcMemory under LlamaIndex's agents and chat engines, and by itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

pytest.importorskip("llama_index.core", reason="needs the frameworks of requirements-frameworks.in: make frameworks")

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import (
    ChatMessage,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.llms.openai import OpenAI

from memsvc.client import BlockingClient, Client
from memsvc.integrations.llama_index import MemsvcMemory
from memsvc.integrations.llama_index.messages import messages_of, said_of
from memsvc.integrations.parts import from_wire, to_wire
from memsvc.testing.provider import Provider
from tests.integrations.kit import FERRY, SUMMARY, TURNS, check, log, settled

pytestmark = pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning")  # LlamaIndex's own


def look_up(city: str) -> str:
    """Look a city up."""
    return f"{city}: {FERRY}"


@pytest.fixture
async def model(provider: Provider) -> AsyncIterator[OpenAI]:
    about: Any = {"model": "gpt-4.1", "api_key": "any", "api_base": provider.openai_url}
    async with httpx.AsyncClient() as client:
        with httpx.Client() as plain:
            yield OpenAI(**about, async_http_client=client, http_client=plain)


@pytest.mark.parametrize("stream", [False, True])
async def test_runs_with_tools_over_compactions(
    client: Client, provider: Provider, model: OpenAI, stream: bool
) -> None:
    session = client.session(f"llama-index-{stream}")
    memory = MemsvcMemory(client, session.id)
    agent = FunctionAgent(tools=[look_up], llm=model, system_prompt="Be kind.", streaming=stream)
    for turn in TURNS:
        await agent.run(turn, memory=memory)
        epoch = await settled(session)
    rows = await log(session)
    assert [row.message["content"] for row in rows if row.message["role"] == "user"] == TURNS
    kinds = [("tool_calls" in row.message, row.message["role"]) for row in rows]
    assert kinds.count((True, "assistant")) == kinds.count((False, "tool")) == len(TURNS) // 2
    bodies = check(provider, "openai", epoch)
    assert {body["messages"][0]["content"] for body in bodies} == {"Be kind."}
    whole = await memory.aget_all()
    assert [message.role.value for message in whole] == [row.message["role"] for row in rows]


async def test_a_chat_engine_with_and_without_await(
    blocking: BlockingClient, client: Client, provider: Provider, model: OpenAI
) -> None:
    session = client.session("llama-chat")
    memory = MemsvcMemory(blocking, "llama-chat")
    engine = SimpleChatEngine.from_defaults(llm=model, memory=memory, system_prompt="Be kind.")
    turns = [f"{turn} {words}" for words in ("First.", "Again.") for turn in TURNS]
    for turn in turns:
        if turn.startswith("Turn 1"):
            await engine.achat(turn)
        else:
            await asyncio.to_thread(engine.chat, turn)
        epoch = await settled(session)
    rows = await log(session)
    assert [row.message["content"] for row in rows][::2] == turns
    assert len(engine.chat_history) == len(rows)
    assert SUMMARY in str(provider.calls[-1].body["messages"][1])
    assert epoch >= 2
    engine.reset()
    assert memory.get() == memory.get_all() == []


async def test_set_stores_nothing_twice(client: Client) -> None:
    session = client.session("llama-set")
    await session.put(policy={"mode": "manual", "keep_tokens": 20})
    memory = MemsvcMemory(session)
    told = [
        ChatMessage(m, role=r)
        for i in range(10)
        for m, r in ((f"Parcel {i} weighs {i} kg. " * 5, "user"), (f"Ok {i}.", "assistant"))
    ]
    system = ChatMessage("Be kind.", role="system")
    await memory.aset([system, *told[:4]])
    await memory.aset([system, *told])
    assert await memory.aget() == await memory.aget_all() == [system, *told]
    await session.compact(force=True)
    before = await memory.aget_all()
    await memory.aput(ChatMessage("more"))
    context = await memory.aget()
    assert SUMMARY in str(context[1])
    await memory.aset(context)
    await memory.aset([*context, ChatMessage("and more")])
    assert await memory.aget_all() == [*before, ChatMessage("more"), ChatMessage("and more")]
    await log(session)
    await memory.aset([system, *told[:3]])
    assert await memory.aget() == [system, *told[:3]], "what is not among them is superseded"
    await memory.aset([])
    assert await memory.aget() == []
    await memory.areset()
    assert await memory.aget_all() == []


PICTURE = "data:image/gif;base64,R0lGODlhAQABAAAAACw="
PLAIN = [
    ChatMessage("hello"),
    ChatMessage("Answer in one line.", role="system"),
    ChatMessage([TextBlock(text="a"), TextBlock(text="b")]),
    ChatMessage([TextBlock(text="what?"), ImageBlock(url="https://a.test/i.png", detail="low")]),
    ChatMessage([ThinkingBlock(content="Hm."), TextBlock(text="Yes.")], role="assistant"),
    ChatMessage("1", role="tool", additional_kwargs={"tool_call_id": "c1"}),
    ChatMessage([TextBlock(text="read"), DocumentBlock(data=b"%PDF", title="a.pdf")]),
]
SIGNED = ThinkingBlock(content="Hm.", additional_information={"signature": "sealed"})


def call(arguments: Any) -> ToolCallBlock:
    return ToolCallBlock(tool_call_id="c1", tool_name="f", tool_kwargs=arguments)


@pytest.mark.parametrize(
    ("format", "message"),
    [
        *(("openai", message) for message in PLAIN),
        ("openai", ChatMessage([call('{"a":1}'), call("{")], role="assistant")),
        *(("anthropic", message) for message in PLAIN if "low" not in str(message.blocks)),
        ("anthropic", ChatMessage([SIGNED, TextBlock(text="Yes."), call({"a": 1})], role="assistant")),
    ],
)
def test_messages_there_and_back(format: Any, message: ChatMessage) -> None:
    (wire,) = to_wire(said_of(message), format)
    (said,) = from_wire(json.loads(json.dumps(wire)), format)
    assert messages_of([said]) == [message]


def test_a_picture_there_and_back() -> None:
    block = ImageBlock(image=PICTURE.partition(",")[2].encode())
    (wire,) = to_wire(said_of(ChatMessage([block])), "openai")
    assert wire["content"] == [{"type": "image_url", "image_url": {"url": PICTURE}}]
    (back,) = messages_of(from_wire(wire, "openai"))[0].blocks
    assert back == block


def test_what_it_does_not_do(blocking: BlockingClient, client: Client) -> None:
    with pytest.raises(TypeError, match="needs a client"):
        MemsvcMemory.from_defaults()
    with pytest.raises(TypeError, match="BlockingClient"):
        MemsvcMemory(client, "llama-wrong").get()
    assert MemsvcMemory(blocking, "llama-none").get() == []


async def test_parallel_calls_of_claude(client: Client) -> None:
    memory = MemsvcMemory(client, "llama-claude", format="anthropic")
    calls = [ToolCallBlock(tool_call_id=i, tool_name="f", tool_kwargs={"a": i}) for i in ("c1", "c2")]
    results = [ChatMessage("1", role="tool", additional_kwargs={"tool_call_id": i}) for i in ("c1", "c2")]
    told = [
        ChatMessage("hello"),
        ChatMessage(calls, role="assistant"),
        *results,
        ChatMessage("Both.", role="assistant"),
    ]
    await memory.aput_messages(told)
    assert await memory.aget() == await memory.aget_all() == told
    await memory.aset(told)
    assert len(await log(client.session("llama-claude"))) == 5
