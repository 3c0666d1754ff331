"""Summaries by the tier that a conversation asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from memsvc.cli import main
from memsvc.core.route import Tier
from memsvc.llm import LocalSummarizer
from memsvc.observe import Compacted, Event
from memsvc.ports import Summarizer
from memsvc.service import Memory
from memsvc.service.routing import Writers
from memsvc.stores.sqlite import SQLiteStore
from memsvc.worker import Worker
from tests.service.world import (
    SMALL,
    Clock,
    Failing,
    Json,
    Saying,
    World,
    calls,
    chat,
    result,
    said,
    the_counter,
    user,
    words,
)

GOOD = "[1 user] asked about the deployment of the billing service and was told how it is done."


async def routed(*messages: Json, tiers: dict[Tier, list[Summarizer]]) -> tuple[str, str | None]:
    """Who wrote the summary of a conversation, and the score behind it."""
    store = SQLiteStore(":memory:")
    await store.open()
    clock, events, counter = Clock(), list[Event](), the_counter()
    local = LocalSummarizer(counter.count)
    memory = Memory(store, counter, Writers([local], tiers), defaults=SMALL, clock=clock, sink=events.append)
    world = World(store, memory, Worker(store, memory.compactor, clock=clock, sink=events.append), clock)
    await world.append(*messages)
    assert (await world.compact(force=True))[1]["changed"]
    (made,) = [e for e in events if isinstance(e, Compacted)]
    await memory.drain(1.0)
    await store.close()
    return made.model, made.routed


def agent(rounds: int) -> list[Json]:
    """Code that is run and looked at."""
    out: list[Json] = [user("please fix the failing test in tests/test_billing.py")]
    for n in range(rounds):
        out += [calls(f"c{n}"), result(f"c{n}", f"Traceback (most recent call last):\n{words(40, f'r{n}x')}")]
    return [*out, said("it passes now"), user("thanks, what else is there?")]


def tiers() -> dict[Tier, list[Summarizer]]:
    return {name: [Saying(GOOD, name=name)] for name in ("nano", "standard", "pro")}  # type: ignore[misc]


async def test_plain_talk_goes_to_the_cheapest_and_an_agents_code_to_the_next() -> None:
    assert await routed(*chat(12), tiers=tiers()) == ("nano", "nano (summary 0.3 + length 0.05 = 0.35)")
    assert await routed(*agent(20), tiers=tiers()) == (
        "standard",
        "standard (summary 0.3 + length 0.05 + code 0.15 + tools 0.1 = 0.6)",
    )


async def test_who_fails_is_followed_by_a_cheaper_one_never_by_a_dearer() -> None:
    named = tiers()
    named["standard"] = [Failing()]
    assert (await routed(*agent(20), tiers=named))[0] == "nano"
    named["nano"] = [Failing()]
    assert (await routed(*agent(20), tiers=named))[0] == "local"
    assert (await routed(*chat(12), tiers=named))[0] == "local"


async def test_without_tiers_nothing_is_scored() -> None:
    assert (await routed(*chat(12), tiers={}))[1] is None


def test_the_command_shows_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEMSVC_MODELS_PRO", "anthropic")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    (tmp_path / "ask.txt").write_text("Design a system for billing; what are the trade-offs?")
    assert main(["route", "ask.txt"]) == 0
    shown = capsys.readouterr().out
    assert "architecture    0.90" in shown
    assert "pro (nano from 0, standard from 0.4, pro from 0.8)" in shown
    assert "anthropic" in shown
    assert main(["route", "missing.txt"]) == 1
