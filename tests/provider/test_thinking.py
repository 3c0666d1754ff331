"""Thinking blocks: kept, stripped, edited, moved to another conversation or model."""

from __future__ import annotations

import asyncio
from typing import Any

import anthropic
import pytest

from memsvc.testing.provider import Provider
from tests.provider.kit import TOOL, back, call, count, result, text, user, without_thinking

CONTROLS = "thinking-binding-controls-2026-08-01"
BOUND = ["claude-fable-5-1", "claude-fable-5-2", "claude-mythos-5-2", "claude-opus-5-5", "claude-sonnet-5-5"]
BOUND += ["claude-haiku-5-5"]
UNBOUND = ["claude-opus-4-8", "claude-opus-5", "claude-sonnet-5", "claude-haiku-4-5"]
DROP = {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "drop_block"}}
Messages = list[dict[str, Any]]


def kinds(reply: Any) -> list[str]:
    return [b.type for b in reply.content]


async def talk(claude: anthropic.AsyncAnthropic, turns: int = 2, **body: Any) -> Messages:
    """A conversation that ends with a user message, its replies kept as they came."""
    messages: Messages = [user("the first question")]
    for n in range(turns):
        reply = await claude.messages.create(**({"max_tokens": 900, "system": "be brief"} | body), messages=messages)
        messages += [back(reply), user(f"question {n + 2}")]
    return messages


async def send(claude: anthropic.AsyncAnthropic, model: str, messages: Messages, **body: Any) -> Any:
    rest = {"max_tokens": 900, "system": "be brief"} | body
    return await claude.messages.create(model=model, messages=messages, **rest)


@pytest.mark.parametrize("model", BOUND)
async def test_kept_thinking_is_accepted(claude: anthropic.AsyncAnthropic, model: str) -> None:
    messages = await talk(claude, 3, model=model)
    assert [b["type"] for b in messages[1]["content"]] == ["thinking", "text"]
    assert messages[1]["content"][0]["thinking"] == ""
    assert kinds(await send(claude, model, messages)) == ["thinking", "text"]


@pytest.mark.parametrize("model", BOUND)
async def test_thinking_after_a_change_is_refused_until_it_is_stripped(
    claude: anthropic.AsyncAnthropic, model: str
) -> None:
    messages = await talk(claude, model=model)
    with pytest.raises(anthropic.BadRequestError) as refused:
        await send(claude, model, messages, system="be verbose")
    assert "messages.1.content.0: Invalid `signature` in `thinking` block." in str(refused.value)
    assert "The block is bound to a different conversation." in str(refused.value)
    assert 'set `thinking.block_binding.prefix_mismatch_behavior` to "drop_block"' in str(refused.value)
    assert "The `system` prompt differs" in str(refused.value)
    stripped = list(without_thinking(messages))
    reply = await send(claude, model, stripped, system="be verbose")
    again = [*stripped, back(reply), user("and then?")]
    assert kinds(await send(claude, model, again, system="be verbose")) == ["thinking", "text"]


CHANGES: dict[str, Any] = {
    "tools": lambda m: (m, {"tools": [TOOL]}),
    "an earlier message": lambda m: ([user("another question"), *m[1:]], {}),
    "the first turn is gone": lambda m: (m[2:], {}),
    "a summary stands for the first turn": lambda m: ([user("summary"), *m[2:]], {}),
    "a message in between": lambda m: ([*m[:1], user("by the way"), *m[1:]], {}),
}


@pytest.mark.parametrize("name", CHANGES)
async def test_what_counts_as_a_change(claude: anthropic.AsyncAnthropic, name: str) -> None:
    model = "claude-opus-5-5"
    messages, rest = CHANGES[name](await talk(claude, model=model))
    with pytest.raises(anthropic.BadRequestError, match="bound to a different conversation"):
        await send(claude, model, messages, **rest)
    assert await send(claude, model, list(without_thinking(messages)), **rest)


async def test_what_counts_as_none(claude: anthropic.AsyncAnthropic) -> None:
    """Cache marks, the shape of a text, where a turn is parted, and thinking stripped from the start on."""
    model = "claude-opus-5-5"
    messages = await talk(claude, model=model)
    marked = [user(text("the first question", "5m")), *messages[1:]]
    assert await send(claude, model, marked, system=[text("be brief", "5m")])
    first = [*without_thinking(messages[:2]), *messages[2:]]
    assert await send(claude, model, first)


async def test_thinking_left_out_in_between_is_missed(claude: anthropic.AsyncAnthropic) -> None:
    model = "claude-opus-5-5"
    messages = await talk(claude, 3, model=model)
    gap = [*messages[:3], *without_thinking(messages[3:4]), *messages[4:]]
    with pytest.raises(anthropic.BadRequestError, match="preceded this one when it was created is missing"):
        await send(claude, model, gap)


async def test_blocks_are_dropped_on_request(claude: anthropic.AsyncAnthropic) -> None:
    model = "claude-opus-5-5"
    messages: Messages = await talk(claude, model=model)
    for turn in range(3):  # the old blocks are still sent, and the new ones stay good
        reply = await claude.beta.messages.create(
            model=model, max_tokens=900, system="be verbose", messages=messages, thinking=DROP, betas=[CONTROLS]
        )
        assert [(t.type, t.path, t.reason) for t in reply.input_transformations or []] == [
            ("thinking_dropped", f"messages.{i}.content.0", "prefix_binding_mismatch") for i in (1, 3)
        ], turn
        messages = [*messages, back(reply), user("more")]


