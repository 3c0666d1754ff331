"""The prompt caches: what is written, read, missed and forgotten."""

from __future__ import annotations

import asyncio
from typing import Any

import anthropic
import openai
import pytest

from memsvc.testing.provider import Provider
from tests.provider.kit import Clock, assistant, text, user, words

OPUS = "claude-opus-5-5"  # caches from 512 tokens on
Bill = tuple[int, int, int]


@pytest.fixture
def claude_bills(claude: anthropic.AsyncAnthropic) -> Any:
    """(fresh, written, read) of a request."""

    async def bills(messages: list[Any], system: Any = "brief", model: str = OPUS, **rest: Any) -> Bill:
        body: dict[str, Any] = {"model": model, "max_tokens": 900, "system": system, "messages": messages}
        usage = (await claude.messages.create(**body, **rest)).usage
        return usage.input_tokens, usage.cache_creation_input_tokens or 0, usage.cache_read_input_tokens or 0

    return bills


async def test_written_once_then_read(claude_bills: Any) -> None:
    stable = [text(words(1_000), "5m")]
    assert await claude_bills([user("a b")], stable) == (4, 1_000, 0)
    assert await claude_bills([user("a b")], stable) == (4, 0, 1_000)
    assert await claude_bills([user("x y z")], stable) == (5, 0, 1_000)
    assert await claude_bills([user("a b")], [text(words(999), "5m")]) == (4, 999, 0)


async def test_no_mark_no_cache(claude_bills: Any) -> None:
    for _ in range(2):
        assert await claude_bills([user("a b")], words(1_000)) == (1_004, 0, 0)


async def test_a_mark_that_moves_on(claude_bills: Any) -> None:
    turn: list[Any] = [user(text(words(600), "5m"))]
    assert await claude_bills(turn) == (0, 604, 0)
    later = [user(text(words(600))), assistant(text(words(10))), user(text(words(20), "5m"))]
    assert await claude_bills(later) == (0, 36, 604)


@pytest.mark.parametrize(("added", "read"), [(19, 604), (20, 0)])
async def test_twenty_blocks_back_and_no_further(claude_bills: Any, added: int, read: int) -> None:
    await claude_bills([user(text(words(600), "5m"))])
    blocks = [text(words(2)) for _ in range(added - 1)]
    _, _, found = await claude_bills([user(text(words(600)), *blocks, text(words(2), "5m"))])
    assert found == read


@pytest.mark.parametrize(
    ("model", "least"),
    [(OPUS, 512), ("claude-opus-4-8", 1_024), ("claude-opus-4-7", 2_048), ("claude-haiku-4-5", 4_096)],
)
async def test_what_is_too_small_is_not_cached(claude_bills: Any, model: str, least: int) -> None:
    for size, written in [(least - 1, 0), (least, least)]:
        assert (await claude_bills([user("a b")], [text(words(size), "5m")], model))[1] == written


async def test_lifetimes(claude_bills: Any, clock: Clock) -> None:
    for ttl, seconds in [("5m", 300), ("1h", 3_600)]:
        stable = [text(words(1_000) + ttl, ttl)]
        assert (await claude_bills([user("a b")], stable))[1:] == (1_000, 0)
        clock.now += seconds - 1
        assert (await claude_bills([user("a b")], stable))[1:] == (0, 1_000)
        clock.now += seconds - 1  # the read made it young again
        assert (await claude_bills([user("a b")], stable))[1:] == (0, 1_000)
        clock.now += seconds + 1
        assert (await claude_bills([user("a b")], stable))[1:] == (1_000, 0)


async def test_writes_are_told_by_lifetime(claude: anthropic.AsyncAnthropic) -> None:
    reply = await claude.messages.create(
        model=OPUS,
        max_tokens=900,
        system=[text(words(1_000), "1h")],
        messages=[user(text(words(97), "5m"))],
    )
    assert reply.usage.cache_creation is not None
    assert reply.usage.cache_creation.ephemeral_1h_input_tokens == 1_000
    assert reply.usage.cache_creation.ephemeral_5m_input_tokens == 100


async def test_caches_are_apart_by_model_and_key(claude: anthropic.AsyncAnthropic, claude_bills: Any) -> None:
    stable = [text(words(1_000), "5m")]
    await claude_bills([user("a b")], stable)
    assert (await claude_bills([user("a b")], stable, "claude-sonnet-5-5"))[2] == 0
    other = claude.with_options(api_key="another")
    reply = await other.messages.create(model=OPUS, max_tokens=900, system=stable, messages=[user("a b")])
    assert reply.usage.cache_read_input_tokens == 0


async def test_tools_and_settings_part_caches(claude_bills: Any) -> None:
    tool = {"name": "look", "input_schema": {"type": "object"}}
    stable = [text(words(1_000), "5m")]
    turn = [user(text(words(50), "5m"))]
    await claude_bills(turn, stable)
    assert (await claude_bills(turn, stable, tools=[tool]))[2] == 0
    effort = await claude_bills(turn, stable, output_config={"effort": "low"})
    assert effort[2] == 1_000  # what is before the messages still holds


