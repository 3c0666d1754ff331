"""Reading conversations, cutting them into appends and calls, and writing them in Anthropic's shape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import corpus
from benchmarks.corpus import Conversation, script, steps, to_anthropic
from memsvc.testing import violations

Json = dict[str, Any]


def call(id: str, arguments: str = '{"q": 1}') -> Json:
    return {"id": id, "type": "function", "function": {"name": "look", "arguments": arguments}}


TOOLED: list[Json] = [
    {"role": "user", "content": "look at both"},
    {"role": "assistant", "content": "Sure.", "tool_calls": [call("a"), call("b", "no json")]},
    {"role": "tool", "tool_call_id": "a", "content": "1"},
    {"role": "tool", "tool_call_id": "b", "content": ""},
    {"role": "assistant", "content": None, "tool_calls": [call("c")]},
    {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "3"}]},
    {"role": "assistant", "content": "done"},
]


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        ("", []),
        ("u", [(0, 1, False)]),
        ("a", [(0, 1, False)]),
        ("ua", [(0, 1, True), (1, 2, False)]),
        ("uaua", [(0, 1, True), (1, 2, False), (2, 3, True), (3, 4, False)]),
        ("uatta", [(0, 1, True), (1, 2, False), (2, 4, True), (4, 5, False)]),
        ("aau", [(0, 2, False), (2, 3, False)]),
        ("uuaau", [(0, 2, True), (2, 4, False), (4, 5, False)]),
    ],
)
def test_a_call_before_each_run_of_assistant_messages(roles: str, expected: list[tuple[int, int, bool]]) -> None:
    names = {"u": "user", "a": "assistant", "t": "tool"}
    assert steps([names[r] for r in roles]) == expected


def test_tool_calls_become_blocks_and_results_share_a_message() -> None:
    made = to_anthropic(TOOLED)
    assert [m["role"] for m in made] == ["user", "assistant", "user", "assistant", "user", "assistant"]
    assert [b["type"] for b in made[1]["content"]] == ["text", "tool_use", "tool_use"]
    assert made[1]["content"][2]["input"] == {"_raw": "no json"}
    assert [b["tool_use_id"] for b in made[2]["content"]] == ["a", "b"]
    assert violations({"messages": made}, "anthropic") == []


def test_images_and_tools_are_translated() -> None:
    url = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    data = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    [message] = to_anthropic([{"role": "user", "content": [url, data]}])
    assert [b["source"]["type"] for b in message["content"]] == ["url", "base64"]
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    made = corpus.tool_to_anthropic(tool)
    assert violations({"messages": [message], "tools": [made]}, "anthropic") == []


def raw_conversation(messages: list[Json]) -> Conversation:
    return Conversation("x", tuple(json.dumps(m).encode() for m in messages))


def test_a_leading_system_message_gets_no_seq() -> None:
    talk = raw_conversation([{"role": "system", "content": "s"}, *TOOLED])
    as_openai, as_anthropic = script(talk, "openai"), script(talk, "anthropic")
    assert as_openai.leading == talk.messages[:1]
    assert as_openai.messages == list(talk.messages[1:])
    assert as_openai.put_system is None
    assert as_anthropic.put_system == "s"
    assert len(as_anthropic.messages) == 6


def test_the_bytes_on_disk_are_the_bytes_sent(tmp_path: Path) -> None:
    raw = '{"role":"user",  "content":"caf\\u00e9 1.50","n":1e2}'
    (tmp_path / "one.jsonl").write_text(f'{{"messages": [{raw}]}}\n')
    [talk] = corpus.load(tmp_path / "one.jsonl")
    assert script(talk, "openai").messages == [raw.encode()]
    assert talk.id == "1"


def test_a_limit_and_the_name_of_a_set(tmp_path: Path) -> None:
    folder = tmp_path / "chats"
    folder.mkdir()
    file = folder / "conversations.jsonl"
    file.write_text('{"id": 7, "messages": []}\n' * 3)
    assert [c.id for c in corpus.load(folder, 2)] == ["7", "7"]
    assert corpus.set_name(folder) == corpus.set_name(file) == "chats"
    assert corpus.set_name(tmp_path / "one.jsonl") == "one"


def test_tools_as_json_text_and_as_bare_functions(tmp_path: Path) -> None:
    wrapped = {"type": "function", "function": {"name": "look"}}
    lines = [{"messages": [], "tools": t} for t in ([wrapped], '[{"name": "look"}]', "", None)]
    (tmp_path / "t.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    assert [list(c.tools) for c in corpus.load(tmp_path / "t.jsonl")] == [[wrapped], [wrapped], [], []]


def test_the_last_user_text_skips_results() -> None:
    talk = raw_conversation(TOOLED)
    assert script(talk, "anthropic").last_user[-1] == "look at both"
    assert script(talk, "openai").last_user[-1] == "look at both"
    assert script(raw_conversation([{"role": "assistant", "content": "hi"}]), "openai").last_user == (None,)
