"""Appending: formats that nobody named, the system prompt, paging and conversion of the history, counting."""

from __future__ import annotations

import json
from typing import Any

import pytest

from memsvc.core.model import Key
from memsvc.errors import CannotFit, InvalidRequest
from memsvc.service.requests import CountRequest
from tests.service.world import KEY, Json, calls, chat, request, result, said, texts_of, the_counter, user, world

USE = {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "run", "input": {}}]}
GOT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "done"}]}
SYSTEM = {"role": "system", "content": "Be brief."}


@pytest.mark.parametrize(
    ("batches", "format", "stored"),
    [
        ([[user("hi")]], None, ["openai"]),
        ([[user("hi")], [USE, GOT]], "anthropic", ["openai", "anthropic", "anthropic"]),
        ([[user("hi"), calls("a")], [result("a", "x")]], "openai", ["openai"] * 3),
        ([[user("hi"), USE], [user("plain")]], "anthropic", ["anthropic"] * 3),
        ([[{"role": "developer", "content": "Be brief."}, user("hi")]], "openai", ["openai"]),
    ],
)
async def test_a_format_nobody_named_is_told_by_the_messages(
    batches: list[list[Json]], format: str | None, stored: list[str]
) -> None:
    async with world() as w:
        for batch in batches:
            await w.append(*batch)
        assert (await w.memory.get(KEY))["format"] == format
        assert [e.format for e in await w.store.entries(KEY, after=0, limit=9)] == stored


async def test_what_messages_tell_wins_over_the_sessions_format_and_the_requests_over_both() -> None:
    async with world() as w:
        await w.put(format="anthropic")
        await w.append(calls("a"))
        with pytest.raises(InvalidRequest):
            await w.append(result("a", "x"), format="anthropic")
        await w.append(result("a", "x"))
        await w.append(user("plain"))
        assert [e.format for e in await w.store.entries(KEY, after=0, limit=9)] == ["openai", "openai", "anthropic"]
        assert (await w.memory.get(KEY))["format"] == "anthropic"


# --- the system prompt -----------------------------------------------------------


async def test_a_leading_system_message_is_adopted_and_takes_no_seq() -> None:
    async with world() as w:
        reply = await w.append(SYSTEM, user("hi"))
        assert reply["seqs"] == [1]
        again = await w.append(SYSTEM, user("more"))  # a caller that always sends it
        assert again["seqs"] == [2]
        context = await w.context(format="anthropic", marks="none")
        assert context["system"] == "Be brief."
        assert context["tokens"]["system"] == the_counter().count("Be brief.") + 4
        assert len(context["messages"]) == 2


async def test_a_system_message_later_is_a_message() -> None:
    async with world() as w:
        await w.append(SYSTEM, user("hi"))
        reply = await w.append({"role": "system", "content": "zz1; Be long."}, user("more"))
        assert reply["seqs"] == [2, 3]
        assert (await w.append(user("x"), SYSTEM))["seqs"] == [4, 5]  # not leading: a message, whatever it says
        assert "zz1;" in texts_of(await w.context())


async def test_the_system_prompt_of_a_put_is_known_again_when_it_comes_as_a_message() -> None:
    blocks = [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}]
    async with world() as w:
        await w.put(system=blocks)
        reply = await w.append({"role": "system", "content": blocks}, user("hi"))
        assert reply["seqs"] == [1]
        revision = reply["revision"]
        assert (await w.put(system=blocks))["revision"] == revision
        spaced = json.dumps({"role": "system", "content": blocks}, indent=2).encode()
        assert (await w.append(spaced, user("more")))["seqs"] == [2]


async def test_a_put_of_the_adopted_text_keeps_its_role() -> None:
    async with world() as w:
        await w.append({"role": "developer", "content": "Be brief."}, user("hi"))
        before = await w.memory.get(KEY)
        assert await w.put(system="Be brief.") == before
        assert (await w.context(format="openai"))["messages"][0]["role"] == "developer"


async def test_a_system_message_alone_makes_a_session_with_nothing_to_send() -> None:
    async with world() as w:
        reply = await w.append(SYSTEM)
        assert (reply["seqs"], reply["first_seq"], reply["duplicate"]) == ([], None, False)
        with pytest.raises(CannotFit) as refused:
            await w.context()
        assert refused.value.code == "empty_context"
        await w.append(user("hi"))
        assert len((await w.context(format="openai"))["messages"]) == 2


