"""The middleware in agents of LangChain, and the chat message history."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from typing import Any

import pytest

pytest.importorskip("langchain", reason="needs langchain, langchain-openai and langchain-anthropic")

from langchain.agents import create_agent
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, RemoveMessage, SystemMessage, ToolMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.runnables.history import RunnableWithMessageHistory
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import SecretStr

from memsvc.client import BlockingClient, Client
from memsvc.integrations.langchain import MemsvcChatMessageHistory, MemsvcMiddleware
from memsvc.integrations.langchain.messages import from_wire, to_wire
from memsvc.testing.provider import Provider
from tests.integrations.kit import FERRY, SUMMARY, TURNS, check, log, settled


@tool
def look_up(city: str) -> str:
    """Look a city up."""
    return f"{city}: {FERRY}"


def thread(name: str) -> Any:
    return {"configurable": {"thread_id": name}}


def agent_of(model: Any, memory: MemsvcMiddleware) -> Any:
    return create_agent(model, [look_up], system_prompt="Be kind.", middleware=[memory], checkpointer=InMemorySaver())


class Models:
    """Models that talk to the provider, closed in the end."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._clients: list[Any] = []

    def openai(self, **more: Any) -> Any:
        model = ChatOpenAI(model="gpt-5.2", base_url=self._provider.openai_url, api_key=SecretStr("any"), **more)
        self._clients += [model.root_client, model.root_async_client]
        return model

    def anthropic(self) -> Any:
        about: Any = {"model": "claude-sonnet-5", "base_url": self._provider.anthropic_url, "max_tokens": 2_000}
        model = ChatAnthropic(api_key=SecretStr("any"), **about)
        self._clients += [model._client, model._async_client]
        return model

    async def close(self) -> None:
        for client in self._clients:
            if inspect.isawaitable(closing := client.close()):
                await closing


@pytest.fixture
async def models(provider: Provider) -> AsyncIterator[Models]:
    models = Models(provider)
    yield models
    await models.close()


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
async def test_runs_with_tools_over_compactions(client: Client, provider: Provider, models: Models, kind: Any) -> None:
    session = client.session(f"langchain-{kind}")
    agent = agent_of(models.openai() if kind == "openai" else models.anthropic(), MemsvcMiddleware(client))
    for turn in TURNS:
        state = await agent.ainvoke({"messages": [("user", turn)]}, thread(session.id))
        epoch = await settled(session)
    rows = await log(session)
    assert [row.id for row in rows] == [message.id for message in state["messages"]], (
        "the state is whole, and so is the log"
    )
    assert [m.text for m in state["messages"] if m.type == "human"] == TURNS
    bodies = check(provider, kind, epoch)
    assert all(body["tools"] for body in bodies)
    spent = (await client.spend(by="model")).rows
    assert sum(row.calls for row in spent if row.model == bodies[0]["model"]) >= len(bodies)
    head = await session.get()
    assert head.tokens.system
    assert head.tokens.tools


async def test_thinking_of_an_earlier_epoch_is_not_sent(client: Client, provider: Provider, models: Models) -> None:
    session = client.session("langchain-thinking")
    agent = agent_of(models.anthropic(), MemsvcMiddleware(client, session.id))
    for turn in ("Please use the tool.", "So be it. " * 20):
        async for _ in agent.astream({"messages": [("user", turn)]}, thread("any"), stream_mode="messages"):
            pass  # a streamed reply is put together before it is appended
    state = (await agent.aget_state(thread("any"))).values
    assert [b["type"] for b in state["messages"][1].content] == ["thinking", "tool_use"]
    await session.compact(force=True, keep_tokens=20)
    await agent.ainvoke({"messages": [("user", "And now?")]}, thread("any"))
    before, after = (str(call.body) for call in provider.calls[-2:])
    assert "'thinking'" in before
    assert "'thinking'" not in after
    assert "'thinking'" in str([row.message async for row in session.walk()][1]), "the log has it"


