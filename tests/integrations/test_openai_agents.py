"""MemsvcSession under the SDK's own runner, and by itself."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytest.importorskip("agents", reason="needs openai-agents")

from agents import Agent, OpenAIResponsesModel, RunConfig, Runner, Session, SessionSettings, function_tool
from agents.memory.session import is_openai_responses_compaction_aware_session
from openai import AsyncOpenAI

from memsvc.client import BlockingClient, Client
from memsvc.integrations.openai_agents import MemsvcSession
from memsvc.testing.provider import Provider
from tests.integrations.kit import FERRY, SUMMARY, TURNS, check, log, settled

QUIET = RunConfig(tracing_disabled=True)


def user(text: str) -> Any:
    return {"role": "user", "content": text}


@function_tool
def look_up(city: str) -> str:
    """Look a city up."""
    return f"{city}: {FERRY}"


async def test_runs_with_tools_over_compactions(client: Client, provider: Provider) -> None:
    session = client.session("agents")
    memory = MemsvcSession(client, "agents")
    async with AsyncOpenAI(api_key="any", base_url=provider.openai_url) as vendor:
        agent = Agent("Guide", instructions="Be kind.", tools=[look_up], model=OpenAIResponsesModel("gpt-5.2", vendor))
        for turn in TURNS:
            result = await Runner.run(agent, turn, session=memory, run_config=QUIET)
            epoch = await settled(session)
    rows = await log(session)
    assert [row.message["content"] for row in rows if row.message.get("role") == "user"] == TURNS
    assert [row.message for row in rows][-2:] == result.to_input_list()[-2:]
    kinds = [row.message.get("type", "message") for row in rows]
    assert kinds.count("function_call") == kinds.count("function_call_output") == len(TURNS) // 2
    bodies = check(provider, "responses", epoch)
    assert {body["instructions"] for body in bodies} == {"Be kind."}


async def test_items_come_back_as_they_were_added(client: Client) -> None:
    memory = MemsvcSession(client.session("items"))
    assert isinstance(memory, Session)
    assert is_openai_responses_compaction_aware_session(memory)
    assert await memory.get_items() == []
    assert await memory.pop_item() is None
    await memory.clear_session()
    await memory.run_compaction({"force": True})
    await memory.add_items([])
    told: list[Any] = [
        {"type": "message", "role": "developer", "content": "Answer in one line."},
        user("hello"),
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "c2VjcmV0"},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Hello!", "annotations": []}],
        },
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}", "status": "completed"},
        {"type": "function_call_output", "call_id": "c1", "output": "1"},
    ]
    await memory.add_items(told)
    assert await memory.get_items() == told
    assert await memory.get_items(2) == told[-2:]
    assert await memory.get_items(100) == told
    assert await memory.get_items(0) == []
    assert await memory.pop_item() == told[-1]
    assert await memory.get_items() == told[:-1], "no output is made up for a call that waits"
    assert await memory.pop_item() == told[-2]
    assert await memory.get_items() == told[:-2]
    await memory.add_items(told[-2:])
    assert await memory.get_items(3) == told[-3:]


async def test_a_summary_stands_before_the_items_and_counts_as_one(client: Client) -> None:
    session = client.session("counts")
    memory = MemsvcSession(session, session_settings={"limit": 100})
    await session.put(system="The operator's own words.", policy={"mode": "manual", "keep_tokens": 20})
    told = [
        m for i in range(20) for m in (user(f"Parcel {i} weighs {i} kg. " * 5), {"role": "assistant", "content": "Ok."})
    ]
    await memory.add_items(told)
    await memory.run_compaction()
    assert await memory.get_items() == told, "only a forced compaction is asked for, and the system prompt left out"
    await memory.run_compaction({"force": True, "response_id": "resp_1"})
    first, *rest = await memory.get_items()
    assert SUMMARY in str(first)
    assert rest
    assert rest == told[-len(rest) :]
    assert await memory.get_items(len(rest)) == rest
    assert await memory.get_items(len(rest) + 1) == [first, *rest]
    assert MemsvcSession(session, session_settings=SessionSettings(limit=1)).session_settings == SessionSettings(
        limit=1
    )
    for item in reversed(told):
        assert await memory.pop_item() == item, "past the summary too"
    assert (await session.get()).epoch > 1
    await memory.add_items(told[:2])
    await memory.clear_session()
    assert await memory.get_items() == []
    head = await session.get()
    assert (head.last_seq, head.policy["mode"], head.policy["keep_tokens"]) == (0, "manual", 20)


def test_a_blocking_client_works_from_any_event_loop(blocking: BlockingClient) -> None:
    memory = MemsvcSession(blocking, "loops")
    asyncio.run(memory.add_items([user("hello")]))
    assert asyncio.run(memory.get_items()) == [user("hello")]


def test_a_handle_is_of_one_session(blocking: BlockingClient) -> None:
    with pytest.raises(TypeError, match="not of 'b'"):
        MemsvcSession(blocking.session("a"), "b")
    with pytest.raises(TypeError, match="name of a session"):
        MemsvcSession(blocking)
