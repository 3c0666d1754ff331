"""What is refused, and in which words."""

from __future__ import annotations

from typing import Any

import anthropic
import httpx2
import openai
import pytest

from memsvc.testing.provider import Provider
from tests.provider.kit import FLAT_FUNCTION, FUNCTION, TOOL, assistant, call, result, text, user, words

OPUS, FABLE, OLD = "claude-opus-4-8", "claude-fable-5-2", "claude-haiku-4-5"
HI = [user("hi")]
MARKED = text("stable", "5m")

ANTHROPIC: dict[str, tuple[dict[str, Any], str]] = {
    "no model": ({"model": None}, "model: Field required"),
    "no max_tokens": ({"max_tokens": None}, "max_tokens: Field required"),
    "no messages": ({"messages": None}, "messages: Field required"),
    "empty messages": ({"messages": []}, "messages: at least one message is required"),
    "max_tokens of text": ({"max_tokens": "9"}, "max_tokens: Input should be a valid integer"),
    "max_tokens too large": ({"max_tokens": 200_000}, "max_tokens: 200000 > 128000, which is the maximum"),
    "negative max_tokens": ({"max_tokens": -1}, "max_tokens: Input should be greater than or equal to 1"),
    "temperature": ({"temperature": 0}, "temperature: Extra inputs are not permitted"),
    "top_p": ({"top_p": 1}, "top_p: Extra inputs are not permitted"),
    "top_k": ({"top_k": 5}, "top_k: Extra inputs are not permitted"),
    "unknown field": ({"colour": "red"}, "colour: Extra inputs are not permitted"),
    "beta field without a beta": ({"compaction": {}}, "compaction: Extra inputs are not permitted"),
    "thinking budget": (
        {"thinking": {"type": "enabled", "budget_tokens": 2_000}},
        '"thinking.type.enabled" is not supported for this model',
    ),
    "small budget": (
        {"model": OLD, "thinking": {"type": "enabled", "budget_tokens": 9}},
        "greater than or equal to 1024",
    ),
    "budget over max_tokens": (
        {"model": OLD, "thinking": {"type": "enabled", "budget_tokens": 2_000}},
        "`max_tokens` must be greater than `thinking.budget_tokens`",
    ),
    "no thinking": ({"model": FABLE, "thinking": {"type": "disabled"}}, '"thinking.type.disabled" is not supported'),
    "unknown thinking": ({"thinking": {"type": "deep"}}, "thinking.type: Input should be"),
    "binding without its beta": (
        {"thinking": {"type": "adaptive", "block_binding": {}}},
        "thinking.adaptive.block_binding: Extra inputs are not permitted",
    ),
    "forced tool": ({"model": FABLE, "tools": [TOOL], "tool_choice": {"type": "any"}}, "forced tool use"),
    "choice without tools": ({"tool_choice": {"type": "auto"}}, "tool_choice: may only be specified"),
    "prefill": ({"messages": [*HI, assistant("So")]}, "does not support assistant message prefill"),
    "first message": ({"messages": [assistant("So"), *HI]}, 'first message must use the "user" role'),
    "five marks": (
        {"system": [MARKED] * 2, "messages": [user(*[MARKED] * 3)]},
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    "four marks and an automatic one": (
        {"system": [MARKED] * 3, "messages": [user(MARKED, text("new"))], "cache_control": {"type": "ephemeral"}},
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    "automatic mark with another ttl": (
        {"messages": [user(MARKED)], "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        "cache_control",
    ),
    "1h after 5m": (
        {"system": [MARKED], "messages": [user(text("a", "1h"))]},
        "messages.0.content.0.cache_control.ttl: a ttl='1h' cache_control block must not come after",
    ),
    "blank text": ({"messages": [user(text(" "))]}, "messages.0.content.0.text: text content blocks must contain"),
    "blank string": ({"messages": [user("")]}, "messages.0.content: text content blocks must contain"),
    "extra key in a block": (
        {"messages": [user({**text("a"), "index": 1})]},
        "messages.0.content.0.index: Extra inputs are not permitted",
    ),
    "citations on user text": (
        {"messages": [user({**text("a"), "citations": [{"type": "char_location"}]})]},
        "messages.0.content.0.citations: Extra inputs are not permitted",
    ),
    "results last": (
        {"messages": [*HI, assistant(call("toolu_1")), user(text("here"), result("toolu_1"))]},
        "`tool_result` blocks must come before any other content",
    ),
    "unanswered call": (
        {"messages": [*HI, assistant(call("toolu_1")), *HI]},
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1.",
    ),
    "orphaned result": (
        {"messages": [user(result("toolu_9"))]},
        "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_9.",
    ),
    "two answers": (
        {"messages": [*HI, assistant(call("toolu_1")), user(result("toolu_1"), result("toolu_1"))]},
        "each `tool_use` must have a single result",
    ),
    "same id twice": (
        {
            "messages": [
                *[*HI, assistant(call("toolu_1")), user(result("toolu_1"))],
                *[assistant(call("toolu_1")), user(result("toolu_1"))],
            ]
        },
        "`tool_use` ids must be unique",
    ),
    "system message": ({"model": OLD, "messages": [*HI, {"role": "system", "content": "now"}]}, "messages.1.role"),
    "foreign signature": (
        {"messages": [*HI, assistant({"type": "thinking", "thinking": "", "signature": "abc"}, text("a")), *HI]},
        "messages.1.content.0: Invalid `signature` in `thinking` block",
    ),
}


@pytest.mark.parametrize("name", ANTHROPIC)
async def test_the_messages_api_refuses(provider: Provider, claude: anthropic.AsyncAnthropic, name: str) -> None:
    change, words_ = ANTHROPIC[name]
    body = {"model": OPUS, "max_tokens": 900, "messages": HI} | change
    body = {k: v for k, v in body.items() if v is not None}
    with pytest.raises(anthropic.BadRequestError) as refused:
        await claude.post("/v1/messages", body=body, cast_to=object)
    error = refused.value.body
    assert isinstance(error, dict)
    assert error["type"] == "error"
    assert error["error"]["type"] == "invalid_request_error"
    assert words_ in error["error"]["message"]
    batch = await claude.post(
        "/v1/messages/batches", body={"requests": [{"custom_id": "a", "params": body}]}, cast_to=dict[str, Any]
    )
    [entry] = [e async for e in await claude.messages.batches.results(str(batch["id"]))]
    assert entry.result.type == ("succeeded" if name == "max_tokens of nothing" else "errored")


ACCEPTED: dict[str, dict[str, Any]] = {
    "four marks": {"system": [MARKED] * 2, "messages": [user(MARKED, MARKED)]},
    "an automatic mark on a marked block": {
        "system": [MARKED] * 3,
        "messages": [user(MARKED)],
        "cache_control": {"type": "ephemeral"},
    },
    "1h before 5m": {"system": [text("a", "1h")], "messages": [user(MARKED)]},
    "prefill of an old model": {"model": OLD, "messages": [*HI, assistant("So")]},
    "a paused turn": {
        "messages": [*HI, assistant({"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}})]
    },
    "a budget on an old model": {
        "model": OLD,
        "max_tokens": 4_000,
        "thinking": {"type": "enabled", "budget_tokens": 2_000},
    },
    "system message": {"messages": [*HI, {"role": "system", "content": "now be brief"}]},
    "one turn in two messages": {"messages": [user("a"), user("b")]},
}


@pytest.mark.parametrize("name", ACCEPTED)
async def test_the_messages_api_accepts(claude: anthropic.AsyncAnthropic, name: str) -> None:
    body = {"model": OPUS, "max_tokens": 900, "messages": HI} | ACCEPTED[name]
    assert await claude.post("/v1/messages", body=body, cast_to=object)


async def test_an_older_version_takes_sampling_parameters(provider: Provider) -> None:
    body = {"model": OLD, "max_tokens": 9, "messages": HI, "temperature": 0}
    headers = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
    async with httpx2.AsyncClient(base_url=provider.url, headers=headers) as http:
        assert (await http.post("/v1/messages", json=body)).status_code == 200
        assert (await http.post("/v1/messages", json=body, headers={"anthropic-version": ""})).status_code == 200
    async with httpx2.AsyncClient(base_url=provider.url, headers={"x-api-key": "k"}) as http:
        reply = await http.post("/v1/messages", json=body)
        assert (reply.status_code, reply.json()["error"]["message"]) == (400, "anthropic-version: header is required")


async def test_counting_tokens_holds_to_the_same_rules(claude: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match="unexpected `tool_use_id`"):
        await claude.messages.count_tokens(model=OPUS, messages=[user(result("toolu_1"))])


async def test_a_prompt_that_is_too_long(claude: anthropic.AsyncAnthropic, gpt: openai.AsyncOpenAI) -> None:
    with pytest.raises(anthropic.BadRequestError, match="prompt is too long: 304 tokens > 300 maximum"):
        await claude.messages.create(model="tiny", max_tokens=9, messages=[user(words(301))])
    long = [user(words(301))]
    with pytest.raises(openai.BadRequestError) as refused:
        await gpt.chat.completions.create(model="tiny", messages=long)
    assert refused.value.code == "context_length_exceeded"
    with pytest.raises(openai.BadRequestError) as refused:
        await gpt.responses.create(model="tiny", input=words(301))
    assert refused.value.code == "context_length_exceeded"
    assert await gpt.chat.completions.create(model="tiny", messages=[user(words(200))], max_tokens=90)
    with pytest.raises(openai.BadRequestError):  # a local server counts the reply too
        await gpt.chat.completions.create(model="tiny", messages=[user(words(200))], max_tokens=100)


async def test_the_other_vendors_models_are_unknown(claude: anthropic.AsyncAnthropic, gpt: openai.AsyncOpenAI) -> None:
    with pytest.raises(anthropic.NotFoundError):
        await claude.messages.create(model="gpt-6-luna", max_tokens=9, messages=HI)
    with pytest.raises(openai.NotFoundError):
        await gpt.chat.completions.create(model=OPUS, messages=HI)


LUNA, OLD_GPT, LOCAL = "gpt-6-luna", "gpt-5.4-mini", "llama-local"
TOOL_CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
CALLS = {"role": "assistant", "content": None, "tool_calls": [TOOL_CALL]}
POINT = {"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}

CHAT: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "no model": ({"model": None}, "you must provide a model parameter", None),
    "no messages": ({"messages": None}, "Missing required parameter: 'messages'.", "missing_required_parameter"),
    "max_tokens": ({"max_tokens": 9}, "Use 'max_completion_tokens' instead.", "unsupported_parameter"),
    "temperature": ({"temperature": 0}, "'temperature' does not support 0 with this model", "unsupported_value"),
    "top_p": ({"top_p": 0.5}, "'top_p' does not support 0.5 with this model", "unsupported_value"),
    "unknown field": ({"colour": "red"}, "Unrecognized request argument supplied: colour", None),
    "no output": ({"max_completion_tokens": 0}, "integer below minimum value", "integer_below_min_value"),
    "unanswered call": (
        {"messages": [*HI, CALLS, *HI]},
        "must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not"
        " have response messages: call_1",
        None,
    ),
    "orphaned result": (
        {"messages": [*HI, {"role": "tool", "tool_call_id": "call_9", "content": "x"}]},
        "messages with role 'tool' must be a response to a preceding message with 'tool_calls'",
        None,
    ),
    "a mark of another vendor": (
        {"messages": [user({"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}})]},
        "Unknown parameter: 'messages[0].content[0].cache_control'.",
        "unknown_parameter",
    ),
    "a breakpoint before 5.6": (
        {"model": OLD_GPT, "messages": [user(POINT)]},
        "Unknown parameter: 'messages[0].content[0].prompt_cache_breakpoint'.",
        "unknown_parameter",
    ),
    "cache options before 5.6": (
        {"model": OLD_GPT, "prompt_cache_options": {"mode": "explicit"}},
        "'prompt_cache_options' is not supported",
        "unsupported_parameter",
    ),
    "a system prompt of another vendor": ({"system": "x"}, "Unrecognized request argument supplied: system", None),
}


@pytest.mark.parametrize("name", CHAT)
async def test_chat_completions_refuses(gpt: openai.AsyncOpenAI, name: str) -> None:
    change, words_, code = CHAT[name]
    body = {k: v for k, v in ({"model": LUNA, "messages": HI} | change).items() if v is not None}
    with pytest.raises(openai.BadRequestError) as refused:
        await gpt.post("/chat/completions", body=body, cast_to=object)
    assert words_ in refused.value.message
    assert (refused.value.code, refused.value.type) == (code, "invalid_request_error")


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 1, "max_completion_tokens": 50},
        {"model": "gpt-4.1", "temperature": 0, "max_tokens": 50},
        {"model": LOCAL, "temperature": 0, "max_tokens": 50, "min_p": 0.1, "messages": [user(POINT)]},
        {"messages": [user(POINT)], "prompt_cache_options": {"mode": "explicit"}},
        {"tools": [FUNCTION], "messages": [*HI, CALLS, {"role": "tool", "tool_call_id": "call_1", "content": "x"}]},
    ],
)
async def test_chat_completions_accepts(gpt: openai.AsyncOpenAI, change: dict[str, Any]) -> None:
    assert await gpt.post("/chat/completions", body={"model": LUNA, "messages": HI} | change, cast_to=object)


RESPONSES: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "no input": ({"input": None}, "Missing required parameter: 'input'.", "missing_required_parameter"),
    "a number": ({"input": 5}, "Invalid type for 'input'", None),
    "messages": ({"messages": HI}, "Unknown parameter: 'messages'.", "unknown_parameter"),
    "max_tokens": ({"max_tokens": 99}, "Unknown parameter: 'max_tokens'.", "unknown_parameter"),
    "little output": ({"max_output_tokens": 8}, "Expected a value >= 16, but got 8", "integer_below_min_value"),
    "temperature": ({"temperature": 0.2}, "'temperature' does not support 0.2", "unsupported_value"),
    "an earlier response": (
        {"previous_response_id": "resp_1"},
        "Previous response with id 'resp_1' not found.",
        "previous_response_not_found",
    ),
    "a breakpoint before 5.6": (
        {"model": OLD_GPT, "input": [user({**POINT, "type": "input_text"})]},
        "Unknown parameter: 'input[0].content[0].prompt_cache_breakpoint'.",
        "unknown_parameter",
    ),
}


@pytest.mark.parametrize("name", RESPONSES)
async def test_the_responses_api_refuses(gpt: openai.AsyncOpenAI, name: str) -> None:
    change, words_, code = RESPONSES[name]
    body = {k: v for k, v in ({"model": LUNA, "input": "hi"} | change).items() if v is not None}
    with pytest.raises(openai.BadRequestError) as refused:
        await gpt.post("/responses", body=body, cast_to=object)
    assert words_ in refused.value.message
    assert refused.value.code == code


async def test_the_responses_api_wants_calls_and_outputs_together(gpt: openai.AsyncOpenAI) -> None:
    item = {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"}
    answer = {"type": "function_call_output", "call_id": "call_1", "output": "x"}
    body: dict[str, Any] = {"model": LUNA, "tools": [FLAT_FUNCTION]}
    assert await gpt.responses.create(**body, input=[*HI, item, answer])
    for broken in ([*HI, item], [*HI, answer]):
        with pytest.raises(openai.BadRequestError):
            await gpt.responses.create(**body, input=broken)
