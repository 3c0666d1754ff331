"""MemsvcSummarizer in apps of Google's ADK."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

pytest.importorskip("google.adk", reason="needs the frameworks of requirements-frameworks.in: make frameworks")

from anthropic import AsyncAnthropic
from google.adk.agents import LlmAgent
from google.adk.apps.app import App, EventsCompactionConfig
from google.adk.events.event import Event
from google.adk.models.anthropic_llm import AnthropicLlm
from google.adk.runners import Runner
from google.adk.sessions.in_memory_session_service import InMemorySessionService
from google.genai import types

from memsvc.client import BlockingClient, Client
from memsvc.integrations.google_adk import MemsvcSummarizer
from memsvc.testing.provider import Provider
from tests.integrations.kit import FERRY, SUMMARY, TURNS, check, log

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")  # ADK's own


def look_up(city: str) -> str:
    """Look a city up."""
    return f"{city}: {FERRY}"


@pytest.fixture
async def model(provider: Provider) -> AsyncIterator[AnthropicLlm]:
    async with AsyncAnthropic(api_key="any", base_url=provider.anthropic_url) as vendor:
        yield AnthropicLlm(model="claude-sonnet-5", client=vendor)


def says(text: str) -> types.Content:
    return types.Content(role="user", parts=[types.Part(text=text)])


WINDOW = {"compaction_interval": 2, "overlap_size": 0}
THRESHOLD = {"token_threshold": 600, "event_retention_size": 2}


@pytest.mark.parametrize("when", [WINDOW, THRESHOLD], ids=["window", "threshold"])
async def test_runs_with_tools_over_compactions(client: Client, provider: Provider, model: Any, when: Any) -> None:
    memory = MemsvcSummarizer(client)
    agent = LlmAgent(name="guide", model=model, instruction="Be kind.", tools=[look_up])
    compaction = EventsCompactionConfig(summarizer=memory, **when)
    app = App(name="app", root_agent=agent, plugins=[memory], events_compaction_config=compaction)
    service = InMemorySessionService()
    theirs = await service.create_session(app_name="app", user_id="ann", session_id=next(iter(when)))
    async with Runner(app=app, session_service=service) as runner:
        for turn in TURNS:
            async for _ in runner.run_async(user_id="ann", session_id=theirs.id, new_message=says(turn)):
                pass
    session = client.session(f"app/ann/{theirs.id}")
    rows = await log(session)
    found = await service.get_session(app_name="app", user_id="ann", session_id=theirs.id)
    assert found is not None
    said: list[Any] = [event for event in found.events if event.content and not event.actions.compaction]
    assert [row.id for row in rows] == [event.id for event in said][: len(rows)]
    assert len(rows) > len(said) // 2
    assert [r.message["content"] for r in rows if r.message["role"] == "user"] == TURNS[
        : sum(r.message["role"] == "user" for r in rows)
    ]
    compactions = [event for event in found.events if event.actions.compaction]
    assert len(compactions) >= 2
    bodies = check(provider, "anthropic", len(compactions))
    summed = {row.id for row in rows if row.compacted}
    texts = [part.text for e in said[:-1] if e.id not in summed for part in (e.content.parts or []) if part.text]
    assert [text for text in texts if json.dumps(text) not in json.dumps(bodies[-1])] == [], "nothing fell between"


def event(author: str, *parts: types.Part, at: float) -> Event:
    role = "user" if author == "user" else "model"
    return Event(author=author, content=types.Content(role=role, parts=list(parts)), id=f"e{at:.0f}", timestamp=at)


def turns(count: int) -> list[Event]:
    return [
        event(*author, types.Part(text=f"Parcel {i} weighs {i} kg. " * 9), at=100.0 + i)
        for i in range(count)
        for author in [("user",) if i % 2 == 0 else ("guide",)]
    ]


async def test_events_are_stored_once(client: Client, blocking: BlockingClient) -> None:
    session = client.session("adk-once")
    memory = MemsvcSummarizer(blocking.session("adk-once"))
    assert await memory.maybe_summarize_events(events=[]) is None
    told = turns(12)
    first = await memory.maybe_summarize_events(events=told[:8])
    assert first is not None
    assert first.actions.compaction is not None
    assert first.actions.compaction.start_timestamp <= 100
    assert first.actions.compaction.end_timestamp < 107, "the newest is not settled yet"
    seed = Event(author="model", content=first.actions.compaction.compacted_content, timestamp=100)
    second = await memory.maybe_summarize_events(events=[seed, *told[6:]])
    assert second is not None
    assert second.actions.compaction is not None
    assert second.actions.compaction.start_timestamp <= 100
    assert second.actions.compaction.end_timestamp > first.actions.compaction.end_timestamp
    text = second.actions.compaction.compacted_content.parts
    assert text is not None
    assert str(text[0].text).startswith(SUMMARY)
    rows = await log(session)
    assert [(row.id, row.at) for row in rows] == [(e.id, e.timestamp) for e in told]
    assert await memory.maybe_summarize_events(events=told[11:]) is None, "nothing of it is settled"


async def test_what_events_say(client: Client) -> None:
    memory = MemsvcSummarizer(client, "adk-parts")
    secret = types.Part(function_call=types.FunctionCall(id="s", name="adk_request_credential", args={"key": "hidden"}))
    calls = [types.Part(function_call=types.FunctionCall(id=i, name="f", args={"a": i})) for i in ("c1", "c2")]
    results = [
        types.Part(function_response=types.FunctionResponse(id=i, name="f", response={"result": i}))
        for i in ("c1", "c2")
    ]
    image = types.Part(inline_data=types.Blob(mime_type="image/png", data=b"png"))
    file = types.Part(file_data=types.FileData(file_uri="gs://a/b", mime_type="application/pdf"))
    thought = types.Part(text="Hm.", thought=True, thought_signature=b"sealed")
    told = [
        event("user", types.Part(text="what?"), image, file, at=1),
        event("guide", secret, at=2),
        event("guide", thought, types.Part(text="Let me look."), *calls, at=3),
        event("guide", *results, at=4),
        Event(author="guide", timestamp=5),
    ]
    await memory.maybe_summarize_events(events=told)
    rows = await log(client.session("adk-parts"))
    assert [row.id for row in rows] == ["e1", "e3", "e4", "e4~1"]
    kinds = [block["type"] for block in rows[0].message["content"]]
    assert kinds == ["text", "image_url", "google_adk"]
    assert rows[1].message["name"] == "guide"
    assert [call["id"] for call in rows[1].message["tool_calls"]] == ["c1", "c2"]
    assert json.loads(rows[3].message["content"]) == {"result": "c2"}
    assert "hidden" not in str([row.message for row in rows])


async def test_it_must_know_whose_events_they_are(client: Client) -> None:
    with pytest.raises(TypeError, match="name of a session"):
        await MemsvcSummarizer(client).maybe_summarize_events(events=turns(2))
