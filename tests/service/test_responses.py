"""Sessions of the Responses API: from its items to `input`, through a compaction and back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from memsvc.errors import InvalidRequest
from memsvc.testing import prefix_breaks, violations
from tests.service.audit import check, check_log
from tests.service.world import KEY, Json, World, request, user, words, world

DEVELOPER: Json = {"role": "developer", "content": [{"type": "input_text", "text": "Be brief."}]}


def step(n: int) -> list[Json]:
    """A question, and a reply with two calls, each made of several items."""
    ids = [f"call_{n}a", f"call_{n}b"]
    calls = [{"type": "function_call", "call_id": i, "id": f"fc_{i}", "name": "run", "arguments": "{}"} for i in ids]
    outputs = [{"type": "function_call_output", "call_id": i, "output": words(20, f"r{n}x")} for i in ids]
    said = [{"type": "output_text", "text": f"t{n}a; {words(30)}", "annotations": []}]
    return [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": f"t{n}q; {words(30)}"}]},
        {"type": "reasoning", "id": f"rs_{n}a", "summary": [], "encrypted_content": "gAAA="},
        *calls,
        *outputs,
        {"type": "reasoning", "id": f"rs_{n}b", "summary": [], "encrypted_content": "gAAA="},
        {"type": "message", "id": f"msg_{n}", "role": "assistant", "content": said},
    ]


async def fetched(w: World) -> Json:
    context: Json = await w.context(format="responses")
    assert context["input"] == context["messages"]
    assert violations(context, "responses") == []
    return context


async def test_items_tell_their_format_and_the_session_keeps_it() -> None:
    async with world() as w:
        await w.append(DEVELOPER, *step(1))
        session = await w.memory.get(KEY)
        assert (session["format"], session["messages"]) == ("responses", 8)
        context = await w.context()
        assert context["format"] == "responses"
        assert context["input"][0] == {"type": "message", **DEVELOPER}
        assert context["input"][1:] == step(1)


async def test_a_session_of_items_across_compactions() -> None:
    async with world() as w:
        written = []
        earlier: Any = None
        for n in range(30):
            for item in step(n):  # one append each: replies come in piece by piece
                written.append(json.dumps(item).encode())
                await w.append(item, format="responses")
                context = await fetched(w)
                if earlier is not None and earlier["epoch"] == context["epoch"]:
                    assert prefix_breaks(earlier, context) is None
                earlier = context
            await w.work()
        assert earlier["epoch"] > 2
        kept = earlier["input"][1:]
        assert kept == [json.loads(raw) for raw in written[-len(kept) :]], "kept turns as they were written"
        await check(w, written)


@pytest.mark.parametrize("other", ["openai", "anthropic"])
async def test_history_of_items_in_another_format(other: Any) -> None:
    async with world() as w:
        await w.append(*step(1), format="responses")
        rows = await w.history(format=other)
        assert [r["seq"] for r in rows] == list(range(1, 9))
        assert {r["format"] for r in rows} == {other}
        await check_log(w, [json.dumps(i).encode() for i in step(1)])


async def test_one_conversation_in_all_formats() -> None:
    async with world() as w:
        await w.append(user("t1q; hello"), format="openai")
        await w.append(*step(2), format="responses")
        await w.append({"role": "user", "content": [{"type": "text", "text": "t3q; and?"}]}, format="anthropic")
        context = await fetched(w)
        assert context["input"][0]["content"] == "t1q; hello"
        assert context["input"][1:-1] == step(2)
        for other in ("openai", "anthropic"):
            assert violations(await w.context(format=other), other) == []  # type: ignore[arg-type]


async def test_a_bad_item_is_named() -> None:
    async with world() as w:
        with pytest.raises(InvalidRequest) as refused:
            await w.memory.append(KEY, request(user("x"), {"type": "function_call", "name": "f"}, format="responses"))
        assert refused.value.extra["field"] == "messages[1].call_id"
