"""PUT: create or merge; what is absent stays, null is the default, and saying the same again changes nothing."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from memsvc.errors import InvalidRequest
from memsvc.service.requests import PutRequest
from tests.service.world import KEY, SMALL, Json, chat, user, world

TOOL = {"name": "run", "description": "Runs it.", "input_schema": {"type": "object", "properties": {}}}
FULL: Json = {
    "system": [{"type": "text", "text": "Be brief."}],
    "tools": [TOOL],
    "format": "anthropic",
    "model": "claude-sonnet-4-5",
    "policy": {"keep_tokens": 100, "cache_ttl": "1h"},
    "metadata": {"a": [1, 2]},
    "user": "ann",
}


async def test_an_empty_put_creates_a_session_with_the_defaults() -> None:
    async with world() as w:
        made = await w.put()
        assert (made["revision"], made["log_revision"], made["epoch"], made["messages"]) == (1, 0, 0, 0)
        assert (made["format"], made["model"], made["user"], made["metadata"]) == (None, None, None, {})
        assert made["policy"]["threshold_tokens"] == SMALL.threshold_tokens
        assert (await w.put())["revision"] == 1


async def test_saying_the_same_again_is_no_new_revision() -> None:
    async with world() as w:
        first = await w.put(**FULL)
        w.clock.pass_(5)
        assert await w.put(**FULL) == first
        for name, value in FULL.items():
            assert await w.put(**{name: value}) == first, name
        spaced = {n: json.dumps(v, indent=2).encode() for n, v in FULL.items()}
        assert await w.memory.put(KEY, PutRequest(spaced)) == first


async def test_absent_stays_and_null_is_the_default() -> None:
    async with world() as w:
        await w.put(**FULL)
        bare = await w.put(KEY.__class__("default", "bare"))
        for name in FULL:
            await w.put(**FULL)
            session = await w.put(**{name: None})
            others = {n: session[n] for n in ("format", "model", "user", "metadata") if n != name}
            assert others == {n: FULL[n] for n in others}
            if name in ("format", "model", "user", "metadata"):
                assert session[name] == bare[name]
        await w.put(**FULL)
        session = await w.put(**dict.fromkeys(FULL))
        for name in ("format", "model", "user", "metadata", "policy", "tokens"):
            assert session[name] == bare[name]


async def test_policy_members_merge() -> None:
    async with world() as w:
        await w.put(policy={"keep_tokens": 100, "max_tokens": 1_500})
        policy = (await w.put(policy={"keep_tokens": None, "summary_tokens": 200}))["policy"]
        assert (policy["keep_tokens"], policy["summary_tokens"], policy["max_tokens"]) == (150, 200, 1_500)
        policy = (await w.put(policy=None))["policy"]
        assert (policy["keep_tokens"], policy["summary_tokens"], policy["max_tokens"]) == (150, 120, 2_000)


async def test_a_policy_that_cannot_work_is_refused_and_nothing_is_changed() -> None:
    async with world() as w:
        before = await w.put(system="S")
        with pytest.raises(InvalidRequest) as refused:
            await w.put(system="other", policy={"threshold_tokens": 270})
        assert refused.value.extra["field"] == "policy.threshold_tokens"
        assert await w.memory.get(KEY) == before
        await w.put(policy={"threshold_tokens": 271})
        await w.put(policy={"threshold_tokens": 1, "mode": "manual"})
        with pytest.raises(InvalidRequest):
            await w.put(policy={"mode": None})


async def test_a_session_outlives_a_change_of_the_services_defaults(tmp_path: Any) -> None:
    path = str(tmp_path / "m.db")
    async with world(path) as w:
        await w.put(policy={"keep_tokens": 400})
        await w.append(*chat(8))
    async with world(path, policy=replace(SMALL, threshold_tokens=300)) as w:
        assert (await w.memory.get(KEY))["policy"]["keep_tokens"] == 400
        await w.append(user("still here"))
        assert (await w.context())["messages"][-1]["content"] == "still here"
        await w.put(metadata={"a": 1})
        await w.work()


async def test_what_shows_in_the_context_is_a_new_revision_and_the_rest_is_not() -> None:
    async with world() as w:
        await w.put()
        for name, value in FULL.items():
            before = (await w.memory.get(KEY))["revision"]
            after = (await w.put(**{name: value}))["revision"]
            assert after - before == (0 if name in ("metadata", "user") else 1), name
        assert (await w.memory.get(KEY))["log_revision"] == 0


async def test_why_the_prefix_began() -> None:
    async with world() as w:
        await w.put(system="one")
        await w.put(system="two", tools=[TOOL])
        await w.append(user("hi"))
        assert (await w.context())["prefix_change"] is None  # nothing stood behind it yet
        for members, reason in (({"system": "three"}, "system_changed"), ({"tools": None}, "tools_changed"),
                                ({"system": None, "tools": [TOOL]}, "tools_changed")):  # fmt: skip
            revision = (await w.put(**members))["revision"]
            assert (await w.context())["prefix_change"] == {"reason": reason, "at_revision": revision}
        revision = (await w.memory.get(KEY))["revision"]
        await w.put(policy={"keep_tokens": 10}, model="gpt-4o", metadata={"x": 1})
        assert (await w.context())["prefix_change"] == {"reason": "tools_changed", "at_revision": revision}
        await w.put(model="openai/gpt-4o")  # the same one
        assert (await w.context())["prefix_change"] == {"reason": "tools_changed", "at_revision": revision}
        revision = (await w.put(model="gpt-5.5"))["revision"]
        assert (await w.context())["prefix_change"] == {"reason": "model_changed", "at_revision": revision}
        await w.append(*chat(12, tokens=20))
        assert (await w.compact(force=True))[1]["changed"]
        assert (await w.context())["prefix_change"]["reason"] == "compacted"
        await w.memory.truncate(KEY, 20)
        assert (await w.context())["prefix_change"]["reason"] == "edited"


async def test_limits_follow_the_model_and_are_clamped_to_its_window() -> None:
    async with world(policy=replace(SMALL, max_tokens=0)) as w:
        assert (await w.put())["policy"]["max_tokens"] == 180_000
        assert (await w.put(model="gpt-4o"))["policy"]["max_tokens"] == 115_200
        policy = (await w.put(policy={"max_tokens": 10_000_000, "threshold_tokens": 9_000_000}))["policy"]
        assert (policy["max_tokens"], policy["threshold_tokens"]) == (10_000_000, 9_000_000)
        assert (policy["effective"]["max_tokens"], policy["effective"]["threshold_tokens"]) == (128_000, 128_000)


@pytest.mark.parametrize("members", [{}, {"policy": {"keep_tokens": 100}}, {"system": "S"}, {"metadata": {"a": 1}}])
async def test_the_factor_follows_the_format_of_the_first_messages(members: Json) -> None:
    async with world() as w:
        await w.put(**members)
        await w.append(user("hi"), format="anthropic")
        head = await w.store.head(KEY)
        assert head is not None
        assert (head.factor, head.settings.format) == (1.3, "anthropic")
        assert head.soft_tokens == int(SMALL.threshold_tokens / 1.3)


VALUES = {n: [None, v] for n, v in FULL.items()}
VALUES["system"] += ["Be brief.", ""]
VALUES["policy"] += [{"keep_tokens": None}, {"max_tokens": 500}, {}]
PUT = st.fixed_dictionaries({}, optional={n: st.sampled_from(v) for n, v in VALUES.items()})


@settings(max_examples=60)
@given(st.lists(PUT, min_size=1, max_size=6), st.integers(0, 6))
def test_any_series_of_puts_ends_where_its_last_values_say(puts: list[Json], spoken: int) -> None:
    async def play() -> None:
        async with world() as w:
            last: Json = {}
            for i, put in enumerate(puts):
                if i == spoken:
                    await w.append(user("hi"))
                before = (await w.memory.get(KEY))["revision"] if last or i >= spoken else 0
                session = await w.put(**put)
                assert session["revision"] in (before, before + 1)
                again = await w.put(**put)
                assert again == session
                last = {**last, **put, "any": True}
            for name in ("model", "user"):
                assert session[name] == last.get(name)
            assert session["metadata"] == (last.get("metadata") or {})
            head = await w.store.head(KEY)
            assert head is not None
            stored = json.loads(head.settings.system.content) if head.settings.system else None
            assert stored == last.get("system")

    asyncio.run(play())
