"""Every rule of the Responses API checker: one body that keeps it, one that breaks it."""

from __future__ import annotations

from typing import Any

import pytest

from memsvc.testing import prefix_breaks, violations

Json = dict[str, Any]


def user(content: Any = "hello", **more: Any) -> Json:
    return {"type": "message", "role": "user", "content": content, **more}


def said(content: Any = "hi", **more: Any) -> Json:
    return {"role": "assistant", "content": content, **more}


def call(name: str = "call_1", arguments: Any = '{"q": 1}', **more: Any) -> Json:
    return {"type": "function_call", "call_id": name, "name": "look", "arguments": arguments, **more}


def output(name: str = "call_1", value: Any = "42", **more: Any) -> Json:
    return {"type": "function_call_output", "call_id": name, "output": value, **more}


def thought(name: str = "rs_1", **more: Any) -> Json:
    return {"type": "reasoning", "id": name, "summary": [], **more}


def text(value: Any = "hello", **more: Any) -> Json:
    return {"type": "input_text", "text": value, **more}


def told(value: Any = "hi", **more: Any) -> Json:
    return {"type": "output_text", "text": value, **more}


def body(*items: Any, **more: Any) -> Json:
    return {"input": list(items), **more}


DEVELOPER = {"role": "developer", "content": "be brief"}
IMAGE = {"type": "input_image", "image_url": "https://example.org/a.png", "detail": "auto"}
TOOL = {"type": "function", "name": "look", "parameters": {}, "strict": False}
MARK = {"prompt_cache_breakpoint": {"mode": "explicit"}}
SHELL = {"type": "shell_call", "call_id": "call_1", "action": {"commands": ["ls"]}}

