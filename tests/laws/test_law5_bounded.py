"""Law 5: a context never exceeds max_tokens nor max_bytes; what cannot fit is said, with what would."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from memsvc.core.limits import Policy
from memsvc.core.model import Key
from memsvc.errors import CannotFit
from memsvc.service.requests import ContextRequest
from tests.service.audit import check_coverage
from tests.service.world import (
    KEY,
    SMALL,
    Json,
    World,
    calls,
    chat,
    request,
    result,
    said,
    the_counter,
    user,
    words,
    world,
)


async def tokens_of(w: World, key: Key = KEY) -> int:
    """Provider tokens of the context that is fetched."""
    session = await w.store.head(key)
    assert session is not None
    context = await w.context(key)
    return math.ceil(context["tokens"]["context"] * session.factor)


async def fits_or_says_what_would(w: World, key: Key = KEY) -> None:
    """The law for one session as it stands: bounded, or the `minimum` of the answer does fit."""
    limit = (await w.memory.get(key))["policy"]["effective"]["max_tokens"]
    try:
        assert await tokens_of(w, key) <= limit
        return
    except CannotFit as refused:
        minimum = refused.extra["minimum"]
        assert isinstance(minimum, int)
    assert minimum > limit
    await w.put(key, policy={"max_tokens": minimum})
    assert await tokens_of(w, key) <= minimum


MESSAGE = st.one_of(
    st.builds(lambda n, t: [user(words(n, t))], st.integers(1, 400), st.sampled_from("abc")),
    st.builds(lambda n, t: [said(words(n, t))], st.integers(1, 400), st.sampled_from("abc")),
    st.builds(
        lambda n, k: [calls(*map(str, range(k)), text="look"), *(result(str(i), words(n, "r")) for i in range(k))],
        st.integers(1, 300),
        st.integers(1, 3),
    ),
    st.builds(lambda n: [calls("open"), *(user(words(n, "m")) for _ in range(2))], st.integers(1, 200)),
    st.builds(lambda n: [{"role": "system", "content": words(n, "s")}], st.integers(1, 80)),
)


def as_items(message: Json) -> list[Json]:
    """A message of Chat Completions as items of the Responses API."""
    if message["role"] == "tool":
        return [{"type": "function_call_output", "call_id": message["tool_call_id"], "output": message["content"]}]
    made = [c | c["function"] for c in message.get("tool_calls") or []]
    spoken = [{"role": message["role"], "content": message["content"]}] if message["content"] else []
    thought: list[Json] = [{"type": "reasoning", "summary": []}] if made else []
    return [
        *thought,
        *spoken,
        *({"type": "function_call", "call_id": c["id"], "name": c["name"], "arguments": c["arguments"]} for c in made),
    ]


POLICY = st.fixed_dictionaries(
    {
        "keep_tokens": st.integers(1, 300),
        "summary_tokens": st.integers(1, 300),
        "max_tokens": st.integers(50, 1500),
        "mode": st.sampled_from(["threshold", "manual"]),
    }
).map(lambda p: {**p, "threshold_tokens": p["keep_tokens"] + p["summary_tokens"] + 50})


@settings(max_examples=60)
@given(
    POLICY,
    st.lists(st.lists(MESSAGE, min_size=1, max_size=4), min_size=1, max_size=8),
    st.integers(0, 600),
    st.sampled_from(["openai", "responses"]),
    st.data(),
)
def test_whatever_is_appended_the_context_is_bounded_or_refused_with_a_minimum(
    policy: Json, batches: list[list[list[Json]]], system: int, format: Any, data: st.DataObject
) -> None:
    async def play() -> None:
        async with world() as w:
            await w.put(policy=policy, system=words(system, "sys"), model="claude-x" if system % 2 else None)
            await w.append(user("hello"))
            for batch in batches:
                messages = [m for part in batch for m in part]
                items = [i for m in messages for i in as_items(m)]
                reply = await w.append(*(items if format == "responses" else messages), format=format)
                last = reply["last_seq"]
                if data.draw(st.integers(0, 3)) == 0:
                    seq = data.draw(st.integers(1, last))
                    with contextlib.suppress(CannotFit):
                        await w.memory.pin(KEY, seq)
                if data.draw(st.booleans()):
                    await w.work()
                if data.draw(st.booleans()):
                    await fits_or_says_what_would(w)
            await fits_or_says_what_would(w)
            if data.draw(st.booleans()):  # a smaller mark later on
                await w.put(policy={"max_tokens": data.draw(st.integers(1, 1500))})
                await fits_or_says_what_would(w)
            await check_coverage(w)

    asyncio.run(play())


async def test_a_smaller_limit_in_one_query_fits_or_is_refused_and_commits_nothing() -> None:
    async with world() as w:
        await w.append(*chat(8))
        whole = (await w.context())["tokens"]["context"]
        with pytest.raises(CannotFit) as refused:
            await w.context(max_tokens=whole - 1)
        assert refused.value.extra["minimum"] == whole
        assert (await w.context(max_tokens=whole))["epoch"] == 0
        assert await w.summaries() == []


async def test_a_worker_that_never_runs_leaves_contexts_bounded() -> None:
    async with world() as w:
        for i in range(30):
            await w.append(*chat(2, tokens=60, tag=f"x{i}y"))
            assert await tokens_of(w) <= SMALL.max_tokens
        await check_coverage(w)
        assert len(await w.summaries()) > 3


async def test_max_bytes_bounds_the_rendered_context() -> None:
    policy = replace(SMALL, max_tokens=100_000, threshold_tokens=90_000, keep_tokens=5_000, max_bytes=30_000)
    async with world(policy=policy) as w:
        await w.put(system=words(500, "sys"))
        data = "QUJD" * 1_000
        for i in range(12):
            image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
            await w.append({"role": "user", "content": [{"type": "text", "text": f"picture {i}"}, image]}, said("ok"))
            body = (await w.memory.context(KEY, ContextRequest("anthropic"))).body
            assert len(body) <= policy.max_bytes
        await check_coverage(w)
        assert (await w.memory.get(KEY))["epoch"] > 0


async def test_bytes_that_cannot_fit_are_refused_with_how_many_would() -> None:
    async with world(policy=replace(SMALL, max_bytes=3_000)) as w:
        await w.append(*chat(2), user("wide " + "\u3000" * 2_000 + "end"), said("ok"))
        await w.append(user("x" * 4_000))
        with pytest.raises(CannotFit) as refused:
            await w.context()
        assert "max_bytes" in refused.value.detail
        await w.put(policy={"max_bytes": refused.value.extra["minimum_bytes"]})
        await w.context()


async def test_a_system_prompt_above_the_threshold_does_not_compact_at_every_turn() -> None:
    async with world(policy=replace(SMALL, max_tokens=20_000)) as w:
        await w.put(system=words(3_000, "sys"))
        for i in range(30):
            await w.append(*chat(1, tokens=8, tag=f"x{i}y"))
            await w.work()
            await w.context()
        epochs = (await w.memory.get(KEY))["epoch"]
        assert 1 <= epochs <= 15
        await check_coverage(w)


async def test_an_agentic_turn_of_thousands_of_messages_is_bounded_and_keeps_the_request() -> None:
    async with world(policy=replace(SMALL, summary_tokens=300, threshold_tokens=900)) as w:
        ask = "Find the reason why the nightly build of project Larkspur fails, and fix it."
        await w.append(user(ask))
        for i in range(0, 1_500, 300):
            steps = [[calls(f"c{n}"), result(f"c{n}", f"step {n} done")] for n in range(i, i + 300)]
            await w.append(*(m for step in steps for m in step))
            if i % 600:
                await w.work()
            context = await w.context(format="anthropic")
            assert context["tokens"]["context"] * 1.3 <= SMALL.max_tokens * 1.3
            assert ask in json.dumps(context["messages"][0])
        await check_coverage(w)


async def test_a_request_too_long_to_quote_is_clamped_to_a_quarter() -> None:
    async with world(policy=replace(SMALL, summary_tokens=400, threshold_tokens=900)) as w:
        await w.append(user("BEGIN " + words(800, "ask") + " END"))
        for n in range(60):
            await w.append(calls(f"c{n}"), result(f"c{n}", words(20, f"r{n}x")))
        await w.work()
        summary = (await w.summaries())[-1]
        quoted = summary["text"].split("word for word\n")[1].split("\n\n##")[0]
        assert "BEGIN" in quoted
        assert quoted.rstrip().endswith("END")
        assert the_counter().count(quoted) <= 400 // 4 + 5
        assert summary["tokens"] <= 400


@settings(max_examples=40)
@given(
    st.lists(st.integers(5, 200), min_size=4, max_size=30),
    st.integers(50, 300),
)
def test_a_threshold_compaction_keeps_what_was_promised_and_at_most_one_group_more(sizes: list[int], keep: int) -> None:
    async def play() -> None:
        policy = replace(SMALL, keep_tokens=keep, threshold_tokens=keep * 2 + 200, max_tokens=100_000)
        async with world(policy=policy) as w:
            await w.append(*(user(words(n, f"m{i}x")) for i, n in enumerate(sizes)))
            await w.work()
            session = await w.memory.get(KEY)
            if session["epoch"] == 0:
                return
            kept = [r["tokens"] for r in await w.history() if not r["compacted"]]
            assert sum(kept) >= keep
            assert sum(kept[1:]) < keep
            assert session["tokens"]["summary"] <= policy.summary_tokens

    asyncio.run(play())


async def test_an_open_group_that_is_too_large_is_refused_with_its_minimum() -> None:
    async with world() as w:
        await w.append(*chat(3), calls("a", "b"), result("a", words(3_000)))
        await fits_or_says_what_would(w)


@pytest.mark.parametrize("mode", ["threshold", "manual"])
async def test_every_mode_is_bounded(mode: Any) -> None:
    policy: Policy = replace(SMALL, mode=mode)
    async with world(policy=policy) as w:
        await w.memory.append(KEY, request(*chat(60)))
        assert await tokens_of(w) <= SMALL.max_tokens
        assert {s["reason"] for s in await w.summaries()} == {"hard"}
