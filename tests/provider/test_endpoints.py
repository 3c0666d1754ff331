"""Every endpoint, as the vendors' SDKs see it."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from memsvc.testing.provider import Provider, start
from tests.provider.kit import ASKED, FLAT_FUNCTION, FUNCTION, HEADINGS, TOOL, user, words

HAIKU, LUNA = "claude-haiku-5-5", "gpt-6-luna"


def said(reply: anthropic.types.Message) -> str:
    return "".join(b.text for b in reply.content if b.type == "text")


async def test_a_message(claude: anthropic.AsyncAnthropic, provider: Provider) -> None:
    reply = await claude.messages.create(model=HAIKU, max_tokens=900, messages=[user("good morning")])
    assert "good morning" in said(reply)
    assert (reply.stop_reason, reply.usage.input_tokens) == ("end_turn", 4)
    assert reply._request_id == "req_00000001"
    call = provider.calls[0]
    assert (call.path, call.model, call.status, call.behaviour) == ("/v1/messages", HAIKU, 200, "ok")
    assert call.headers["anthropic-version"] == "2026-10-21"
    assert call.usage is not None
    assert call.usage["output_tokens"] == reply.usage.output_tokens


async def test_the_same_request_gets_the_same_answer(claude: anthropic.AsyncAnthropic) -> None:
    first, second = [
        await claude.messages.create(model=HAIKU, max_tokens=900, messages=[user("again")]) for _ in range(2)
    ]
    other = await claude.messages.create(model=HAIKU, max_tokens=900, messages=[user("and now?")])
    assert said(first) == said(second) != said(other)
    assert first.id != second.id


async def test_a_streamed_message_is_the_same(claude: anthropic.AsyncAnthropic) -> None:
    body: dict[str, Any] = {
        "model": HAIKU,
        "max_tokens": 900,
        "messages": [user("use two tools, please")],
        "tools": [TOOL],
    }
    whole = await claude.messages.create(**body)
    async with claude.messages.stream(**body) as stream:
        names = [event.type async for event in stream]
        final = await stream.get_final_message()
    assert [b.model_dump(exclude_none=True) for b in final.content] == [
        b.model_dump(exclude_none=True) for b in whole.content
    ]
    assert final.usage.output_tokens == whole.usage.output_tokens
    assert final.stop_reason == "tool_use"
    assert names[0] == "message_start"
    assert names[-1] == "message_stop"
    assert {"content_block_start", "content_block_delta", "content_block_stop", "message_delta"} <= set(names)


async def test_count_tokens_agrees_with_the_bill(claude: anthropic.AsyncAnthropic) -> None:
    body: dict[str, Any] = {
        "model": HAIKU,
        "system": "be brief",
        "tools": [TOOL],
        "messages": [user(words(50))],
    }
    counted = await claude.messages.count_tokens(**body)
    reply = await claude.messages.create(**body, max_tokens=900)
    assert counted.input_tokens == reply.usage.input_tokens


async def test_claude_has_more_tokens_than_o200k_says() -> None:
    async with Provider() as provider, httpx2.AsyncClient(base_url=provider.url) as http:
        sentence = "The quick brown fox jumps over the lazy dog. " * 40
        counts = []
        for model in ("claude-opus-5-5", LUNA):
            path = "/v1/messages/count_tokens" if model.startswith("claude") else "/v1/responses/input_tokens"
            headers = {"x-api-key": "any"} | ({"anthropic-version": "2026-10-21"} if "messages" in path else {})
            body = {"model": model, "messages" if "messages" in path else "input": [user(sentence)]}
            if "responses" in path:
                body["input"] = sentence
            counts.append((await http.post(path, json=body, headers=headers)).json()["input_tokens"])
    assert counts[0] / counts[1] == pytest.approx(1.35, abs=0.02)


async def test_a_prewarming_request_generates_nothing(claude: anthropic.AsyncAnthropic) -> None:
    reply = await claude.messages.create(model=HAIKU, max_tokens=0, messages=[user("hi")])
    assert (reply.content, reply.usage.output_tokens) == ([], 0)


async def test_models_of_both_vendors(claude: anthropic.AsyncAnthropic, gpt: openai.AsyncOpenAI) -> None:
    theirs = [m.id async for m in claude.models.list()]
    ours = [m.id async for m in gpt.models.list()]
    assert HAIKU in theirs
    assert LUNA not in theirs
    assert ours[0] == "tiny"
    assert LUNA in ours
    assert (await claude.models.retrieve(HAIKU)).max_input_tokens == 1_000_000
    assert (await gpt.models.retrieve(LUNA)).id == LUNA
    with pytest.raises(anthropic.NotFoundError):
        await claude.models.retrieve("claude-nobody")


async def test_a_chat_completion(gpt: openai.AsyncOpenAI, provider: Provider) -> None:
    reply = await gpt.chat.completions.create(
        model=LUNA, messages=[{"role": "system", "content": "be brief"}, user("good morning")]
    )
    message = reply.choices[0].message
    assert "good morning" in (message.content or "")
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage is not None
    assert reply.usage.prompt_tokens == 8
    assert provider.calls[0].vendor == "openai"


async def test_streamed_chunks_make_the_same_completion(gpt: openai.AsyncOpenAI) -> None:
    body: dict[str, Any] = {"model": LUNA, "messages": [user("use two tools")], "tools": [FUNCTION]}
    whole = await gpt.chat.completions.create(**body)
    arguments: dict[int, str] = {}
    usage = None
    stream = await gpt.chat.completions.create(**body, stream=True, stream_options={"include_usage": True})
    async for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            for piece in choice.delta.tool_calls or []:
                assert piece.function is not None
                arguments[piece.index] = arguments.get(piece.index, "") + (piece.function.arguments or "")
    calls = whole.choices[0].message.tool_calls or []
    assert [c.function.arguments for c in calls if c.type == "function"] == list(arguments.values())
    assert len(arguments) == 2
    assert usage == whole.usage
    plain = await gpt.chat.completions.create(model=LUNA, messages=[user("hello")], stream=True)
    assert all([chunk.usage is None and chunk.choices async for chunk in plain])


async def test_a_response(gpt: openai.AsyncOpenAI) -> None:
    reply = await gpt.responses.create(model=LUNA, input="good morning", instructions="be brief")
    assert "good morning" in reply.output_text
    assert (reply.status, reply.instructions) == ("completed", "be brief")
    assert reply.usage is not None
    assert reply.usage.input_tokens == 5
    counted = await gpt.responses.input_tokens.count(model=LUNA, input="good morning", instructions="be brief")
    assert counted.input_tokens == 5


@pytest.mark.parametrize("request_text", ["hello", "use two tools"])
async def test_a_streamed_response_is_the_same(gpt: openai.AsyncOpenAI, request_text: str) -> None:
    body: dict[str, Any] = {"model": LUNA, "input": [user(request_text)], "tools": [FLAT_FUNCTION]}
    whole = await gpt.responses.create(**body)
    async with gpt.responses.stream(**body) as stream:
        numbers = [event.sequence_number async for event in stream]
        final = await stream.get_final_response()
    assert numbers == list(range(len(numbers)))
    assert final.output_text == whole.output_text
    assert final.usage == whole.usage
    assert len(final.output) == len(whole.output)


async def test_tool_calls_are_made_on_request(claude: anthropic.AsyncAnthropic, gpt: openai.AsyncOpenAI) -> None:
    asked = [user("please use the tool on Oslo")]
    reply = await claude.messages.create(model=HAIKU, max_tokens=900, messages=asked, tools=[TOOL])
    block = reply.content[-1]
    assert (reply.stop_reason, block.type) == ("tool_use", "tool_use")
    chat = await gpt.chat.completions.create(model=LUNA, messages=asked, tools=[FUNCTION])
    calls = chat.choices[0].message.tool_calls or []
    assert chat.choices[0].finish_reason == "tool_calls"
    assert calls[0].type == "function"
    assert "what" in json.loads(calls[0].function.arguments)
    item = (await gpt.responses.create(model=LUNA, input=asked, tools=[FLAT_FUNCTION])).output[-1]
    assert (item.type, item.name) == ("function_call", "look")
    unasked = await claude.messages.create(model=HAIKU, max_tokens=900, messages=[user("hello")], tools=[TOOL])
    assert unasked.stop_reason == "end_turn"


async def test_a_summary_is_written_where_one_is_asked_for(
    claude: anthropic.AsyncAnthropic, gpt: openai.AsyncOpenAI
) -> None:
    reply = await claude.messages.create(model=HAIKU, max_tokens=4_000, messages=[user(ASKED)])
    chat = await gpt.chat.completions.create(model=LUNA, messages=[user(ASKED)])
    for summary in (said(reply), chat.choices[0].message.content or ""):
        lines = summary.splitlines()
        assert [x for x in lines if x.startswith("#")] == HEADINGS
        points = [x for x in lines if x.startswith("- [")]
        assert points
        assert all("/srv/app/v" in point for point in points)
        assert len(summary) < len(ASKED) / 2
    assert reply.stop_reason == "end_turn"


async def test_notes_are_brought_up_to_date(claude: anthropic.AsyncAnthropic) -> None:
    first = said(await claude.messages.create(model=HAIKU, max_tokens=4_000, messages=[user(ASKED)]))
    shown = "<system_prompt>\nRule 42 of /etc/rules.\n</system_prompt>\n"
    again = f"{shown}<notes_so_far>\n{first}\n</notes_so_far>\n\n{ASKED.replace('Step 3:', 'Then')}"
    second = said(await claude.messages.create(model=HAIKU, max_tokens=4_000, messages=[user(again)]))
    assert second.count("### Intent") == 1
    assert "Rule 42" not in second
    assert next(x for x in second.splitlines() if x.startswith("- ")) in first


async def test_headings_in_the_system_prompt_ask_as_well(claude: anthropic.AsyncAnthropic) -> None:
    reply = await claude.messages.create(
        model=HAIKU,
        max_tokens=4_000,
        system="Summarize what the user sends.\n### Goal\n### Facts",
        messages=[user("[1 user] We meet at 9:30 in room 12.\n[2 assistant] Noted, room 12 at 9:30. " + words(400))],
    )
    assert "- [1 user] We meet at 9:30 in room 12." in said(reply).splitlines()


async def test_what_is_not_there_is_404_in_the_vendors_shape(provider: Provider) -> None:
    async with httpx2.AsyncClient(base_url=provider.url, headers={"authorization": "Bearer any"}) as http:
        ours = await http.get("/v1/nothing")
        theirs = await http.get("/v1/messages/nothing/at/all", headers={"anthropic-version": "2026-10-21"})
    assert (ours.status_code, ours.json()["error"]["type"]) == (404, "invalid_request_error")
    assert (theirs.status_code, theirs.json()["type"]) == (404, "error")


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer bad-key"}, {"x-api-key": "bad-key"}])
async def test_no_key_and_the_bad_key_are_401(provider: Provider, headers: dict[str, str]) -> None:
    async with httpx2.AsyncClient(base_url=provider.url, headers=headers) as http:
        for path in ("/v1/messages", "/v1/chat/completions"):
            assert (await http.post(path, json={})).status_code == 401


async def test_either_header_carries_the_key(provider: Provider) -> None:
    body = {"model": HAIKU, "max_tokens": 9, "messages": [user("hi")]}
    async with httpx2.AsyncClient(base_url=provider.url, headers={"anthropic-version": "2026-10-21"}) as http:
        for headers in ({"x-api-key": "k"}, {"authorization": "Bearer k"}):
            assert (await http.post("/v1/messages", json=body, headers=headers)).status_code == 200


@pytest.mark.parametrize(("raw", "status"), [(b"{", 400), (b"[]", 400), (b" " * 34_000_000, 413)])
async def test_a_body_that_cannot_be_read(provider: Provider, raw: bytes, status: int) -> None:
    headers = {"x-api-key": "k", "anthropic-version": "2026-10-21"}
    async with httpx2.AsyncClient(base_url=provider.url, headers=headers) as http:
        reply = await http.post("/v1/messages", content=raw)
    assert (reply.status_code, reply.json()["type"]) == (status, "error")


async def test_start_gives_a_running_one() -> None:
    provider = await start(windows={"own": 10})
    async with provider, httpx2.AsyncClient(base_url=provider.openai_url, headers={"x-api-key": "k"}) as http:
        assert (await http.get("/models")).json()["data"][0]["id"] == "own"


async def test_only_so_many_calls_are_kept() -> None:
    async with Provider(keep_calls=2) as provider, httpx2.AsyncClient(base_url=provider.openai_url) as http:
        for _ in range(4):
            await http.get("/models", headers={"x-api-key": "k"})
    assert [c.number for c in provider.calls] == [3, 4]
