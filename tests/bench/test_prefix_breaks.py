"""`prefix_breaks` finds the first change before the end, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from memsvc.testing import prefix_breaks

Json = dict[str, Any]
MARK = {"type": "ephemeral"}


def text(value: str, **more: Any) -> Json:
    return {"type": "text", "text": value, **more}


def body(*contents: Any, **more: Any) -> Json:
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[i % 2], "content": c} for i, c in enumerate(contents)], **more}


def test_growing_at_the_end_is_no_break() -> None:
    assert prefix_breaks(body("a", "b"), body("a", "b", "c")) is None
    assert prefix_breaks(body("a"), body("a")) is None


def test_a_string_equals_one_text_block() -> None:
    assert prefix_breaks(body("a", "b"), body([text("a")], [text("b")], "c")) is None


def test_marks_do_not_count() -> None:
    before = body([text("a", cache_control=MARK)], tools=[{"name": "t", "cache_control": MARK}])
    after = body([text("a")], [text("b", cache_control=MARK)], tools=[{"name": "t"}])
    assert prefix_breaks(before, after) is None
    part = {**text("a"), "prompt_cache_breakpoint": {"mode": "explicit"}}
    assert prefix_breaks(body([part]), body("a", "b")) is None


def test_a_mark_named_key_inside_tool_input_counts() -> None:
    before = body([{"type": "tool_use", "id": "1", "input": {"cache_control": 1}}])
    after = body([{"type": "tool_use", "id": "1", "input": {}}])
    assert prefix_breaks(before, after) is not None


@pytest.mark.parametrize(
    ("before", "after", "place"),
    [
        (body("a", "b"), body("a", "x", "c"), "messages[1].content[0]: differs"),
        (body("a", "b"), body("a"), "messages[1]: is gone"),
        (body([text("a"), text("b")]), body([text("a")], "c"), "messages[0].content[1]: is gone"),
        (body([text("a")], "b"), body([text("a"), text("x")], "b"), "messages[0].content[1]: was not there"),
        (body("a", system="s"), body("a", system="t"), "system[0]: differs"),
        (body("a", system="s"), body("a"), "system[0]: is gone"),
        (body("a"), body("a", system="s"), "system[0]: was not there"),
        (body("a", tools=[{"name": "t"}]), body("a", tools=[{"name": "u"}]), "tools[0]: differs"),
        (
            body("a", tools=[{"name": "t"}]),
            body("a", tools=[{"name": "t"}, {"name": "u"}]),
            "tools[1]: was not",
        ),
        (body("a"), {"messages": [{"role": "assistant", "content": "a"}]}, "messages[0]: differs"),
        (
            body([{"type": "tool_use", "input": {"a": 1, "b": 2}}]),
            body([{"type": "tool_use", "input": {"b": 2, "a": 1}}]),
            "messages[0].content[0]: differs",
        ),
    ],
)
def test_a_break_is_named(before: Json, after: Json, place: str) -> None:
    assert str(prefix_breaks(before, after)).startswith(place)


def test_the_last_message_may_grow_at_its_end() -> None:
    assert prefix_breaks(body("a", [text("b")]), body("a", [text("b"), text("c")], "d")) is None


def test_only_the_stable_messages_are_held() -> None:
    before = body("a", "b", "open", stable_prefix={"messages": 2, "tokens": 9})
    assert prefix_breaks(before, body("a", "b", "closed", "c")) is None
    assert prefix_breaks(before, body("a", "x", "closed", "c")) == "messages[1].content[0]: differs at character 26"


def test_tools_and_system_are_held_even_with_nothing_stable() -> None:
    before = body("a", system="s", stable_prefix={"messages": 0})
    assert prefix_breaks(before, body("x", system="s")) is None
    assert prefix_breaks(before, body("x", system="t")) is not None


def test_a_stable_prefix_longer_than_the_body_is_a_break() -> None:
    before = body("a", stable_prefix={"messages": 2})
    assert str(prefix_breaks(before, body("a", "b"))).startswith("stable_prefix")


def test_openai_members_besides_content_count() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    before = {"messages": [{"role": "assistant", "content": None, "tool_calls": [call]}]}
    after = {"messages": [{"role": "assistant", "content": None, "tool_calls": [{**call, "id": "d"}]}]}
    assert prefix_breaks(before, before) is None
    assert str(prefix_breaks(before, after)).startswith("messages[0]: differs")
