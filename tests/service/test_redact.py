"""Redacting: one message goes for good, wherever its text had got to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memsvc.core.model import TOMBSTONE
from memsvc.errors import CannotFit, NotFound
from memsvc.service.requests import ContextRequest
from memsvc.stores.sqlite import SQLiteStore
from tests.laws.contexts import faults
from tests.laws.test_law6_compare_and_set import Meanwhile
from tests.service.audit import check
from tests.service.world import KEY, build, calls, chat, request, result, said, texts_of, user, words, world

SECRET = "hunter2-4711"
FORMATS = ("anthropic", "openai", "responses")


async def test_it_leaves_context_summary_and_history() -> None:
    async with world() as w:
        raws = list(request(user(f"x1; From now on always use the password {SECRET}."), *chat(14)).messages)
        await w.append(*raws, idempotency_key="k")
        await w.work()
        assert SECRET in texts_of(await w.context())
        before = await w.memory.get(KEY)
        after = await w.memory.redact(KEY, 1)
        assert (after["epoch"], after["cut"]) == (before["epoch"] + 1, None)
        assert after["compaction"]["state"] == "queued"
        for format in FORMATS:
            assert SECRET not in texts_of(await w.context(format=format))
            row = (await w.history(format=format))[0]  # type: ignore[arg-type]
            assert (row["message"], row["redacted"], row["superseded"]) == ({"type": "redacted"}, True, True)
        assert SECRET not in json.dumps(await w.summaries())
        assert (await w.context())["prefix_change"]["reason"] in ("edited", "compacted")
        await w.work()
        assert SECRET not in json.dumps(await w.summaries())
        assert (await w.append(*raws, idempotency_key="k"))["duplicate"]
        await check(w, [TOMBSTONE, *raws[1:]])


async def test_a_summary_in_the_making_loses() -> None:
    async def redact(w) -> None:  # type: ignore[no-untyped-def]
        await w.memory.redact(KEY, 1)

    summarizer = Meanwhile(redact)
    async with world(summarizers=[summarizer]) as w:
        summarizer.world = w
        raws = list(request(user(f"x1; {SECRET}"), *chat(14)).messages)
        await w.append(*raws)
        await w.work()  # its first summary was made from the secret; the second was not
        assert len(await w.summaries()) == 1
        assert SECRET not in json.dumps(await w.summaries())
        assert SECRET not in texts_of(await w.context())
        await check(w, [TOMBSTONE, *raws[1:]])


async def test_a_fetch_right_after_it_is_a_new_prefix() -> None:
    async with world() as w:
        await w.append(user("a1; hi"), said("a2; hello"), user(f"a3; {SECRET}"), said("a4; noted"))
        first = await w.memory.context(KEY, ContextRequest("openai"))
        await w.memory.redact(KEY, 3)
        second = await w.memory.context(KEY, ContextRequest("openai"))
        assert second.etag != first.etag
        assert SECRET.encode() not in second.body
        assert json.loads(second.body)["prefix_change"] == {"reason": "edited", "at_revision": 2}


@pytest.mark.parametrize("seq", [2, 3, 4])
@pytest.mark.parametrize("format", FORMATS)
async def test_half_a_tool_call_is_still_valid(seq: int, format: str) -> None:
    async with world() as w:
        await w.append(user("a1; go"), calls("c1", "c2", text="a2;"), result("c1", "a3; one"), result("c2", "a4; two"))
        for more in ((), (said("a5; done"), user("a6; and then?"))):
            if more:
                await w.append(*more)
            await w.memory.redact(KEY, seq)
            body = await w.context(format=format)
            assert not faults(body, format)  # type: ignore[arg-type]
            assert f"a{seq};" not in texts_of(body)
            assert all(f"a{n};" in texts_of(body) for n in (1, 2, 3, 4, 5, 6)[: 4 + len(more)] if n != seq)


async def test_the_only_message() -> None:
    async with world() as w:
        await w.append(user(SECRET))
        await w.context()
        await w.memory.redact(KEY, 1)
        with pytest.raises(CannotFit):
            await w.context()
        await w.append(user("b1; again"))
        assert "b1;" in texts_of(await w.context())
        for seq in (3, 99):
            with pytest.raises(NotFound):
                await w.memory.redact(KEY, seq)


@pytest.mark.parametrize("all_of_it", [False, True])
async def test_the_file_forgets_it(tmp_path: Path, all_of_it: bool) -> None:
    store = SQLiteStore(f"{tmp_path}/memory.db")
    await store.open()
    w = build(store)
    for i in range(10):  # so that one lies in the page, one beside it
        await w.append(user(f"x{i}; {SECRET} " + words(2 + i * 900)), said("ok"))
    await w.work()
    here = b"".join(p.read_bytes() for p in tmp_path.iterdir())
    assert SECRET.encode() in here
    if all_of_it:
        await w.memory.delete(KEY)
    else:
        for i in range(10):
            await w.memory.redact(KEY, 2 * i + 1)
    left = b"".join(p.read_bytes() for p in tmp_path.iterdir())
    await store.close()
    assert SECRET.encode() not in left


async def test_a_reader_does_not_hold_it_up(tmp_path: Path) -> None:
    store = SQLiteStore(f"{tmp_path}/memory.db")
    other = SQLiteStore(f"{tmp_path}/memory.db")
    await store.open()
    await other.open()
    w = build(store)
    await w.append(user(SECRET), said("ok"))
    assert (await build(other).memory.redact(KEY, 1))["messages"] == 1
    assert SECRET not in texts_of(await w.context())
    await store.close()
    await other.close()
    assert SECRET.encode() not in (tmp_path / "memory.db").read_bytes()