# --- history ---------------------------------------------------------------------


async def test_history_is_paged_by_seq() -> None:
    async with world() as w:
        await w.append(*chat(5, tokens=4))
        seen: list[int] = []
        after: Any = 0
        while after is not None:
            page = json.loads(await w.memory.history(KEY, after=after, limit=3, format=None))
            seen += [r["seq"] for r in page["messages"]]
            after = page["next"]
        assert seen == list(range(1, 11))
        assert json.loads(await w.memory.history(KEY, after=10, limit=3, format=None)) == {"messages": [], "next": None}


async def test_history_keeps_every_byte_of_a_message() -> None:
    raw = b'{ "content" : "\\u00e9 \\/ \xc3\xa9", "n": 12345678901234567890.50e+2, "role":"user", "role":"user" }'
    async with world() as w:
        await w.append(raw, format="openai")
        assert b'"message":' + raw in await w.memory.history(KEY, after=0, limit=1, format=None)
        assert b'"message":' + raw in await w.memory.history(KEY, after=0, limit=1, format="openai")


async def test_history_in_another_format_has_a_row_for_each_message_it_takes() -> None:
    async with world() as w:
        both = [*GOT["content"], {"type": "text", "text": "and?"}]
        await w.append(user("hi"), USE, {"role": "user", "content": both}, format="anthropic")
        rows = await w.history(format="openai")
        assert [(r["seq"], r.get("part")) for r in rows] == [(1, None), (2, None), (3, 0), (3, 1)]
        assert [r["message"]["role"] for r in rows] == ["user", "assistant", "tool", "user"]
        page = json.loads(await w.memory.history(KEY, after=2, limit=1, format="openai"))
        assert len(page["messages"]) == 2
        assert page["next"] is None


async def test_times_and_ids_come_back() -> None:
    async with world() as w:
        await w.append(user("a"), said("b"), ids=("m1", "m2"), at=(1.5, 2.5))
        await w.append(user("c"))
        assert [(r["id"], r["at"]) for r in await w.history()] == [("m1", 1.5), ("m2", 2.5), (None, w.clock.now)]


# --- sessions and counting -------------------------------------------------------


async def test_sessions_are_listed_newest_first_and_paged() -> None:
    async with world() as w:
        for name in ("a1", "a2", "b1"):
            await w.put(Key("default", name), user="ann" if name != "a2" else None)
            w.clock.pass_(1)
        await w.append(user("hi"), key=Key("default", "a1"))

        async def names(**asked: Any) -> list[str]:
            found = await w.memory.list_sessions(
                "default", **{"prefix": "", "user": None, "after": None, "limit": 10, **asked}
            )
            return [s["session"] for s in found["sessions"]]

        assert await names() == ["a1", "b1", "a2"]
        assert await names(prefix="a") == ["a1", "a2"]
        assert await names(user="ann") == ["a1", "b1"]
        first = await w.memory.list_sessions("default", prefix="", user=None, after=None, limit=2)
        assert await names(after=first["next"]) == ["a2"]
        with pytest.raises(InvalidRequest):
            await names(after="nonsense")


async def test_counting_agrees_with_what_an_append_counts() -> None:
    messages = [user("hello there"), USE, GOT]
    async with world() as w:
        raws = request(*messages).messages
        counted = await w.memory.count(
            CountRequest(raws, system=b'"Be brief."', tools=b'[{"name":"run"}]', model="claude-x")
        )
        await w.put(system="Be brief.", tools=[{"name": "run"}])
        await w.append(*messages, format="anthropic")
        tokens = (await w.memory.get(KEY))["tokens"]
        assert counted["messages"] == [r["tokens"] for r in await w.history()]
        assert (counted["system"], counted["tools"]) == (tokens["system"], tokens["tools"])
        assert counted["tokens"] == tokens["context"]
        assert counted["estimate"] >= counted["tokens"] * 1.3
        assert (await w.memory.count(CountRequest()))["tokens"] == 0


async def test_special_tokens_in_what_a_user_says_are_text() -> None:
    async with world() as w:
        counted = await w.memory.count(CountRequest(request(user("<|endoftext|><|im_start|>")).messages))
        assert counted["tokens"] > 8
