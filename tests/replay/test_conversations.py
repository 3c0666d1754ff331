"""Transcripts in, conversations out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from memsvc.replay.conversations import BEGIN, STEP_S, BadTranscript, Conversation, read

HI, HO = {"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}


def given(folder: Path, *lines: Any) -> list[Conversation]:
    file = folder / "chats.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    return read(file)


def test_one_conversation_a_line(tmp_path: Path) -> None:
    first = {"id": "a", "messages": [HI, HO], "at": [5, 7.5], "system": "s", "tools": [{"name": "t"}, '{"name": "u"}']}
    first["format"] = "anthropic"
    found = given(tmp_path, first, {"messages": [HI]})
    assert found[0] == Conversation("a", (HI, HO), (5.0, 7.5), "anthropic", "s", [{"name": "t"}, {"name": "u"}], None)
    assert (found[1].id, found[1].at, found[1].format) == ("chats-2", (BEGIN,), "openai")


def test_a_dump_of_messages_over_many_lines(tmp_path: Path) -> None:
    file = tmp_path / "dump.json"
    file.write_text(json.dumps([{"role": "system", "content": "be brief"}, HI, HO], indent=2), encoding="utf-8")
    (found,) = read(file)
    assert (found.system, found.messages, found.at) == ("be brief", (HI, HO), (BEGIN, BEGIN + STEP_S))


def test_times_never_go_back_and_those_of_a_system_message_are_left_out(tmp_path: Path) -> None:
    (found,) = given(tmp_path, {"messages": [{"role": "system", "content": "s"}, HI, HO], "at": [1, 9, 4]})
    assert found.at == (9.0, 9.0)


@pytest.mark.parametrize(
    ("message", "format"),
    [
        ({"role": "tool", "tool_call_id": "c", "content": "x"}, "openai"),
        ({"role": "assistant", "content": None, "tool_calls": [{}]}, "openai"),
        ({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "x"}]}, "anthropic"),
        ({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}, "responses"),
    ],
)
def test_the_format_is_guessed_from_what_only_one_has(tmp_path: Path, message: Any, format: str) -> None:
    assert given(tmp_path, {"messages": [HI, message]})[0].format == format


def event(kind: str, content: Any, at: str, **more: Any) -> dict[str, Any]:
    message = {"role": kind, "content": content, **more}
    return {"type": kind, "sessionId": "cc", "timestamp": at, "message": message, "uuid": at}


def test_the_log_of_claude_code_is_put_together(tmp_path: Path) -> None:
    text = {"type": "text", "text": "I look"}
    use = {"type": "tool_use", "id": "t", "name": "Bash", "input": {"c": "ls"}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": "a b"}
    (found,) = given(
        tmp_path,
        {"type": "summary", "sessionId": "cc", "summary": "x"},
        event("user", "list it", "2026-01-01T00:00:00Z"),
        event("assistant", [text], "2026-01-01T00:00:02Z", id="msg_1", model="claude-opus-5-5"),
        event("assistant", [use], "2026-01-01T00:00:03Z", id="msg_1", model="claude-opus-5-5"),
        {**event("assistant", "a helper's", "2026-01-01T00:00:03Z"), "isSidechain": True},
        event("user", [result], "2026-01-01T00:00:04Z"),
        event("assistant", [{"type": "text", "text": "done"}], "2026-01-01T00:00:06Z", id="msg_2"),
    )
    assert (found.id, found.format, found.model) == ("cc", "anthropic", "claude-opus-5-5")
    done = {"type": "text", "text": "done"}
    assert [m["content"] for m in found.messages] == ["list it", [text, use], [result], [done]]
    assert [t - found.at[0] for t in found.at] == [0.0, 2.0, 4.0, 6.0]
    assert found.calls() == [1, 3]


def test_a_call_is_made_before_each_reply_that_follows_no_other(tmp_path: Path) -> None:
    (found,) = given(tmp_path, {"messages": [HO, HI, HO, HO, HI, HO]})
    assert found.calls() == [2, 5]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "is empty"),
        ('{"messages": [1]}', "line 1 has no list `messages`"),
        ('{"id": 1}\n{"id": 2}', "line 1 has no list `messages`"),
        ('{"messages": []}\n{oh}', "line 2 is no JSON"),
        ('{"messages": [{"role": "user", "content": "x"}], "at": []}', "`at` must have a number"),
        ('"a text"', "line 1 has no list"),
        ('{"messages": [], "tools": ["oh"]}', "`tools` must be a list of objects"),
        ('{"messages": [], "tools": 5}', "`tools` must be a list of objects"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(tmp_path: Path, text: str, what: str) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadTranscript, match=what):
        read(file)
