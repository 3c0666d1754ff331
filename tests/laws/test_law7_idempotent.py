"""Law 7: appends are idempotent, ordered by the server, all or nothing; the job is in the same write."""

from __future__ import annotations

import asyncio
import json

import pytest

from memsvc.errors import Conflict, InvalidRequest, NotFound
from memsvc.service.requests import ContextRequest
from tests.service.world import KEY, calls, chat, request, result, said, user, world


async def test_a_repeated_key_answers_as_the_first_time() -> None:
    async with world() as w:
        first = await w.append(*chat(2), idempotency_key="k1")
        await w.append(user("between"))
        again = await w.append(*chat(2), idempotency_key="k1")
        assert again == {**first, "duplicate": True}
        assert first["duplicate"] is False
        assert len(await w.history()) == 5


async def test_a_repeated_key_with_context_gives_the_context_that_holds_now() -> None:
    async with world() as w:
        asked = request(*chat(2), idempotency_key="k1")
        first, _ = await w.memory.append_and_context(KEY, asked, ContextRequest("openai"))
        await w.append(user("between"))
        again, rendered = await w.memory.append_and_context(KEY, asked, ContextRequest("openai"))
        assert again == {**first, "duplicate": True}
        assert json.loads(rendered.body)["log_revision"] == 2


async def test_a_key_with_other_content_is_a_conflict() -> None:
    async with world() as w:
        await w.append(user("one"), idempotency_key="k1")
        with pytest.raises(Conflict):
            await w.append(user("two"), idempotency_key="k1")
        with pytest.raises(Conflict):
            await w.append(user("one"), idempotency_key="k1", ids=("m1",))
        assert len(await w.history()) == 1


async def test_white_space_is_not_other_content() -> None:
    async with world() as w:
        await w.append(b'{"role":"user","content":"one"}', idempotency_key="k1")
        again = await w.append(b'{ "role": "user",\n "content": "one" }', idempotency_key="k1")
        assert again["duplicate"] is True


async def test_racing_appends_with_one_key_store_once() -> None:
    async with world() as w:
        replies = await asyncio.gather(*(w.append(*chat(2), idempotency_key="k1") for _ in range(10)))
        assert sorted(r["duplicate"] for r in replies) == [False] + [True] * 9
        assert {tuple(r["seqs"]) for r in replies} == {(1, 2, 3, 4)}
        assert len(await w.history()) == 4


async def test_racing_appends_are_ordered_and_whole() -> None:
    async with world() as w:
        batches = [chat(2, tag=f"b{i}x", tokens=4) for i in range(20)]
        replies = await asyncio.gather(*(w.append(*b) for b in batches))
        assert sorted(s for r in replies for s in r["seqs"]) == list(range(1, 81))
        rows = await w.history()
        for batch, reply in zip(batches, replies, strict=True):
            assert reply["seqs"] == list(range(reply["first_seq"], reply["first_seq"] + 4))
            assert [rows[s - 1]["message"] for s in reply["seqs"]] == batch


async def test_known_ids_keep_their_seq_and_the_rest_is_appended() -> None:
    async with world() as w:
        await w.append(user("a"), said("b"), ids=("m1", "m2"))
        reply = await w.append(said("b"), user("c"), ids=("m2", "m3"))
        assert (reply["seqs"], reply["duplicate"]) == ([2, 3], False)
        again = await w.append(said("b"), user("c"), ids=("m2", "m3"))
        assert (again["seqs"], again["duplicate"]) == ([2, 3], True)
        assert again["log_revision"] == reply["log_revision"]


async def test_a_bad_message_keeps_the_whole_batch_out() -> None:
    async with world() as w:
        await w.append(user("a"))
        with pytest.raises(InvalidRequest) as refused:
            await w.append(user("b"), {"role": "nobody", "content": "c"})
        assert str(refused.value.extra["field"]).startswith("messages[1]")
        assert len(await w.history()) == 1
        with pytest.raises(InvalidRequest):
            await w.append({"role": "user"}, key=KEY.__class__("default", "new"))
        with pytest.raises(NotFound):
            await w.memory.get(KEY.__class__("default", "new"))


async def test_the_job_is_there_when_the_append_is_acknowledged() -> None:
    async with world() as w:
        for i in range(30):
            await w.append(user(f"x{i} " * 20), calls(f"c{i}"), result(f"c{i}", "done"))
            session = await w.store.head(KEY)
            assert session is not None
            due = session.soft_tokens is not None and session.context_tokens > session.soft_tokens
            assert (await w.store.next_due() is not None) == due
            assert (session.state == "queued") == due
        assert due


async def test_if_match_compares_the_log() -> None:
    async with world() as w:
        await w.append(user("a"), if_log_revision=0)
        with pytest.raises(Conflict) as refused:
            await w.append(user("b"), if_log_revision=0)
        assert refused.value.extra["log_revision"] == 1
        await w.put(metadata={"k": 1})
        await w.put(system="S")
        assert (await w.append(user("b"), if_log_revision=1))["log_revision"] == 2