async def test_without_await(blocking: BlockingClient, client: Client, provider: Provider, models: Models) -> None:
    agent = agent_of(models.openai(use_responses_api=True), MemsvcMiddleware(blocking))
    for turn in TURNS[:3]:
        state = await asyncio.to_thread(agent.invoke, {"messages": [("user", turn)]}, thread("langchain-sync"))
    state = await agent.ainvoke({"messages": [("user", "And with await?")]}, thread("langchain-sync"))
    rows = await log(client.session("langchain-sync"))
    assert [row.id for row in rows] == [m.id for m in state["messages"]]
    assert {call.status for call in provider.calls} == {200}
    wrong = agent_of(models.openai(), MemsvcMiddleware(client))
    with pytest.raises(TypeError, match="BlockingClient"):
        wrong.invoke({"messages": [("user", "hello")]}, thread("langchain-sync"))


async def test_agents_within_agents_and_other_models(client: Client, provider: Provider, models: Models) -> None:
    inner = create_agent(models.openai(), middleware=[MemsvcMiddleware(client)])

    @tool
    async def ask(city: str) -> str:
        """Ask another agent."""
        return str((await inner.ainvoke({"messages": [("user", "A question within.")]}))["messages"][-1].text)

    kept, memory = InMemorySaver(), MemsvcMiddleware(client)
    for model in (models.openai(), models.anthropic()):
        agent = create_agent(model, [ask], middleware=[memory], checkpointer=kept)
        state = await agent.ainvoke({"messages": [("user", "Please use the tool.")]}, thread("langchain-nested"))
    names = [s.session for s in (await client.list_sessions(prefix="langchain-nested")).sessions]
    assert len(names) == 3, "the thread, and a conversation for each call of the tool"
    rows = (await client.session("langchain-nested").history()).messages
    assert [row.id for row in rows] == [m.id for m in state["messages"]]
    assert {row.format for row in rows} == {"openai", "anthropic"}
    assert {call.status for call in provider.calls} == {200}
    with pytest.raises(ValueError, match="thread_id"):
        await inner.ainvoke({"messages": [("user", "hello")]})


async def test_what_an_edit_takes_out_is_cut_off_and_may_come_back(
    client: Client, provider: Provider, models: Models
) -> None:
    session = client.session("langchain-edit")
    agent = agent_of(models.openai(), MemsvcMiddleware(session))
    for turn in ("one", "two"):
        state = await agent.ainvoke({"messages": [("user", turn)]}, thread("t"))
    *_, asked, answered = state["messages"]
    await agent.aupdate_state(thread("t"), {"messages": [RemoveMessage(id=asked.id), RemoveMessage(id=answered.id)]})
    await agent.ainvoke({"messages": [("user", "three")]}, thread("t"))
    assert "two" not in str(provider.calls[-1].body)
    again = agent_of(models.openai(), MemsvcMiddleware(session))  # knows nothing but the log
    await again.ainvoke({"messages": [*state["messages"], HumanMessage("four", id="h4")]}, thread("t"))
    said = [m["content"] for m in provider.calls[-1].body["messages"] if m["role"] == "user"]
    assert said == ["one", "two", "four"]
    live = [row.id for row in (await session.history()).messages if not row.superseded]
    assert live[2:4] == [f"{asked.id}~again2", f"{answered.id}~again2"]
    assert live[4] == "h4"


async def test_what_is_new_alone_is_enough(client: Client, provider: Provider, models: Models) -> None:
    session = client.session("langchain-new")
    agent = create_agent(models.openai(), middleware=[MemsvcMiddleware(session)])
    told: list[BaseMessage] = [SystemMessage("Be brief.", id="s"), HumanMessage("one", id="1")]
    await agent.ainvoke({"messages": told})
    await agent.ainvoke({"messages": [SystemMessage("Be brief.", id="s"), HumanMessage("two", id="2")]})
    assert [m["content"] for m in provider.calls[-1].body["messages"]][:2] == ["Be brief.", "one"]
    assert [m["role"] for m in provider.calls[-1].body["messages"]] == ["system", "user", "assistant", "user"]
    assert len(await log(session)) == 4


