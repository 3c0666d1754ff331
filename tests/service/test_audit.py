"""What summaries say, where it comes from, and what they leave out."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from memsvc.core.asking import HEADINGS, Reply, SummaryRequest
from memsvc.errors import NotFound
from memsvc.llm import LocalSummarizer
from memsvc.service import audit
from tests.service.world import KEY, SMALL, Json, World, calls, chat, result, said, the_counter, user, words, world


async def told(w: World, **page: Any) -> list[Json]:
    found: list[Json] = (await w.memory.summaries(KEY, **{"after": 0, "limit": 100, **page}, statements=True))[
        "summaries"
    ]
    return found


async def check(w: World, summary: Json) -> None:
    """What is told of a summary agrees with the log, counted anew."""
    named = {seq for s in summary["statements"] for seq in s["sources"]}
    live = [r for r in await w.history() if r["seq"] <= summary["to"] and not r["superseded"]]
    left = [r for r in live if r["seq"] not in named]
    out = summary["left_out"]
    assert (out["messages"], out["tokens"]) == (len(left), sum(r["tokens"] for r in left))
    inside = [r["seq"] for r in live if any(a <= r["seq"] <= b for a, b in out["ranges"])]
    assert inside == [r["seq"] for r in left]
    assert {seq for s in summary["statements"] if s["named"] for seq in s["sources"]} == set(summary["sources"])


async def test_every_statement_has_its_messages_and_what_is_left_out_is_counted() -> None:
    async with world() as w:
        await w.append(
            user("Never use tabs. The code is in src/app/main.py."), calls("c"), result("c", "exit status 17: E4711-x")
        )
        await w.memory.pin(KEY, 1)
        for n in range(3):
            await w.append(*chat(12, tag=f"r{n}t"))
            await w.work()
        found = await told(w)
        assert [s["epoch"] for s in found] == [1, 2, 3]
        for summary in found:
            await check(w, summary)
            assert summary["left_out"]["from"] == 1
            assert [s["sources"] for s in summary["statements"] if s["section"].startswith("Pinned")] == [[1]]
        texts = {r["seq"]: r["message"].get("content") or "" for r in await w.history()}
        for s in found[-1]["statements"]:
            if s["section"] == "Artifacts and identifiers":
                assert s["named"]
                assert s["sources"] == [max(n for n, t in texts.items() if s["text"] in t and n <= found[-1]["to"])]
        assert "statements" not in (await w.summaries())[0]


async def test_superseded_messages_are_not_left_out() -> None:
    async with world() as w:
        await w.append(*chat(12))
        await w.work()
        cut = (await w.summaries())[0]["to"]
        await w.memory.truncate(KEY, cut + 1)
        await w.append(*chat(12, tag="n"))
        await w.compact(force=True)
        found = await told(w)
        assert len(found) >= 2
        for summary in found:
            await check(w, summary)


class Model:
    """A model that names a source for one of its points only."""

    name = "test:model"

    async def summarize(self, request: SummaryRequest) -> Reply:
        points = [
            "- [1 user] they plan a trip",
            "- None",
            "- The trip goes to Porto by the slow overnight train",
            "- x",
        ]
        body = "\n".join(f"### {name}\n{point}" for name, point in zip(HEADINGS, [*points, "", "", ""], strict=True))
        return Reply(body, "model-1", written=True)


async def test_points_without_a_number_are_looked_for() -> None:
    roomy = replace(SMALL, summary_tokens=300, threshold_tokens=1_000)
    async with world(summarizers=[Model(), LocalSummarizer(the_counter().count)], policy=roomy) as w:
        await w.append(user("A trip?"), said("The slow overnight train goes to Porto."), user(words(700)), said("ok"))
        await w.append(*chat(6))
        await w.work()
        (found,) = await told(w)
        rows = {s["text"]: (s["section"], s["sources"], s["named"]) for s in found["statements"]}
        assert found["model"] == "model-1"
        assert rows["they plan a trip"] == ("Intent", [1], True)
        assert rows["The trip goes to Porto by the slow overnight train"] == ("Decisions", [2], False)
        assert rows["x"][1] == []
        await check(w, found)


async def test_pages_are_small() -> None:
    async with world() as w:
        assert audit.MOST_SUMMARIES == 20
        for n in range(22):
            await w.append(*chat(4, tokens=90, tag=f"r{n}t"))
            await w.compact(force=True)
        page = await w.memory.summaries(KEY, after=0, limit=1000, statements=True)
        assert len(page["summaries"]) == 20
        rest = await told(w, after=page["next"])
        for summary in (*page["summaries"], *rest):
            await check(w, summary)
        with pytest.raises(NotFound):
            await w.memory.summaries(type(KEY)("default", "none"), after=0, limit=1, statements=True)