async def test_the_automatic_mark(claude_bills: Any) -> None:
    body: dict[str, Any] = {"cache_control": {"type": "ephemeral"}}
    assert (await claude_bills([user(words(700))], **body))[1] == 704
    assert (await claude_bills([user(words(700))], **body))[2] == 704


async def test_an_entry_can_be_read_once_its_reply_has_begun(
    provider: Provider, claude_bills: Any, claude: anthropic.AsyncAnthropic
) -> None:
    stable = [text(words(1_000), "5m")]
    provider.script(["slow", "ok"])
    first = asyncio.create_task(claude_bills([user("a b")], stable))
    await provider.until(lambda calls: any(c.behaviour for c in calls))
    assert (await claude_bills([user("a b")], stable))[1:] == (1_000, 0)
    provider.release()
    assert (await first)[1:] == (1_000, 0)
    assert (await claude_bills([user("a b")], stable))[1:] == (0, 1_000)


async def test_an_error_writes_nothing(provider: Provider, claude_bills: Any) -> None:
    stable = [text(words(1_000), "5m")]
    provider.script(["overloaded", "ok"])
    with pytest.raises(anthropic.OverloadedError):
        await claude_bills([user("a b")], stable)
    assert (await claude_bills([user("a b")], stable))[1:] == (1_000, 0)
    provider.forget_caches()
    assert (await claude_bills([user("a b")], stable))[1:] == (1_000, 0)


@pytest.fixture
def gpt_bills(gpt: openai.AsyncOpenAI) -> Any:
    """(prompt, written, read) of a request."""

    async def bills(messages: list[Any], model: str = "gpt-6-luna", **rest: Any) -> tuple[int, int | None, int | None]:
        usage = (await gpt.chat.completions.create(model=model, messages=messages, **rest)).usage
        assert usage is not None
        details = usage.prompt_tokens_details
        return (
            usage.prompt_tokens,
            details and details.cache_write_tokens,
            details and details.cached_tokens,
        )

    return bills


def instruct(size: int, point: bool = False) -> dict[str, Any]:
    part: dict[str, Any] = {"type": "text", "text": words(size)}
    if point:
        part["prompt_cache_breakpoint"] = {"mode": "explicit"}
    return {"role": "developer", "content": [part]}


async def test_up_to_5_5_the_longest_prefix_is_read(gpt_bills: Any, clock: Clock) -> None:
    old = "gpt-5.4-mini"
    first = [instruct(1_500), user("a b")]
    assert await gpt_bills(first, old) == (1_507, None, 0)
    assert await gpt_bills([*first, assistant("c d"), user("e f")], old) == (1_515, None, 1_408)
    assert (await gpt_bills([instruct(1_500), user("x y")], old))[2] == 1_408
    assert (await gpt_bills([instruct(1_499), user("a b")], old))[2] == 0
    clock.now += 601
    assert (await gpt_bills(first, old))[2] == 0
    for _ in range(2):
        assert (await gpt_bills([instruct(900), user("a b")], old))[2] == 0


async def test_from_5_6_on_only_breakpoints_match(gpt_bills: Any, clock: Clock) -> None:
    assert await gpt_bills([instruct(1_500), user("a b")]) == (1_507, 1_507, 0)
    assert await gpt_bills([instruct(1_500), user("x y")]) == (1_507, 1_507, 0)
    grown = [instruct(1_500), user("a b"), assistant("c d"), user("e f")]
    assert await gpt_bills(grown) == (1_515, 8, 1_507)
    assert await gpt_bills([*grown[:-1], user("e f and more")]) == (1_517, 10, 1_507)
    clock.now += 1_801
    assert (await gpt_bills(grown))[2] == 0


async def test_explicit_breakpoints(gpt_bills: Any) -> None:
    assert await gpt_bills([instruct(1_500, True), user("a b")]) == (1_507, 1_507, 0)
    assert await gpt_bills([instruct(1_500, True), user("x y")]) == (1_507, 4, 1_503)
    options = {"prompt_cache_options": {"mode": "explicit"}}
    assert await gpt_bills([instruct(1_600, True), user("a b")], **options) == (1_607, 1_603, 0)
    assert await gpt_bills([instruct(1_600, True), user("x y")], **options) == (1_607, 0, 1_603)
    assert await gpt_bills([instruct(1_700), user("x y")], **options) == (1_707, 0, 0)


async def test_a_local_server_tells_nothing_of_its_cache(gpt_bills: Any) -> None:
    assert await gpt_bills([user(words(1_500))], "llama-local") == (1_503, None, None)


async def test_responses_tell_what_they_cached(gpt: openai.AsyncOpenAI) -> None:
    replies = [await gpt.responses.create(model="gpt-6-luna", input=words(1_500)) for _ in range(2)]
    first, second = [r.usage.input_tokens_details for r in replies if r.usage]
    assert (first.cache_write_tokens, first.cached_tokens) == (1_503, 0)
    assert (second.cache_write_tokens, second.cached_tokens) == (0, 1_503)
    assert first.cache_write_tokens_details is not None
    assert first.cache_write_tokens_details.ttl_30m_tokens == 1_503