async def test_an_older_account_is_told_only(claude: anthropic.AsyncAnthropic) -> None:
    async with Provider(count=count, new_account=False) as provider:
        older = claude.with_options(base_url=provider.anthropic_url)
        messages = await talk(older, model="claude-opus-5-5")
        reply = await older.beta.messages.create(
            model="claude-opus-5-5", max_tokens=900, system="be verbose", messages=messages
        )
        found = {t.type for t in reply.input_transformations or []}
        assert found == {"thinking_mismatch_allowed"}
        messages = await talk(older, model="claude-fable-5-2")
        with pytest.raises(anthropic.BadRequestError):
            await send(older, "claude-fable-5-2", messages, system="be verbose")


async def test_batches_drop_what_does_not_fit(claude: anthropic.AsyncAnthropic) -> None:
    messages = await talk(claude, model="claude-opus-5-5")
    params: Any = {"model": "claude-opus-5-5", "max_tokens": 900, "system": "be verbose", "messages": messages}
    batch = await claude.messages.batches.create(requests=[{"custom_id": "a", "params": params}])
    [entry] = [e async for e in await claude.messages.batches.results(batch.id)]
    assert entry.result.type == "succeeded"
    assert len(entry.result.message.model_extra["input_transformations"]) == 2  # type: ignore[index]


async def test_another_models_thinking_is_dropped_but_for_haiku(claude: anthropic.AsyncAnthropic) -> None:
    for maker, reader, dropped in [
        ("claude-opus-5-5", "claude-sonnet-5-5", 2),
        ("claude-sonnet-5-5", "claude-haiku-5-5", 2),
        ("claude-haiku-5-5", "claude-opus-5-5", 0),
        ("claude-opus-5-5", "claude-opus-4-8", 0),
    ]:
        messages = await talk(claude, model=maker)
        reply = await claude.beta.messages.create(model=reader, max_tokens=900, system="be brief", messages=messages)
        reasons = [t.reason for t in reply.input_transformations or []]
        assert reasons == ["model_binding_mismatch"] * dropped


@pytest.mark.parametrize("model", [*BOUND[-1:], "claude-opus-5"])
async def test_an_edited_block_is_refused(claude: anthropic.AsyncAnthropic, model: str) -> None:
    messages = await talk(claude, model=model, thinking={"type": "adaptive", "display": "summarized"})
    assert messages[1]["content"][0]["thinking"]
    messages[3]["content"][0]["thinking"] = "something else"
    with pytest.raises(anthropic.BadRequestError, match=r"messages\.3\.content\.0: .* cannot be modified"):
        await send(claude, model, messages)
    messages = [*messages[:3], *without_thinking(messages[3:])]
    messages[1]["content"][0]["thinking"] = "something else"
    with pytest.raises(anthropic.BadRequestError, match=r"messages\.1\.content\.0: Invalid `signature`"):
        await send(claude, model, messages)


@pytest.mark.parametrize("model", UNBOUND)
async def test_unbound_thinking_survives_a_change(claude: anthropic.AsyncAnthropic, model: str) -> None:
    old = model == "claude-haiku-4-5"
    thinking: dict[str, Any] = {"type": "enabled", "budget_tokens": 1_024} if old else {"type": "adaptive"}
    messages = await talk(claude, model=model, thinking=thinking, max_tokens=2_000)
    assert messages[1]["content"][0]["type"] == "thinking"
    assert bool(messages[1]["content"][0]["thinking"]) == old  # older models show what they think
    assert await send(claude, model, messages[2:], system="be verbose", thinking=thinking, max_tokens=2_000)


async def test_an_open_loop_keeps_its_thinking(claude: anthropic.AsyncAnthropic) -> None:
    for model, may_strip in [("claude-opus-5", False), ("claude-opus-5-5", True)]:
        messages: Messages = [user("use the tool")]
        reply = await send(claude, model, messages, tools=[TOOL])
        assert kinds(reply) == ["thinking", "tool_use"]
        answered = [back(reply), user(result(reply.content[1].id))]
        assert await send(claude, model, [*messages, *answered], tools=[TOOL])
        stripped = [*messages, *without_thinking(answered)]
        if may_strip:
            assert await send(claude, model, stripped, tools=[TOOL])
            continue
        with pytest.raises(anthropic.BadRequestError, match="Expected `thinking` or `redacted_thinking`, but found"):
            await send(claude, model, stripped, tools=[TOOL])
        closed = [*stripped, back(await send(claude, model, [*messages, *answered], tools=[TOOL])), user("thanks")]
        assert await send(claude, model, closed, tools=[TOOL])


async def test_calls_from_elsewhere_need_no_thinking(claude: anthropic.AsyncAnthropic) -> None:
    loop = [user("look"), {"role": "assistant", "content": [call("toolu_x")]}, user(result("toolu_x"))]
    assert await send(claude, "claude-opus-5", loop, tools=[TOOL])


async def test_models_that_need_not_think(claude: anthropic.AsyncAnthropic) -> None:
    for model, thinking, first in [
        ("claude-opus-4-8", None, "text"),
        ("claude-opus-5", {"type": "disabled"}, "text"),
        ("claude-opus-5", None, "thinking"),
    ]:
        rest = {"thinking": thinking} if thinking else {}
        assert kinds(await send(claude, model, [user("hi")], **rest))[0] == first


async def test_thinking_counts_as_output(claude: anthropic.AsyncAnthropic) -> None:
    reply = await send(claude, "claude-haiku-5-5", [user("hi")])
    assert reply.usage.output_tokens_details.thinking_tokens > 0
    assert reply.usage.output_tokens > reply.usage.output_tokens_details.thinking_tokens
    both = await asyncio.gather(*(send(claude, "claude-haiku-5-5", [user("hi")]) for _ in range(2)))
    assert both[0].content[0].signature == both[1].content[0].signature