PAIRS: dict[str, tuple[Json, Json, str]] = {
    "non-empty input": (body(user()), body(), "input: must be"),
    "items are objects": (body(user()), body("hello"), "input: every item"),
    "more than instructions": (body(DEVELOPER, user()), body(DEVELOPER), "nothing but instructions"),
    "no system member": (body(user()), body(user(), system="x"), "system:"),
    "item has a type": (body(user()), body(user(), {"type": 1}), "input[1].type"),
    "roles": (body(user(role="system"), user()), body(user(role="tool")), "[0].role"),
    "blank string": (body(user("x")), body(user(" ")), "[0].content: is blank"),
    "content is there": (body(user([text()])), body(user(None)), "[0].content: must be"),
    "content is not empty": (body(user([IMAGE])), body(user([])), "[0].content: must be"),
    "part is an object": (body(user([text()])), body(user(["x"])), "content[0]: must be an object"),
    "user parts": (body(user([text(), IMAGE])), body(user([told()])), "no output_text here"),
    "assistant parts": (
        body(user(), said([told(annotations=[]), {"type": "refusal", "refusal": "no"}])),
        body(user(), said([text()])),
        "no input_text here",
    ),
    "parts of this API": (body(user([text()])), body(user([{"type": "text", "text": "x"}])), "no text here"),
    "blank part": (body(user([text()])), body(user([text("\n")])), "content[0]: is blank"),
    "text is a string": (body(user([text()])), body(user([text(None)])), "must have a string"),
    "marks": (body(user([text(**MARK)])), body(user(), said([told(**MARK)])), "prompt_cache_breakpoint"),
    "marks of another API": (body(user()), body(user(cache_control={})), "[0].cache_control"),
    "marks of another API in a part": (body(user([text()])), body(user([text(cache_control={})])), "cache_control"),
    "image url": (body(user([IMAGE])), body(user([IMAGE | {"image_url": {"url": "x"}}])), "image_url: must be"),
    "user messages have no id": (body(user(), said(id="msg_1")), body(user(id="msg_1")), "[0].id"),
    "status": (body(user(), said(status="completed")), body(user(), said(status=None)), "[1].status"),
    "no members of Chat Completions": (body(user(), said()), body(user(), said(tool_calls=[])), "tool_calls"),
    "call id": (body(call(), output()), body(call(""), output("")), "call_id: must be"),
    "call id's length": (body(call("x" * 64), output("x" * 64)), body(call("x" * 65), output("x" * 65)), "65 char"),
    "unique calls": (body(call(), output(), call("b"), output("b")), body(call(), output(), call(), output()), "twice"),
    "name": (body(call(), output()), body(call(name="look") | {"name": ""}, output()), ".name"),
    "arguments": (body(call(), output()), body(call(arguments="[]"), output()), ".arguments: must be the text"),
    "arguments are text": (body(call(), output()), body(call(arguments={}), output()), ".arguments: must be a string"),
    "custom input": (
        body(
            {"type": "custom_tool_call", "call_id": "a", "name": "f", "input": "x"},
            {"type": "custom_tool_call_output", "call_id": "a", "output": "x"},
        ),
        body(
            {"type": "custom_tool_call", "call_id": "a", "name": "f"},
            {"type": "custom_tool_call_output", "call_id": "a", "output": "x"},
        ),
        ".input",
    ),
    "output": (body(call(), output(value="")), body(call(), output(value=None)), "[1].output"),
    "output parts": (
        body(call(), output(value=[text(), IMAGE])),
        body(call(), output(value=[told()])),
        "no output_text",
    ),
    "every call is answered": (body(call(), output()), body(user(), call()), "no tool output found"),
    "every output has its call": (body(call(), output()), body(user(), output()), "no tool call found"),
    "an output comes after": (body(call(), output()), body(output(), call()), "no tool call found"),
    "one output": (body(call(), output()), body(call(), output(), output()), "no tool call found"),
    "output of its kind": (
        body(SHELL, {"type": "shell_call_output", "call_id": "call_1", "output": []}),
        body(SHELL, output()),
        "does not answer a shell_call",
    ),
    "shell output": (
        body(SHELL, {"type": "shell_call_output", "call_id": "call_1", "output": []}),
        body(SHELL, {"type": "shell_call_output", "call_id": "call_1", "output": "x"}),
        "[1].output",
    ),
    "a reference may be a call": (body({"id": "fc_1"}, output()), body(output(), {"id": "fc_1"}), "no tool call found"),
    "reasoning is followed": (body(user(), thought(), said()), body(user(), thought(), user()), "following item"),
    "reasoning is not last": (body(user(), thought(), call(), output()), body(user(), thought()), "following item"),
    "reasoning before an output": (
        body(call(), output(), thought(), said()),
        body(call(), thought(), output()),
        "following item",
    ),
    "summary": (body(user(), thought(), said()), body(user(), {"type": "reasoning"}, said()), ".summary"),
    "unique items": (body(thought(), said(id="m")), body(thought("m"), said(id="m")), "duplicate item m"),
    "item id": (body(user(), said(id="m")), body(user(), said(id="")), "[1].id"),
    "compaction": (
        body({"type": "compaction", "encrypted_content": "x"}),
        body({"type": "compaction"}),
        "encrypted_content",
    ),
    "trigger": (
        body(user(), {"type": "compaction_trigger"}),
        body({"type": "compaction_trigger"}, user()),
        "must be the last item",
    ),
    "approval": (
        body(
            {"type": "mcp_approval_request", "id": "a", "name": "f"},
            {"type": "mcp_approval_response", "approval_request_id": "a", "approve": True},
        ),
        body({"type": "mcp_approval_response", "approval_request_id": "a", "approve": True}),
        "no such request",
    ),
    "tools": (body(user(), tools=[TOOL, {"type": "web_search"}]), body(user(), tools={}), "tools: must be"),
    "no tools": (body(user(), tools=[]), body(user(), tools="none"), "tools: must be"),
    "tool name": (body(user(), tools=[TOOL]), body(user(), tools=[{"type": "function"}]), "tools[0].name"),
    "flat tools": (body(user(), tools=[TOOL]), body(user(), tools=[TOOL | {"function": {}}]), "flat"),
    "tool of another API": (body(user(), tools=[TOOL]), body(user(), tools=[TOOL | {"input_schema": {}}]), "input_sch"),
    "serialisable": (body(user("\u0000")), body(user("\ud800")), "body: is not JSON"),
}


@pytest.mark.parametrize("rule", PAIRS)
def test_a_good_body_passes(rule: str) -> None:
    assert violations(PAIRS[rule][0], "responses") == []


@pytest.mark.parametrize("rule", PAIRS)
def test_a_bad_body_is_found_and_its_place_named(rule: str) -> None:
    _, bad, expected = PAIRS[rule]
    found = violations(bad, "responses")
    assert any(expected in line for line in found), found


def test_items_nobody_knows_are_left_alone() -> None:
    assert violations(body({"type": "hologram", "x": [{"type": "text"}]}), "responses") == []


def test_the_list_may_be_called_messages() -> None:
    assert violations({"messages": [user()]}, "responses") == []


def test_a_prefix_of_items() -> None:
    before = body(DEVELOPER, user([text()]), thought(), call(), output())
    after = body(*before["input"], said([told()]))
    assert prefix_breaks(before, after) is None
    assert prefix_breaks(before, body(*after["input"][:2], call(), output())) == "messages[2]: differs at character 10"
    assert prefix_breaks(before, body(DEVELOPER)) == "messages[1]: is gone"
    marked = body(DEVELOPER, user([text(**MARK)]), *after["input"][2:])
    assert prefix_breaks(before, marked) is None