@pytest.mark.filterwarnings("ignore:RunnableWithMessageHistory")
async def test_history_in_a_runnable(blocking: BlockingClient, client: Client) -> None:
    kept = MemsvcChatMessageHistory(blocking, "langchain-history")
    said = RunnableLambda(lambda messages: AIMessage(f"Heard: {messages[-1].text[:8]}"))
    chain = RunnableWithMessageHistory(said, lambda: kept)
    for turn in range(12):
        config: Any = {"configurable": {}}
        words = [HumanMessage(f"Turn {turn}. " + "So be it. " * 20)]
        if turn % 2:
            await asyncio.to_thread(chain.invoke, words, config)
        else:
            await chain.ainvoke(words, config)
        await settled(client.session("langchain-history"))
    rows = await log(client.session("langchain-history"))
    assert len(rows) == 24
    first, *rest = await kept.aget_messages()
    assert SUMMARY in first.text
    assert rest[-1] == kept.messages[-1] == AIMessage(rows[-1].message["content"])
    kept.clear()
    assert kept.messages == []
    await kept.aadd_messages([SystemMessage("Be kind."), HumanMessage("hello")])
    assert await kept.aget_messages() == [SystemMessage("Be kind."), HumanMessage("hello")]
    await kept.aclear()
    assert kept.messages == []
    kept.add_messages([])


MESSAGES: list[BaseMessage] = [
    HumanMessage("hello"),
    HumanMessage(
        [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": "https://a.test/i.png"}}]
    ),
    AIMessage("", tool_calls=[{"type": "tool_call", "id": "c1", "name": "f", "args": {"a": 1}}]),
    AIMessage("Both.", tool_calls=[{"type": "tool_call", "id": i, "name": "f", "args": {}} for i in ("c1", "c2")]),
    ToolMessage("1", tool_call_id="c1"),
]


@pytest.mark.parametrize("message", MESSAGES)
def test_messages_there_and_back(message: BaseMessage) -> None:
    (wire,) = to_wire(message, "openai")
    assert from_wire(wire, "openai") == [message]
    (wire,) = to_wire(message, "anthropic")
    (back,) = from_wire(wire, "anthropic")
    assert (back.type, back.text, getattr(back, "tool_calls", None)) == (
        message.type,
        message.text,
        getattr(message, "tool_calls", None),
    )


def test_messages_of_an_odd_kind() -> None:
    failed = ToolMessage("no", tool_call_id="c1", status="error")
    assert from_wire(to_wire(failed, "anthropic")[0], "anthropic") == [failed]
    several = {
        "role": "user",
        "content": [*to_wire(failed, "anthropic")[0]["content"], {"type": "text", "text": "and?"}],
    }
    assert [m.type for m in from_wire(several, "anthropic")] == ["tool", "human"]
    unknown = HumanMessage([{"type": "image", "source": {"type": "file", "file_id": "f"}}])
    assert to_wire(unknown, "openai") == [{"role": "user", "content": unknown.content}]
    streamed = {"type": "tool_use", "id": "c1", "name": "f", "input": {}, "partial_json": '{"a": 1}', "index": 1}
    call: Any = {"type": "tool_call", "id": "c1", "name": "f", "args": {"a": 1}}
    (wire,) = to_wire(AIMessage(["Well.", streamed], tool_calls=[call]), "anthropic")
    assert wire["content"] == [
        {"type": "text", "text": "Well."},
        {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}},
    ]
    item = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a": 1}'}
    assert to_wire(AIMessage([item], tool_calls=[call]), "openai")[0]["content"] == ""
    broken = AIMessage(
        "", invalid_tool_calls=[{"type": "invalid_tool_call", "id": "c1", "name": "f", "args": "{", "error": None}]
    )
    assert to_wire(broken, "openai")[0]["tool_calls"][0]["function"] == {"name": "f", "arguments": "{"}
