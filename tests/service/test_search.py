"""Searching the log of a session: compacted, cut off and tool output alike."""

from __future__ import annotations

import pytest

from memsvc.errors import InvalidRequest, NotFound
from memsvc.service import search
from tests.service.world import KEY, Json, World, calls, chat, result, user, world


async def find(w: World, q: str, limit: int = 10) -> list[Json]:
    found: list[Json] = (await w.memory.search(KEY, q=q, limit=limit))["results"]
    return found


async def test_a_message_is_found_whatever_became_of_it() -> None:
    async with world() as w:
        await w.append(user("the vault code is quokka-4711"), calls("c"), result("c", "exit status 17 in deploy.sh"))
        await w.append(*chat(12))
        await w.work()
        (hit,) = await find(w, "quokka-4711")
        assert (hit["seq"], hit["role"], hit["compacted"], hit["superseded"]) == (1, "user", True, False)
        assert "vault code is quokka-4711" in hit["snippet"]
        assert [h["role"] for h in await find(w, '"exit status 17"')] == ["tool"]
        await w.append(user("the platypus was seen"))
        await w.memory.truncate(KEY, 20)
        (gone,) = await find(w, "platypus")
        assert (gone["superseded"], gone["compacted"]) == (True, False)
        await w.memory.redact(KEY, 1)
        assert await find(w, "quokka") == []


async def test_limits_and_errors() -> None:
    async with world() as w:
        await w.append(*chat(12))
        reply = await w.memory.search(KEY, q="t3q t4q t5q", limit=2)
        assert (len(reply["results"]), reply["matches"], reply["from_seq"]) == (2, 3, 1)
        with pytest.raises(InvalidRequest):
            await find(w, "?!")
        with pytest.raises(NotFound):
            await w.memory.search(KEY.__class__("default", "nobody"), q="x", limit=1)


async def test_a_log_of_several_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "PAGE", 7)
    async with world() as w:
        await w.append(*chat(20))
        assert [h["seq"] for h in await find(w, '"t19a;"')] == [40]
        assert [h["seq"] for h in await find(w, '"t0q;"')] == [1]
