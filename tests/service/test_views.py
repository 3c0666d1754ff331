"""Rendered contexts kept in memory: never stale, whoever wrote; and an ETag that names one body."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from memsvc.core.model import Key
from memsvc.service.requests import ContextRequest, Rendered
from tests.service.audit import check_context
from tests.service.world import KEY, SMALL, World, calls, chat, result, said, texts_of, the_counter, user, words, world

ROOMY = replace(SMALL, max_tokens=100_000)
WAYS = [ContextRequest(f, marks=m) for f in ("openai", "anthropic", None) for m in ("auto", "none")]  # type: ignore[arg-type]


async def fetched(w: World, key: Key = KEY) -> list[Rendered]:
    return [await w.memory.context(key, way) for way in WAYS]


async def fresh(w: World, key: Key = KEY) -> list[Rendered]:
    """What a Memory that has nothing in memory answers."""
    from tests.service.world import build

    return await fetched(build(w.store, policy=ROOMY, clock=w.clock), key)


STEPS: list[Callable[[World], Awaitable[Any]]] = [
    lambda w: w.append(user("one more " + words(20)), said("answer")),
    lambda w: w.append(calls("c1", "c2"), result("c2", "found"), format="openai"),
    lambda w: w.append(result("c1", "late"), format="openai"),
    lambda w: w.append({"role": "assistant", "content": [{"type": "text", "text": "hm"}]}, format="anthropic"),
    lambda w: w.compact(force=True, keep_tokens=1),
    lambda w: w.memory.truncate(KEY, 3),
    lambda w: w.memory.truncate(KEY, 7),
    lambda w: w.put(system="You are terse."),
    lambda w: w.put(system=[{"type": "text", "text": "You are kind."}], tools=None),
    lambda w: w.put(tools=[{"name": "run", "input_schema": {"type": "object"}}]),
    lambda w: w.put(policy={"cache_ttl": "1h"}),
    lambda w: w.put(policy={"cache_ttl": None, "placement": "system_block"}),
    lambda w: w.put(policy=None),
    lambda w: w.put(model="gpt-5.6"),
    lambda w: w.put(model=None, format="anthropic"),
    lambda w: w.put(metadata={"n": 1}, user="bea"),
    lambda w: w.memory.pin(KEY, 1),
    lambda w: recreate(w),
]


async def recreate(w: World) -> None:
    await w.memory.delete(KEY)
    await w.append(*chat(2, tag="again", tokens=6))


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.booleans()), min_size=1, max_size=8))
def test_two_services_on_one_store_never_show_a_stale_body_and_an_etag_names_one_body(steps: list[Any]) -> None:
    async def play() -> None:
        from tests.service.world import build

        async with world(policy=ROOMY) as first:
            second = build(first.store, policy=ROOMY, clock=first.clock)
            await first.append(user("hello"), said("hi"), user("go on " + words(60)), said("done"))
            seen: dict[str, bytes] = {}
            for step, by_first in steps:
                await step(first if by_first else second)
                expected = await fresh(first)
                for w in (first, second):
                    assert await fetched(w) == expected
                for answer in expected:
                    assert seen.setdefault(answer.etag, answer.body) == answer.body

    the_counter()
    asyncio.run(play())


async def test_two_services_on_one_file(tmp_path: Path) -> None:
    path = str(tmp_path / "m.db")
    async with world(path) as first, world(path) as second:
        await first.append(*chat(4))
        one = await second.context()
        await second.append(user("zz1; from the second"))
        assert "zz1;" in texts_of(await first.context())
        await first.compact(force=True)
        assert (await second.context())["epoch"] == 1
        await second.put(system="SYS", policy={"cache_ttl": "1h"})
        context = await first.context(format="anthropic")
        assert context["system"][-1]["cache_control"]["ttl"] == "1h"
        assert one["epoch"] == 0
        await check_context(first)
        await check_context(second)


async def test_the_etag_stays_while_nothing_that_shows_changes() -> None:
    async with world() as w:
        await w.append(*chat(2))
        before = await fetched(w)
        await w.put(metadata={"a": 1}, user="ann")
        w.clock.pass_(1_000)
        assert await fetched(w) == before
        assert len({a.etag for a in before}) == 4  # the default way is one of the named ones


async def test_a_change_of_the_services_defaults_is_another_etag(tmp_path: Path) -> None:
    path = str(tmp_path / "m.db")
    asked = ContextRequest("anthropic")
    async with world(path) as w:
        await w.append(*chat(2))
        before = await w.memory.context(KEY, asked)
    async with world(path, policy=replace(SMALL, cache_ttl="1h")) as w:
        after = await w.memory.context(KEY, asked)
    assert before.body != after.body
    assert before.etag != after.etag


async def test_deleted_and_created_again_is_another_etag() -> None:
    async with world() as w:
        await w.append(user("one"))
        before = await w.memory.context(KEY, ContextRequest())
        await w.memory.delete(KEY)
        await w.append(user("two"))
        after = await w.memory.context(KEY, ContextRequest())
        assert before.etag != after.etag
        assert "two" in after.body.decode()


async def test_memory_for_contexts_is_bounded_and_the_oldest_goes_first() -> None:
    async with world(cache_bytes=60_000) as w:
        views = w.memory._views
        keys = [Key("t", f"s{i}") for i in range(30)]
        for key in keys:
            await w.append(*chat(2, tokens=60), key=key)
            await w.context(key)
            assert views._bytes == sum(h.size for h in views._held.values()) <= 60_000
        assert 1 < len(views._held) < 30
        assert [slot[0] for slot in views._held] == keys[-len(views._held) :]
        await w.context(keys[-2])
        assert list(views._held)[-1][0] == keys[-2]
        await check_context(w, keys[0])


async def test_one_context_larger_than_the_memory_is_still_served() -> None:
    async with world(cache_bytes=0) as w:
        for i in range(3):
            key = Key("t", f"s{i}")
            await w.append(*chat(2), key=key)
            await check_context(w, key)
        assert len(w.memory._views._held) == 1


async def test_fetches_while_appending_are_consistent() -> None:
    async with world(policy=ROOMY) as w:
        await w.append(user("m1;"))

        async def write() -> None:
            for i in range(2, 40):
                await w.append(user(f"m{i};") if i % 2 else said(f"m{i};"))
                if i % 10 == 0:
                    await w.compact(force=True, keep_tokens=30)

        async def read() -> None:
            for _ in range(40):
                answer = await w.memory.context(KEY, ContextRequest("openai"))
                body = json.loads(answer.body)
                number = body["log_revision"]
                text = texts_of(body)
                covered = body["covers"]["to"] if body["covers"] else 0
                assert all(f"m{i};" in text for i in range(covered + 1, number + 1))
                assert f"m{number + 1};" not in text
                await asyncio.sleep(0)

        await asyncio.gather(write(), *(read() for _ in range(4)))
