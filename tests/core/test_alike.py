"""Fingerprints: what vendors' clients call the same message is the same, whatever they made of it on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from anthropic.types import Message
from openai.types.chat import ChatCompletion
from openai.types.responses import Response

from memsvc.core.alike import SIZE, fingerprint, has_answer, speakers
from memsvc.core.model import Format

Json = dict[str, Any]
TOOL_INPUT = {"city": "Zürich", "n": 1.0, "deep": {"b": [1, 2.5, None], "a": None}}


def of(format: Format, message: Json) -> bytes:
    return fingerprint(format, json.dumps(message).encode())


def user(content: Any, **more: Any) -> Json:
    return {"role": "user", "content": content, **more}


def assistant(content: Any, **more: Any) -> Json:
    return {"role": "assistant", "content": content, **more}


def text(text: str, **more: Any) -> Json:
    return {"type": "text", "text": text, **more}


USE = {"type": "tool_use", "id": "toolu_1", "name": "get", "input": TOOL_INPUT}
CALL = {"id": "toolu_1", "type": "function", "function": {"name": "get", "arguments": json.dumps(TOOL_INPUT)}}
ITEM = {"type": "function_call", "call_id": "toolu_1", "name": "get", "arguments": json.dumps(TOOL_INPUT, indent=1)}
MARK = {"cache_control": {"type": "ephemeral"}}
SEARCH = {"type": "web_search_call", "action": {"type": "search", "query": "q"}}
PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
URL = "data:image/png;base64,iVBORw0KGgo="

SAME: dict[str, list[tuple[Format, Json]]] = {
    "text or blocks": [
        ("anthropic", user("hi")),
        ("anthropic", user([text("hi")])),
        ("anthropic", user([text("hi", **MARK)])),
        ("anthropic", user([text("h"), text("i"), text(" \n")])),
        ("openai", user("hi")),
        ("openai", user([text("hi", prompt_cache_breakpoint={"mode": "explicit"})])),
        ("responses", user("hi")),
        ("responses", user([{"type": "input_text", "text": "hi"}], type="message", id="msg_1", status="completed")),
    ],
    "a reply": [
        ("anthropic", assistant("hello")),
        ("anthropic", assistant([{"type": "thinking", "thinking": "", "signature": "x"}, text("hello")])),
        ("anthropic", assistant([text("hel"), {"type": "redacted_thinking", "data": "x"}, text("lo")])),
        ("anthropic", assistant([text("hello", citations=None)], id="msg_1", usage={}, stop_reason="end_turn")),
        ("openai", assistant("hello", refusal=None, annotations=[], audio=None, tool_calls=None, function_call=None)),
        ("responses", assistant([{"type": "output_text", "text": "hello", "annotations": [], "logprobs": None}])),
        ("responses", assistant("hello", type="message", id="msg_1", status="completed", phase="final_answer")),
    ],
    "calls": [
        ("anthropic", assistant([USE])),
        ("anthropic", assistant([{**USE, "caller": {"type": "direct"}, **MARK}])),
        ("anthropic", assistant([{**USE, "input": {"n": 1, "deep": {"b": [1, 2.5, None]}, "city": "Zürich"}}])),
        ("openai", assistant(None, tool_calls=[CALL])),
        ("openai", assistant("", tool_calls=[{**CALL, "index": 0}])),
        ("responses", ITEM),
        ("responses", {**ITEM, "id": "fc_1", "status": "completed", "caller": None, "namespace": None}),
    ],
    "results": [
        ("anthropic", user([{"type": "tool_result", "tool_use_id": "t1", "content": "21 C"}])),
        ("anthropic", user([{"type": "tool_result", "tool_use_id": "t1", "content": [text("21 C")]}])),
        ("openai", {"role": "tool", "tool_call_id": "t1", "content": "21 C"}),
        ("openai", {"role": "tool", "tool_call_id": "t1", "content": [text("21 "), text("C")], "name": "get"}),
        ("responses", {"type": "function_call_output", "call_id": "t1", "output": "21 C", "id": "o", "status": None}),
    ],
    "images": [
        ("anthropic", user([text("see"), PNG])),
        ("anthropic", user([text("see"), {**PNG, **MARK}])),
        ("openai", user([text("see"), {"type": "image_url", "image_url": {"url": URL}}])),
        ("responses", user([{"type": "input_text", "text": "see"}, {"type": "input_image", "image_url": URL}])),
    ],
    "spoken replies": [
        ("openai", assistant(None, audio={"id": "audio_1", "data": "UklG", "expires_at": 1, "transcript": "hi"})),
        ("openai", assistant(None, audio={"id": "audio_1"})),
    ],
    "no arguments": [
        ("anthropic", assistant([{**USE, "input": {}}])),
        ("openai", assistant(None, tool_calls=[{**CALL, "function": {"name": "get", "arguments": ""}}])),
        ("openai", assistant(None, tool_calls=[{**CALL, "function": {"name": "get", "arguments": "null"}}])),
    ],
    "instructions on the way": [
        ("anthropic", {"role": "system", "content": "Be brief."}),
        ("openai", {"role": "developer", "content": [text("Be brief.")]}),
        ("responses", {"role": "developer", "content": "Be brief."}),
    ],
    "web search": [
        ("responses", {**SEARCH, "id": "ws_1", "status": "completed"}),
        ("responses", {**SEARCH, "action": {"query": "q", "type": "search", "sources": None}}),
    ],
    "nothing to compare": [
        ("responses", {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}),
        ("anthropic", assistant([{"type": "thinking", "thinking": "hm", "signature": "x"}])),
        ("openai", assistant("")),
        ("openai", assistant(None)),
        ("anthropic", user("\n")),
    ],
}  # fmt: skip


@pytest.mark.parametrize("what", SAME)
def test_the_same(what: str) -> None:
    found = {of(format, message) for format, message in SAME[what]}
    assert len(found) == 1
    assert (found == {b""}) == (what == "nothing to compare")


DIFFERENT: list[tuple[Format, Json]] = [
    ("openai", user("hi")),
    ("openai", user("hi ")),
    ("openai", user("ho")),
    ("openai", user("hi", name="Ann")),
    ("openai", assistant("hi")),
    ("openai", {"role": "system", "content": "hi"}),
    ("openai", {"role": "tool", "tool_call_id": "t1", "content": "hi"}),
    ("openai", {"role": "tool", "tool_call_id": "t2", "content": "hi"}),
    ("openai", {"role": "tool", "tool_call_id": "t1", "content": "ho"}),
    ("openai", {"role": "function", "name": "t1", "content": "hi"}),
    ("anthropic", user([{"type": "tool_result", "tool_use_id": "t1", "content": "hi", "is_error": True}])),
    ("anthropic", user([{"type": "tool_result", "tool_use_id": "t1", "content": [PNG]}])),
    ("anthropic", user([PNG])),
    ("anthropic", user([{**PNG, "source": {**PNG["source"], "data": "AAAA"}}])),  # type: ignore[dict-item]
    ("anthropic", user([{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}}])),
    ("anthropic", user([{"type": "document", "title": "t", "source": {"type": "text", "data": "hi"}}])),
    ("anthropic", assistant([USE])),
    ("anthropic", assistant([{**USE, "id": "toolu_2"}])),
    ("anthropic", assistant([{**USE, "name": "put"}])),
    ("anthropic", assistant([{**USE, "input": {**TOOL_INPUT, "n": 2}}])),
    ("anthropic", assistant([{**USE, "input": {**TOOL_INPUT, "n": "1"}}])),
    ("anthropic", assistant([{**USE, "input": {**TOOL_INPUT, "id": 3}}])),
    ("anthropic", assistant([USE, USE])),
    ("anthropic", assistant([text("hi"), USE])),
    ("openai", assistant(None, tool_calls=[{**CALL, "function": {"name": "get", "arguments": "{broken"}}])),
    ("responses", {"type": "custom_tool_call", "call_id": "c", "name": "get", "input": "{ }"}),
    ("responses", {"type": "custom_tool_call", "call_id": "c", "name": "get", "input": "{}"}),
    ("responses", {"type": "shell_call_output", "call_id": "c", "output": [{"stdout": "", "exit_code": 0}]}),
    ("responses", {"type": "shell_call_output", "call_id": "c", "output": [{"stdout": "", "exit_code": 1}]}),
    ("responses", {"type": "item_reference", "id": "a"}),
    ("responses", {"type": "item_reference", "id": "b"}),
    ("anthropic", assistant([{"type": "server_tool_use", "id": "a", "name": "web_search", "input": {"query": "q"}}])),
    ("anthropic", assistant([{"type": "server_tool_use", "id": "b", "name": "web_search", "input": {"query": "q"}}])),
]


def test_the_different() -> None:
    assert len({of(format, message) for format, message in DIFFERENT}) == len(DIFFERENT)


def test_a_message_says_as_much_as_its_parts_in_messages_of_their_own() -> None:
    results = [{"type": "tool_result", "tool_use_id": i, "content": i} for i in ("t1", "t2")]
    whole = of("anthropic", user([*results, text("go on")]))
    apart = [of("openai", {"role": "tool", "tool_call_id": i, "content": i}) for i in ("t1", "t2")]
    assert whole == b"".join([*apart, of("openai", user("go on"))])
    assert speakers(whole) == b"ttu"
    turn = of("anthropic", assistant([text("let me see"), USE]))
    assert turn == of("responses", assistant("let me see")) + of("responses", ITEM)
    assert turn == of("openai", assistant("let me see", tool_calls=[CALL]))
    assert speakers(turn) == b"ac"
    assert has_answer(turn)
    assert not has_answer(whole)
    assert len(turn) == 2 * SIZE


@pytest.mark.parametrize("raw", [b"", b"{", b"7", b'{"role":"nobody"}', b'{"role":"user"}', b"[" * 900 + b"]" * 900])
def test_what_cannot_be_taken_apart_is_compared_as_it_is(raw: bytes) -> None:
    found = fingerprint("anthropic", raw)
    assert found == fingerprint("anthropic", raw) != fingerprint("anthropic", raw + b" ")
    assert speakers(found) == b"?"


@pytest.mark.parametrize("depth", [10, 140, 160, 190, 400])
def test_deep_arguments(depth: int) -> None:
    deep = '{"a":' * depth + "1" + "}" * depth
    call = {**CALL, "function": {"name": "get", "arguments": deep}}
    other = {**CALL, "function": {"name": "get", "arguments": deep.replace("1", "2")}}
    assert of("openai", assistant(None, tool_calls=[call])) != of("openai", assistant(None, tool_calls=[other]))


# --- replies as the SDKs give them -----------------------------------------------

REPLY = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-5-5", "stop_reason": "tool_use",
    "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 2, "cache_read_input_tokens": 0},
    "content": [
        {"type": "thinking", "thinking": "", "signature": "abc"},
        {"type": "text", "text": "Let me see. ", "citations": None},
        {"type": "text", "text": "One moment."},
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [
            {"type": "web_search_result", "url": "https://example.org", "title": "t", "encrypted_content": "x"}]},
        {"type": "tool_use", "id": "toolu_1", "name": "get", "input": TOOL_INPUT},
    ],
}  # fmt: skip
COMPLETION = {
    "id": "c", "object": "chat.completion", "created": 1, "model": "gpt-6.1-terra",
    "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
        "role": "assistant", "content": "Let me see.", "refusal": None, "annotations": [],
        "tool_calls": [CALL, {"id": "c2", "type": "custom", "custom": {"name": "sh", "input": "ls"}}]}}],
}  # fmt: skip
OUTPUT = {
    "id": "resp_1", "object": "response", "created_at": 1, "model": "gpt-6.1-terra", "tools": [],
    "parallel_tool_calls": True, "tool_choice": "auto",
    "output": [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"},
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
         "content": [{"type": "output_text", "text": "Let me see.", "annotations": [], "logprobs": []}]},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}},
        {**ITEM, "id": "fc_1", "status": "completed"},
        {"type": "shell_call", "id": "sh_1", "call_id": "c3", "status": "completed", "action": {"commands": ["ls"]}},
        {"type": "custom_tool_call", "id": "ct_1", "call_id": "c4", "name": "sh", "input": "ls"},
    ],
}  # fmt: skip
DUMPS: dict[str, Callable[[Any], Json]] = {
    "model_dump": lambda reply: reply.model_dump(),
    "without None": lambda reply: reply.model_dump(exclude_none=True),
    "what was set": lambda reply: reply.model_dump(exclude_unset=True),
    "to_dict": lambda reply: reply.to_dict(),
    "as JSON": lambda reply: json.loads(reply.to_json()),
}


@pytest.mark.parametrize("dump", DUMPS)
def test_anthropic_replies(dump: str) -> None:
    stored = of("anthropic", REPLY)
    assert speakers(stored) == b"aaac"
    dumped = DUMPS[dump](Message.model_validate(REPLY))
    assert of("anthropic", dumped) == stored
    assert of("anthropic", assistant(dumped["content"])) == stored
    spoken = [b for b in dumped["content"] if b["type"] != "thinking"]
    assert of("anthropic", assistant(spoken)) == stored
    merged = [text("Let me see. One moment."), *spoken[2:]]
    assert of("anthropic", assistant(merged)) == stored


@pytest.mark.parametrize("dump", DUMPS)
def test_chat_completions(dump: str) -> None:
    completion = ChatCompletion.model_validate(COMPLETION)
    stored = of("openai", COMPLETION["choices"][0]["message"])  # type: ignore[index]
    dumped = DUMPS[dump](completion.choices[0].message)
    assert of("openai", dumped) == stored
    assert of("openai", {k: dumped[k] for k in ("role", "content", "tool_calls")}) == stored


@pytest.mark.parametrize("dump", DUMPS)
def test_response_items(dump: str) -> None:
    response = Response.model_validate(OUTPUT)
    for raw, item in zip(OUTPUT["output"], response.output, strict=True):  # type: ignore[arg-type]
        dumped = DUMPS[dump](item)
        bare = {k: v for k, v in dumped.items() if k not in ("id", "status")}
        assert of("responses", dumped) == of("responses", bare) == of("responses", raw), item.type
        assert bool(of("responses", raw)) == (item.type != "reasoning")
