"""The replay of conversations as clients that resend all of it: it finds nothing wrong, and what is wrong it finds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import resend_replay
from benchmarks.corpus import FORMATS, Conversation, script
from benchmarks.resend_replay import _faults, held, opened, play, turns
from memsvc.core.alike import fingerprint
from memsvc.core.model import Key
from memsvc.service.lines import Lines
from tests.service.world import the_counter

Json = dict[str, Any]


def call(id: str) -> Json:
    return {"id": id, "type": "function", "function": {"name": "look", "arguments": '{"q": 1}'}}


TALK: list[Json] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "look at both"},
    {"role": "assistant", "content": "Sure.", "tool_calls": [call("a"), call("b")]},
    {"role": "tool", "tool_call_id": "a", "content": "1"},
    {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "2"}]},
    {"role": "assistant", "content": None, "tool_calls": [call("c")]},
    {"role": "tool", "tool_call_id": "c", "content": "3"},
    {"role": "assistant", "content": "done"},
    *[m for _ in range(4) for m in ({"role": "user", "content": "again"}, {"role": "assistant", "content": "done"})],
    {"role": "user", "content": "thanks"},
]
CONVERSATION = Conversation("one", tuple(json.dumps(m).encode() for m in TALK))


@pytest.mark.parametrize("format", FORMATS)
async def test_nothing_is_wrong(format: resend_replay.Format) -> None:
    played = await play([CONVERSATION] * 2, format, the_counter(), restart=2)
    assert played.faults == []
    assert played.conversations == 2
    assert played.requests == len(played.take_us) == 2 * 8
    assert played.stored == 2 * len(script(CONVERSATION, format).messages)
    assert played.sent > 3 * played.stored


@pytest.mark.parametrize("format", FORMATS)
def test_the_client_holds_other_bytes_that_say_the_same(format: resend_replay.Format) -> None:
    spoken = script(CONVERSATION, format)
    for raw in spoken.messages:
        again = [held(raw, format, number) for number in range(12)]
        assert len(set(again)) > 3
        assert {fingerprint(format, one) for one in again} == {fingerprint(format, raw)}
    assert [len(said) for said, _ in turns(spoken)][-1] == len(spoken.messages)


async def test_what_is_wrong_is_found() -> None:
    async with opened(the_counter()) as (memory, store, _):
        lines, key = Lines(memory, store), Key("default", "s")
        raws = script(CONVERSATION, "openai").messages
        await lines.take(key, "openai", raws)
        assert await _faults(lines, store, key, raws) == []
        assert len(await _faults(lines, store, key, raws[1:])) == 1
        await lines.take(key, "openai", raws[:-1])
        assert len(await _faults(lines, store, key, raws)) == 1


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "talk.jsonl"
    file.write_text(json.dumps({"id": "one", "messages": TALK}) + "\n")
    assert resend_replay.main([str(file), "--format", "openai", "--window", "4"]) == 0
    assert "| talk | openai | 1 | 8 |" in capsys.readouterr().out
