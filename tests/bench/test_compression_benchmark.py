"""The compression benchmark on a stand-in service: honest passes, each fault is noticed and counted."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from stand_in import StandIn

from benchmarks import compression
from benchmarks.corpus import Conversation, load
from benchmarks.play import Tally

Json = dict[str, Any]
Serve = Callable[[StandIn], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts a stand-in on a free loopback port and stops it afterwards."""
    servers: list[TestServer] = []

    async def start(service: StandIn) -> str:
        server = TestServer(service.app(), host="127.0.0.1")
        servers.append(server)
        await server.start_server()
        return str(server.make_url(""))

    yield start
    for server in servers:
        await server.close()


def conversation(turns: int = 8, system: str | None = "be brief") -> Conversation:
    messages: list[Json] = [{"role": "system", "content": system}] if system else []
    for i in range(turns):
        messages += [{"role": "user", "content": f"question {i}, and why?"}]
        messages += [{"role": "assistant", "content": f"answer {i}: because"}]
    return Conversation("talk", tuple(json.dumps(m).encode() for m in messages))


async def played(url: str, *talks: Conversation, formats: tuple[str, ...] = ("openai",)) -> list[Tally]:
    args = compression.arguments(["--data", "none", "--settle", "0"])
    runs = [compression.Run("set", f, "default", talks) for f in formats]  # type: ignore[arg-type]
    return [tally for _, tally in await compression.measure(url, args, {"default": {}}, runs)]


async def test_an_honest_service_has_no_faults(serve: Serve) -> None:
    service = StandIn()
    for tally in await played(await serve(service), conversation(), conversation(3), formats=("openai", "anthropic")):
        assert tally.notes == []
        assert (tally.conversations, tally.messages, tally.calls) == (2, 22, 11)
        assert tally.compactions > 0
        assert tally.context < tally.full
        assert len(tally.append_ms) == 22
        assert len(tally.fetch_ms) == 11
    assert service.deleted == 4


@pytest.mark.parametrize("wrong", ["invalid", "break", "budget", "lost", "mismatch"])
async def test_each_fault_is_noticed(serve: Serve, wrong: str) -> None:
    [tally] = await played(await serve(StandIn(wrong)), conversation())
    assert tally.faults[wrong] > 0, tally.faults


async def test_a_gap_between_summaries_is_a_mismatch(serve: Serve) -> None:
    [tally] = await played(await serve(StandIn("gap")), conversation())
    assert any("covers" in note for note in tally.notes)


async def test_a_service_that_does_not_compact_is_stuck(serve: Serve) -> None:
    [tally] = await played(await serve(StandIn(compact_at=1000)), conversation(20))
    assert tally.stuck > 0
    assert any("idle" in note for note in tally.notes)
    assert not any(tally.faults.values())


async def test_a_refusal_is_counted_and_the_run_goes_on(serve: Serve) -> None:
    [tally] = await played(await serve(StandIn("refuses")), conversation(), conversation())
    assert tally.faults["refused"] == 2
    assert tally.conversations == 2


async def test_a_row_has_a_figure_for_every_column(serve: Serve) -> None:
    [tally] = await played(await serve(StandIn()), conversation())
    row = compression.figures(compression.Run("set", "openai", "default", ()), tally)
    assert len(row) > len(compression.HEAD)
    assert row["calls"] == 8
    assert 0 < row["ratio"] < 1
    assert "question" not in json.dumps(row)


def test_a_policy_in_figures_replaces_the_named_ones() -> None:
    args = compression.arguments(["--data", "x", "--threshold", "3000", "--keep", "500"])
    assert compression.chosen_policies(args) == {"custom": {"threshold_tokens": 3000, "keep_tokens": 500}}
    named = compression.arguments(["--data", "x", "--policies", "tight"])
    assert list(compression.chosen_policies(named)) == ["tight"]


def test_notes_name_no_text_of_the_conversation(tmp_path: Path) -> None:
    file = tmp_path / "conversations.jsonl"
    file.write_text('{"id": "a", "messages": [{"role": "user", "content": "secret"}]}\n\n')
    assert [c.id for c in load(tmp_path)] == ["a"]
    file.write_text('{"id": "a"}\n')
    with pytest.raises(ValueError, match=r"conversations.jsonl line 1"):
        load(tmp_path)
