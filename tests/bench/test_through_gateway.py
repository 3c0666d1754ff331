"""Conversations held through a gateway: an honest one has no faults, and each fault is noticed."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import aiohttp
import pytest

from benchmarks import through_gateway
from benchmarks.corpus import FORMATS, Conversation, Format, Json
from benchmarks.replayed.caller import Caller, Got
from benchmarks.replayed.play import Replay, Stage, Tally
from benchmarks.replayed.talks import Talk, talk, told
from benchmarks.replayed.wire import Wire
from memsvc.testing.provider import Provider
from memsvc.testing.provider.calls import Call
from tests.edges.through import through
from tests.service.world import SMALL, words


def conversation(turns: int = 6) -> Conversation:
    messages: list[Json] = [{"role": "system", "content": "Be brief."}]
    for i in range(turns):
        messages.append({"role": "user", "content": f"question {i}: {words(30, f'q{i}x')}"})
        if i % 3 == 1:
            function = {"name": "look", "arguments": f'{{ "at": {i} }}'}
            call = {"id": f"call_{i}", "type": "function", "function": function}
            messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
            messages.append({"role": "tool", "tool_call_id": f"call_{i}", "content": f"found {i}"})
        messages.append({"role": "assistant", "content": f"answer {i}: {words(20, f'a{i}x')}"})
    return Conversation("made", tuple(json.dumps(m).encode() for m in messages))


@pytest.mark.parametrize("format", FORMATS)
def test_a_talk_is_the_conversation(format: Format) -> None:
    held = talk(conversation(), format)
    assert held.system == "Be brief."
    assert len(held.exchanges) == 8
    assert [e.calls for e in held.exchanges].count(True) == 2
    parts = [p for e in held.exchanges for p in (*told(e.said), *told(e.answer))]
    assert [p[0] for p in parts].count("result") == 2
    assert [p[1] for p in parts if p[0] == "user"] == [m["content"] for m in _said("user")]
    prefix = "toolu_1" if format == "anthropic" else "call_1"
    assert ("call", prefix, "look", '{"at": 1}') in parts


def _said(role: str) -> list[Json]:
    return [m for raw in conversation().messages if (m := json.loads(raw))["role"] == role]


@pytest.mark.parametrize("format", FORMATS)
async def test_honest_clients_have_no_faults(format: Format) -> None:
    tally = Tally()
    clients = ("full", "new", *(["wild"] if format == "openai" else []))
    async with (
        Provider() as provider,
        Wire(urlsplit(provider.url).port or 0) as wire,
        through(SMALL, upstream=wire.url, stand_in=provider) as t,
        aiohttp.ClientSession() as http,
    ):
        stage = Stage(http, t.api.url, provider, wire, tally, 100_000, settle_s=0.0)
        held = talk(conversation(), format)
        for number, client in enumerate(clients):
            await through_gateway.one(stage, client, held, number, Random(7))
            await t.world.work()
    assert tally.notes == []
    assert tally.conversations == len(clients)
    assert tally.calls >= 8 * len(clients)
    assert 0 < tally.streamed < tally.calls
    assert 0 < tally.sent <= tally.full
    row = through_gateway.figures(through_gateway.Run("set", format, "full", (), (1, 8)), tally)
    assert len(row) == len(through_gateway.HEAD)


def _replay(tally: Tally) -> Replay:
    held = Talk("made", "anthropic", None, (), ())
    stage = Stage(None, "", None, None, tally, 100)  # type: ignore[arg-type]
    return Replay(stage, held, Caller(None, "", held, "s", "claude-sonnet-5-5"), "s", Random(1), new=False)  # type: ignore[arg-type]


def _call(*texts: str, status: int = 200, **usage: int) -> Call:
    messages = [{"role": "assistant" if i % 2 else "user", "content": text} for i, text in enumerate(texts)]
    used = {"input_tokens": 9, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0, **usage}
    body = {"model": "claude-sonnet-5-5", "system": "Be brief.", "messages": messages}
    return Call(1, "anthropic", "POST", "/v1/messages", {}, body, "claude-sonnet-5-5", status, "", used)


def _got(epoch: int) -> Got:
    return Got(200, {"x-memsvc-epoch": str(epoch), "x-memsvc-tokens-saved": "0"})


@pytest.mark.parametrize(
    ("kind", "call", "epoch"),
    [
        ("invalid", _call(""), 1),
        ("invalid", _call("a", status=400), 1),
        ("over", _call("a", "b", "c", input_tokens=1000), 1),
        ("breaks", _call("a", "other", "c"), 1),
        ("breaks", _call("a", "b", "c"), 0),
        ("cold", _call("a", "b", "c"), 1),
    ],
)
def test_each_fault_of_a_request_is_noticed(kind: str, call: Call, epoch: int) -> None:
    tally = Tally()
    replay = _replay(tally)
    replay.check(_call("a", "b", cache_creation_input_tokens=7), _got(1))
    assert not tally.faults
    replay.check(call, _got(epoch))
    assert tally.faults[kind] == 1, tally.notes


@pytest.mark.parametrize(
    ("found", "kind"),
    [("abd", "lost"), ("abcdd", "doubled"), ("abdc", "lost"), ("abxd", "lost"), ("abxd", "doubled")],
)
def test_each_fault_of_a_log_is_noticed(found: str, kind: str) -> None:
    tally = Tally()
    _replay(tally).account([("user", c) for c in "abcd"], [("user", c) for c in found])
    assert tally.faults[kind] == 1
    assert "'" not in "".join(tally.notes)


def test_a_row_is_a_part_of_its_set(tmp_path: Path) -> None:
    one = {"messages": [json.loads(raw) for raw in conversation().messages]}
    (tmp_path / "conversations.jsonl").write_text("".join(json.dumps({**one, "id": i}) + "\n" for i in range(9)))
    given = ["--data", str(tmp_path), "--formats", "openai", "--client", "full", "--calls", "20"]
    [run] = through_gateway.planned(through_gateway.arguments(given))
    assert len(run.conversations) == 3
    assert run.whole == (9, 72)
