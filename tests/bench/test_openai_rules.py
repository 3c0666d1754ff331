"""Every rule of the Chat Completions checker: one body that keeps it, one that breaks it."""

from __future__ import annotations

from typing import Any

import pytest

from memsvc.testing import violations

Json = dict[str, Any]
MARK = {"type": "ephemeral"}


def user(content: Any = "hello", **more: Any) -> Json:
    return {"role": "user", "content": content, **more}


def said(content: Any = "hi", **more: Any) -> Json:
    return {"role": "assistant", "content": content, **more}


def call(id: str = "call_1", arguments: Any = '{"q": 1}', **more: Any) -> Json:
    return {"id": id, "type": "function", "function": {"name": "look", "arguments": arguments}, **more}


def calling(*calls: Any) -> Json:
    return said(None, tool_calls=list(calls))


def tool(id: str = "call_1", content: Any = "42", **more: Any) -> Json:
    return {"role": "tool", "tool_call_id": id, "content": content, **more}


def body(*messages: Any, **more: Any) -> Json:
    return {"messages": list(messages), **more}


def text(value: Any = "hello", **more: Any) -> Json:
    return {"type": "text", "text": value, **more}


SYSTEM = {"role": "system", "content": "be brief"}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {}}}
CUSTOM = {"id": "call_1", "type": "custom", "custom": {"name": "run", "input": "ls"}}

