"""What a user of the SDKs sees of each behaviour."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from memsvc.testing.provider import BEHAVIOURS, Answer, Ask, Fault, Provider, UnknownBehaviour
from memsvc.testing.provider.notes import BAD, HABITS
from tests.provider.kit import ASKED, HEADINGS, TRANSCRIPT, user

OPUS, LUNA = "claude-opus-4-8", "gpt-6-luna"
Seen = tuple[str, str | None]


class Asking:
    """A request for a summary through each API: the text of the reply and why it stopped."""

    def __init__(self, claude: anthropic.AsyncAnthropic, gpt: openai.AsyncOpenAI) -> None:
        self._claude = claude
        self._gpt = gpt

    def __call__(self, api: str) -> Awaitable[Seen]:
        made: Awaitable[Seen] = getattr(self, api)()
        return made

    async def message(self) -> Seen:
        reply = await self._claude.messages.create(model=OPUS, max_tokens=4_000, messages=[user(ASKED)])
        return "".join(b.text for b in reply.content if b.type == "text"), reply.stop_reason

    async def streamed(self) -> Seen:
        said, stop = "", None
        stream = await self._claude.messages.create(model=OPUS, max_tokens=4_000, messages=[user(ASKED)], stream=True)
        async for event in stream:
            if event.type == "content_block_delta" and event.delta.type == "text_delta":
                said += event.delta.text
            elif event.type == "message_delta":
                stop = event.delta.stop_reason
        return said, stop

    async def chat(self) -> Seen:
        reply = await self._gpt.chat.completions.create(model=LUNA, max_completion_tokens=4_000, messages=[user(ASKED)])
        return reply.choices[0].message.content or "", reply.choices[0].finish_reason

    async def chunks(self) -> Seen:
        said, stop = "", None
        stream = await self._gpt.chat.completions.create(
            model=LUNA, max_completion_tokens=4_000, messages=[user(ASKED)], stream=True
        )
        async for chunk in stream:
            said += chunk.choices[0].delta.content or ""
            stop = chunk.choices[0].finish_reason or stop
        return said, stop

    async def response(self) -> Seen:
        reply = await self._gpt.responses.create(model=LUNA, max_output_tokens=4_000, input=ASKED)
        return reply.output_text, reply.status

    async def events(self) -> Seen:
        said, status = "", None
        stream = await self._gpt.responses.create(model=LUNA, max_output_tokens=4_000, input=ASKED, stream=True)
        async for event in stream:
            if event.type == "response.output_text.delta":
                said += event.delta
            elif event.type in ("response.completed", "response.incomplete"):
                assert event.response.output_text == said
                status = event.response.status
        return said, status


@pytest.fixture
def ask(claude: anthropic.AsyncAnthropic, gpt: openai.AsyncOpenAI) -> Asking:
    return Asking(claude, gpt)


APIS = ["message", "streamed", "chat", "chunks", "response", "events"]
STOPS = {"message": ("end_turn", "max_tokens"), "chat": ("stop", "length"), "response": ("completed", "incomplete")}
STOPS |= {"streamed": STOPS["message"], "chunks": STOPS["chat"], "events": STOPS["response"]}

TEXTS: dict[str, Callable[[str], bool]] = {
    "ok": lambda text: [x for x in text.splitlines() if x.startswith("#")] == HEADINGS,
    "empty": lambda text: text == "",
    "chat": lambda text: text.startswith("Sure!") and "###" not in text,
    "chat_plain": lambda text: len(text) > 60 and "#" not in text and not text.startswith("Sure"),
    "placeholder": lambda text: text == "[summary]",
    "too_long": lambda text: len(text) > len(ASKED),
    "think_tags": lambda text: text.startswith("<think>") and "### Intent" in text,
    "thinking_first": lambda text: text.startswith("### Intent"),
    "injected": lambda text: "### Intent" in text and "</conversation_summary>" in text and "<system>" in text,
    "no_usage": lambda text: text.startswith("### Intent"),
    **{name: lambda text: "Intent" in text and "v1.py" in text for name in HABITS},
    **{name: lambda text: text.startswith("### Intent") for name in BAD},
}


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("name", TEXTS)
async def test_what_is_said(provider: Provider, ask: Asking, name: str, api: str) -> None:
    provider.script([name])
    said, stop = await ask(api)
    assert TEXTS[name](said)
    assert stop == STOPS[api][0]
    assert provider.calls[-1].behaviour == name


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("name", ["truncated", "only_thinking"])
async def test_what_is_cut_short(provider: Provider, ask: Asking, name: str, api: str) -> None:
    provider.script([name])
    said, stop = await ask(api)
    assert stop == STOPS[api][1]
    assert bool(said) == (name == "truncated")
    usage = provider.calls[-1].usage
    assert usage is not None
    assert usage.get("output_tokens", usage.get("completion_tokens")) == 4_000


ERRORS: dict[str, tuple[type[Exception], int, type[Exception], int]] = {
    "rate_limited": (anthropic.RateLimitError, 429, openai.RateLimitError, 429),
    "retry_after_huge": (anthropic.RateLimitError, 429, openai.RateLimitError, 429),
    "spend_limit": (anthropic.RateLimitError, 429, openai.RateLimitError, 429),
    "overloaded": (anthropic.OverloadedError, 529, openai.InternalServerError, 503),
    "server_error": (anthropic.InternalServerError, 500, openai.InternalServerError, 500),
    "bad_gateway_html": (anthropic.InternalServerError, 502, openai.InternalServerError, 502),
    "wrong_key": (anthropic.AuthenticationError, 401, openai.AuthenticationError, 401),
    "no_model": (anthropic.NotFoundError, 404, openai.NotFoundError, 404),
    "overflow": (anthropic.BadRequestError, 400, openai.BadRequestError, 400),
    "expired": (anthropic.APIStatusError, 504, openai.InternalServerError, 504),
}


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("name", ERRORS)
async def test_which_error_is_raised(provider: Provider, ask: Asking, name: str, api: str) -> None:
    provider.script([name])
    theirs, their_status, ours, our_status = ERRORS[name]
    kind, status = (theirs, their_status) if api in ("message", "streamed") else (ours, our_status)
    with pytest.raises(kind) as raised:
        await ask(api)
    assert raised.value.status_code == status  # type: ignore[attr-defined]
    assert provider.calls[-1].status == status
    assert provider.calls[-1].usage is None


@pytest.mark.parametrize("api", APIS)
async def test_a_connection_cut_in_the_middle(provider: Provider, ask: Asking, api: str) -> None:
    provider.script(["cut"])
    errors = (anthropic.APIConnectionError, openai.APIConnectionError, httpx2.RemoteProtocolError)
    with pytest.raises(errors):
        await ask(api)
    assert provider.calls[-1].usage is not None  # it was billed all the same


@pytest.mark.parametrize("api", APIS)
async def test_a_reply_that_is_no_json(provider: Provider, ask: Asking, api: str) -> None:
    provider.script(["not_json"])
    with pytest.raises(json.JSONDecodeError):
        await ask(api)


async def test_retry_after(provider: Provider, claude: anthropic.AsyncAnthropic, gpt: openai.AsyncOpenAI) -> None:
    wanted = {"rate_limited_once": "0", "rate_limited": "1", "retry_after_huge": "86400", "spend_limit": None}
    for name, value in wanted.items():
        provider.script([name])
        with pytest.raises(anthropic.RateLimitError) as theirs:
            await claude.messages.create(model=OPUS, max_tokens=9, messages=[user("hi")])
        assert theirs.value.response.headers.get("retry-after") == value
        provider.script([name])
        with pytest.raises(openai.RateLimitError) as ours:
            await gpt.chat.completions.create(model=LUNA, messages=[user("hi")])
        assert ours.value.response.headers.get("retry-after") == value
        assert ours.value.code == ("insufficient_quota" if name == "spend_limit" else "rate_limit_exceeded")


async def test_the_spend_limit_says_so(provider: Provider, claude: anthropic.AsyncAnthropic) -> None:
    provider.script(["spend_limit"])
    with pytest.raises(anthropic.types.shared.EnforcedSpendLimitReachedError):
        await claude.messages.create(model=OPUS, max_tokens=9, messages=[user("hi")])


@pytest.mark.parametrize("api", APIS)
async def test_limited_once(provider: Provider, ask: Asking, api: str) -> None:
    provider.script(["rate_limited_once"])
    with pytest.raises((anthropic.RateLimitError, openai.RateLimitError)):
        await ask(api)
    assert [(await ask(api))[1] for _ in range(2)] == [STOPS[api][0]] * 2


async def test_refusals(provider: Provider, claude: anthropic.AsyncAnthropic, gpt: openai.AsyncOpenAI) -> None:
    provider.script(["refusal"])
    message = await claude.messages.create(model="claude-haiku-5-5", max_tokens=9, messages=[user("hi")])
    assert (message.stop_reason, message.content) == ("refusal", [])
    assert message.stop_details is not None
    chat = await gpt.chat.completions.create(model=LUNA, messages=[user("hi")])
    assert chat.choices[0].message.refusal
    assert chat.choices[0].message.content is None
    item = (await gpt.responses.create(model=LUNA, input="hi")).output[0]
    assert item.type == "message"
    assert item.content[0].type == "refusal"


async def test_tool_calls_that_nobody_asked_for(
    provider: Provider, claude: anthropic.AsyncAnthropic, gpt: openai.AsyncOpenAI
) -> None:
    provider.script(["tool_call"])
    message = await claude.messages.create(model=OPUS, max_tokens=900, messages=[user("hi")])
    assert [b.type for b in message.content] == ["tool_use"]
    chat = await gpt.chat.completions.create(model=LUNA, messages=[user("hi")])
    assert chat.choices[0].message.tool_calls
    assert (await gpt.responses.create(model=LUNA, input="hi")).output[0].type == "function_call"


async def test_thinking_goes_first(
    provider: Provider, claude: anthropic.AsyncAnthropic, gpt: openai.AsyncOpenAI
) -> None:
    provider.script(["thinking_first"])
    message = await claude.messages.create(model=OPUS, max_tokens=900, messages=[user("hi")])
    assert [b.type for b in message.content] == ["thinking", "text"]
    response = await gpt.responses.create(model=LUNA, input="hi")
    assert [item.type for item in response.output] == ["reasoning", "message"]
    assert response.usage is not None
    assert response.usage.output_tokens_details.reasoning_tokens > 0
    local = await gpt.chat.completions.create(model="a-local-model", messages=[user("hi")])
    assert getattr(local.choices[0].message, "reasoning_content", "")


async def test_absurd_usage_takes_turns(
    provider: Provider, claude: anthropic.AsyncAnthropic, gpt: openai.AsyncOpenAI
) -> None:
    provider.script(["absurd_usage"])
    seen: list[Any] = []
    for _ in range(4):
        raw = await claude.messages.with_raw_response.create(model=OPUS, max_tokens=900, messages=[user("hi")])
        seen.append(json.loads(await raw.read())["usage"].get("output_tokens"))
    assert seen == [-7, 10**15, "many", None]
    assert all(c.usage is not None and c.usage["output_tokens"] > 0 for c in provider.calls)
    provider.script(["absurd_usage"])
    chat = await gpt.chat.completions.create(model=LUNA, messages=[user("hi")])
    assert chat.usage is not None
    assert chat.usage.prompt_tokens == -7


async def test_missing_usage(provider: Provider, claude: anthropic.AsyncAnthropic, gpt: openai.AsyncOpenAI) -> None:
    provider.script(["no_usage"])
    raw = await claude.messages.with_raw_response.create(model=OPUS, max_tokens=900, messages=[user("hi")])
    assert "usage" not in json.loads(await raw.read())
    assert (await gpt.chat.completions.create(model=LUNA, messages=[user("hi")])).usage is None


async def test_a_slow_reply_waits_for_the_gate(provider: Provider, claude: anthropic.AsyncAnthropic) -> None:
    provider.script(["slow"])
    waiting = asyncio.create_task(claude.messages.create(model=OPUS, max_tokens=900, messages=[user("hi")]))
    await provider.until(lambda calls: any(c.behaviour for c in calls))
    assert not waiting.done()
    provider.release()
    assert (await waiting).stop_reason == "end_turn"
    provider.hold()
    provider.delay_s = 0.01
    assert (await claude.messages.create(model=OPUS, max_tokens=900, messages=[user("hi")])).stop_reason == "end_turn"


async def test_a_client_may_leave_a_slow_reply(provider: Provider, claude: anthropic.AsyncAnthropic) -> None:
    provider.script(["slow"])
    with pytest.raises(anthropic.APITimeoutError):
        await claude.messages.create(model=OPUS, max_tokens=900, messages=[user("hi")], timeout=0.1)
    await provider.until(lambda calls: calls[0].status > 0)
    assert (provider.calls[0].status, provider.calls[0].usage) == (499, None)


async def test_a_script_is_played_in_order(provider: Provider, ask: Asking) -> None:
    provider.script(["placeholder", "empty", "ok"])
    texts = [(await ask("message"))[0] for _ in range(4)]
    assert texts[:2] == ["[summary]", ""]
    assert texts[2] == texts[3]
    assert texts[2].startswith("### Intent")


async def test_a_header_goes_before_the_script(provider: Provider, gpt: openai.AsyncOpenAI) -> None:
    provider.script(["placeholder"])

    async def said(name: str) -> str | None:
        reply = await gpt.chat.completions.create(
            model=LUNA, messages=[user("hi")], extra_headers={"x-fake-behaviour": name}
        )
        return reply.choices[0].message.content

    assert await said("empty") == ""
    for _ in range(2):  # one refusal for each call that is tried again
        with pytest.raises(openai.RateLimitError):
            await said("rate_limited_once")
        assert await said("rate_limited_once")
    with pytest.raises(openai.BadRequestError, match="no behaviour 'nonsense'"):
        await said("nonsense")


async def test_a_function_may_choose(provider: Provider, ask: Asking) -> None:
    seen: list[Ask] = []

    def choose(asked: Ask) -> str | Answer | Fault | None:
        seen.append(asked)
        return ["placeholder", Answer("my own"), Fault("overloaded", "busy"), None][len(seen) - 1]

    provider.behave(choose)
    assert (await ask("chat"))[0] == "[summary]"
    assert (await ask("response"))[0] == "my own"
    with pytest.raises(anthropic.OverloadedError):
        await ask("message")
    assert (await ask("chunks"))[0].startswith("### Intent")
    assert TRANSCRIPT in seen[0].user
    provider.behave(None)
    assert (await ask("chat"))[0].startswith("### Intent")


async def test_a_coroutine_may_choose(provider: Provider, ask: Asking) -> None:
    async def choose(asked: Ask) -> str:
        await asyncio.sleep(0)
        return "empty"

    provider.behave(choose)
    assert (await ask("message"))[0] == ""


async def test_a_reply_keeps_to_max_tokens(claude: anthropic.AsyncAnthropic) -> None:
    reply = await claude.messages.create(model=OPUS, max_tokens=3, messages=[user("a rather long question " * 3)])
    assert (reply.stop_reason, reply.usage.output_tokens) == ("max_tokens", 3)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UnknownBehaviour, match="no behaviour 'nonsense'"):
        Provider().script(["nonsense"])


def test_every_behaviour_is_tested_here() -> None:
    others = {"rate_limited_once", "refusal", "tool_call", "absurd_usage", "slow", "cut", "not_json"}
    assert {*TEXTS, *ERRORS, "truncated", "only_thinking", *others} == set(BEHAVIOURS)