PAIRS: dict[str, tuple[Json, Json, str]] = {
    "non-empty messages": (body(user()), body(), "messages:"),
    "message is an object": (body(user()), body("hello"), "messages: every message"),
    "more than system": (body(SYSTEM, user()), body(SYSTEM, SYSTEM), "nothing but system messages"),
    "roles": (
        body({"role": "developer", "content": "x"}, user()),
        body({"role": "model", "content": "x"}),
        "[0].role",
    ),
    "no system member": (body(SYSTEM, user()), body(user(), system="be brief"), "system:"),
    "assistant may come first": (body(said(), user()), body(said(None), user()), "messages[0].content"),
    "null only with calls": (
        body(user(), calling(call()), tool()),
        body(user(), said(None), user()),
        "messages[1].content: may be null only",
    ),
    "absent is null": (
        body(user(), {"role": "assistant", "tool_calls": [call()]}, tool()),
        body(user(), {"role": "assistant"}),
        "messages[1].content: may be null only",
    ),
    "user content present": (body(user("")), body(user(None)), "messages[0].content: is missing"),
    "tool content present": (
        body(user(), calling(call()), tool(content="")),
        body(user(), calling(call()), tool(content=None)),
        "messages[2].content: is missing",
    ),
    "content list not empty": (body(user([text()])), body(user([])), "messages[0].content: must be"),
    "content shape": (body(user("a")), body(user({"text": "a"})), "messages[0].content: must be"),
    "part is an object": (body(user([text()])), body(user(["a"])), "messages[0].content[0]: must be"),
    "text is text": (body(user([text()])), body(user([text(None)])), "messages[0].content[0].text"),
    "image shape": (body(user([IMAGE])), body(user([{**IMAGE, "image_url": "x"}])), "content[0].image_url"),
    "images are the user's": (
        body(user([IMAGE]), said()),
        body(user(), said([IMAGE])),
        "messages[1].content[0].type: no image_url in a assistant",
    ),
    "text parts in tool": (
        body(user(), calling(call()), tool(content=[text()])),
        body(user(), calling(call()), tool(content=[IMAGE])),
        "messages[2].content[0].type: no image_url",
    ),
    "refusal is the assistant's": (
        body(user(), said([{"type": "refusal", "refusal": "no"}])),
        body(user([{"type": "refusal", "refusal": "no"}])),
        "messages[0].content[0].type: no refusal",
    ),
    "no block of the other API": (
        body(user([{"type": "x_new"}])),
        body(user([{"type": "tool_result", "tool_use_id": "a"}])),
        "messages[0].content[0].type: tool_result belongs",
    ),
    "no mark on parts": (
        body(user([text()])),
        body(user([text(cache_control=MARK)])),
        "content[0].cache_control",
    ),
    "no mark on messages": (body(user()), body(user(cache_control=MARK)), "messages[0].cache_control"),
    "no mark on calls": (
        body(user(), calling(call()), tool()),
        body(user(), calling(call(cache_control=MARK)), tool()),
        "messages[1].tool_calls[0].cache_control",
    ),
    "no output key": (
        body(user(), said(refusal=None)),
        body(user(), said(annotations=[])),
        "[1].annotations",
    ),
    "no usage": (body(user(), said()), body(user(), said(usage={})), "messages[1].usage"),
    "no id": (body(user(), said(name="bot")), body(user(), said(id="chatcmpl-1")), "messages[1].id"),
    "calls are the assistant's": (
        body(user(), calling(call()), tool()),
        body(user(tool_calls=[call()]), tool()),
        "messages[0].tool_calls: only an assistant",
    ),
    "call id is the tool's": (
        body(user()),
        body(user(tool_call_id="call_1")),
        "messages[0].tool_call_id: only",
    ),
    "calls not empty": (
        body(user(), said()),
        body(user(), said(tool_calls=[])),
        "messages[1].tool_calls: must be",
    ),
    "calls not null": (
        body(user(), said()),
        body(user(), said(tool_calls=None)),
        "messages[1].tool_calls: must be",
    ),
    "call is an object": (
        body(user(), calling(CUSTOM), tool()),
        body(user(), calling("x")),
        "tool_calls[0]: must",
    ),
    "call has an id": (
        body(user(), calling(call()), tool()),
        body(user(), calling(call("")), tool("")),
        "messages[1].tool_calls[0].id: must be",
    ),
    "id of 64": (
        body(user(), calling(call("c" * 64)), tool("c" * 64)),
        body(user(), calling(call("c" * 65)), tool("c" * 65)),
        "messages[1].tool_calls[0].id: 65",
    ),
    "call type": (
        body(user(), calling(call()), tool()),
        body(user(), calling(call(type="tool_use")), tool()),
        "messages[1].tool_calls[0].type",
    ),
    "function": (
        body(user(), calling(call()), tool()),
        body(user(), calling(call(function="look")), tool()),
        "messages[1].tool_calls[0].function: must be",
    ),
    "function name": (
        body(user(), calling(call()), tool()),
        body(user(), calling(call(function={"arguments": "{}"})), tool()),
        "messages[1].tool_calls[0].function.name",
    ),
    "arguments are a string": (
        body(user(), calling(call(arguments="{}")), tool()),
        body(user(), calling(call(arguments={})), tool()),
        "function.arguments: must be a string",
    ),
    "arguments are JSON": (
        body(user(), calling(call(arguments=' {"a": [1]} ')), tool()),
        body(user(), calling(call(arguments="{a: 1}")), tool()),
        "function.arguments: must be the text of a JSON object",
    ),
    "arguments are an object": (
        body(user(), calling(call(arguments="{}")), tool()),
        body(user(), calling(call(arguments="[]")), tool()),
        "function.arguments: must be the text of a JSON object",
    ),
    "call answered": (
        body(user(), calling(call()), tool()),
        body(user(), calling(call())),
        "messages[1]: call call_1 is not answered",
    ),
    "answered right after": (
        body(user(), calling(call()), tool(), user()),
        body(user(), calling(call()), user(), tool()),
        "messages[1]: call call_1 is not answered",
    ),
    "all answered": (
        body(user(), calling(call("a"), call("b")), tool("b"), tool("a"), said()),
        body(user(), calling(call("a"), call("b")), tool("b"), said()),
        "messages[1]: call a is not answered",
    ),
    "no orphan": (body(user(), said()), body(user(), tool()), "messages[1].tool_call_id: no open call"),
    "no second answer": (
        body(user(), calling(call()), tool()),
        body(user(), calling(call()), tool(), tool()),
        "messages[3].tool_call_id: no open call",
    ),
    "ids unique": (
        body(user(), calling(call()), tool(), calling(call("b")), tool("b")),
        body(user(), calling(call()), tool(), calling(call()), tool()),
        "messages[3].tool_calls: id call_1 is there twice",
    ),
    "tools shape": (body(user(), tools=[TOOL]), body(user(), tools=[]), "tools: must be"),
    "tool has a function": (
        body(user(), tools=[TOOL]),
        body(user(), tools=[{"type": "function"}]),
        "tools[0].function",
    ),
    "tool is an object": (body(user(), tools=[TOOL]), body(user(), tools=["look"]), "tools[0]: must be"),
    "no tool of the other API": (
        body(user(), tools=[TOOL]),
        body(user(), tools=[{**TOOL, "cache_control": MARK}]),
        "tools[0].cache_control",
    ),
    "function message": (
        body(
            user(),
            said(None, function_call={"name": "f", "arguments": "{}"}),
            {"role": "function", "name": "f"},
        ),
        body(user(), {"role": "function", "content": "x"}),
        "messages[1].name",
    ),
    "serialisable": (body(user("\u0000")), body(user("\ud800")), "body: is not JSON"),
}


@pytest.mark.parametrize("rule", PAIRS)
def test_a_good_body_passes(rule: str) -> None:
    assert violations(PAIRS[rule][0], "openai") == []


@pytest.mark.parametrize("rule", PAIRS)
def test_a_bad_body_is_found_and_its_place_named(rule: str) -> None:
    _, bad, expected = PAIRS[rule]
    found = violations(bad, "openai")
    assert any(expected in line for line in found), found


def test_keys_of_other_servers_are_left_alone() -> None:
    assert violations(body(user(), said(reasoning_content="hm")), "openai") == []
