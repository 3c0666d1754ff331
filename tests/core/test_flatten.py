"""Reading a message as plain text, whatever format it is in."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memsvc.core.flatten import Piece, said
from memsvc.core.model import Entry


def read(message: object) -> tuple[str, tuple[Piece, ...]]:
    raw = message if isinstance(message, bytes) else orjson.dumps(message)
    result = said(Entry(seq=1, raw=raw, format="openai", tokens=1, at=0.0, id=None, epoch=0, revision=1))
    return result.role, result.pieces


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(max_size=10)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "role",
                    "content",
                    "type",
                    "text",
                    "tool_calls",
                    "function",
                    "name",
                    "arguments",
                    "input",
                    "output",
                    "call_id",
                    "custom",
                    "function_call",
                    "refusal",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(json_values)
@settings(deadline=None)
def test_law_reading_never_raises(value: object) -> None:
    read(orjson.dumps(value))
    read(orjson.dumps({"role": "assistant", "content": value, "tool_calls": value}))
    read(orjson.dumps({"type": "function_call_output", "output": value}))


@pytest.mark.parametrize("raw", [b"", b"[]", b"nonsense", b"\xff", b'{"role": [], "content": {}}', b"[" * 2_000])
def test_what_is_no_message_says_nothing(raw: bytes) -> None:
    assert read(raw)[1] == ()


def test_deep_nesting_is_read_or_left() -> None:
    deep = b'{"role":"user","content":[{"type":"tool_result","content":' + b"[" * 990 + b"]" * 990 + b"}]}"
    assert read(deep)[0] == "user"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"role": "user", "content": "hi"}, ("user", (Piece("text", "hi"),))),
        ({"role": "developer", "content": "be brief"}, ("system", (Piece("text", "be brief"),))),
        (
            {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "42"}]},
            ("tool", (Piece("result", "42"),)),
        ),
        (
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "s"},
                    {"type": "text", "text": "ok"},
                    {"type": "tool_use", "name": "get", "input": {"a": "b", "n": 3}},
                ],
            },
            ("assistant", (Piece("text", "ok"), Piece("call", "a=b n=3", "get"))),
        ),
        (
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "content": "no", "is_error": True},
                    {"type": "image", "source": {"type": "base64", "data": "AAAA"}},
                ],
            },
            ("user", (Piece("error", "no"), Piece("media", "image"))),
        ),
        (
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hey"}]},
            ("user", (Piece("text", "hey"),)),
        ),
        (
            {"type": "function_call", "call_id": "1", "name": "ls", "arguments": '{"path": "/tmp"}'},
            ("assistant", (Piece("call", "/tmp", "ls"),)),
        ),
        ({"type": "function_call_output", "call_id": "1", "output": "a.txt"}, ("tool", (Piece("result", "a.txt"),))),
        ({"type": "reasoning", "summary": [], "encrypted_content": "x"}, ("assistant", ())),
        ({"type": "compaction", "encrypted_content": "x"}, ("assistant", ())),
        ({"type": "item_reference", "id": "msg_1"}, ("assistant", ())),
        ({"type": "configuration_update", "reasoning": {"effort": "low"}}, ("system", ())),
        (
            {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
            ("assistant", (Piece("text", "No."),)),
        ),
        (
            {
                "type": "function_call_output",
                "call_id": "1",
                "output": [{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "data:,"}],
            },
            ("tool", (Piece("result", "a\n[input_image]"),)),
        ),
        (
            {"type": "custom_tool_call", "call_id": "1", "name": "sql", "input": "select 1"},
            ("assistant", (Piece("call", "select 1", "sql"),)),
        ),
        (
            {"type": "shell_call", "call_id": "1", "status": "completed", "action": {"commands": ["ls", "pwd"]}},
            ("assistant", (Piece("call", "commands=ls commands=pwd", "shell"),)),
        ),
        (
            {
                "type": "shell_call_output",
                "call_id": "1",
                "output": [{"stdout": "a.txt", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}],
            },
            ("tool", (Piece("result", "a.txt"),)),
        ),
        (
            {"type": "computer_call_output", "call_id": "1", "output": {"type": "computer_screenshot"}},
            ("tool", (Piece("result", "[computer_screenshot]"),)),
        ),
        (
            {"type": "web_search_call", "id": "ws", "action": {"type": "search", "query": "tides"}},
            ("assistant", (Piece("call", "type=search query=tides", "web_search"),)),
        ),
        (
            {"type": "code_interpreter_call", "code": "1+1", "outputs": [{"type": "logs", "logs": "2"}]},
            ("assistant", (Piece("call", "1+1", "code_interpreter"), Piece("result", "2"))),
        ),
        (
            {"type": "mcp_call", "name": "f", "arguments": '{"a": "b"}', "output": "x", "error": "late"},
            ("assistant", (Piece("call", "b", "f"), Piece("result", "x"), Piece("error", "late"))),
        ),
        (
            {"type": "mcp_approval_request", "id": "m", "name": "f", "arguments": '{"a": "b"}'},
            ("assistant", (Piece("call", "b", "f"),)),
        ),
        (
            {"type": "mcp_approval_response", "approval_request_id": "m", "approve": False, "reason": "no"},
            ("user", (Piece("text", "not approved"), Piece("text", "no"))),
        ),
        (
            {"type": "image_generation_call", "result": "AAAA", "revised_prompt": "a cat"},
            ("assistant", (Piece("media", "image_generation_call"), Piece("text", "a cat"))),
        ),
        ({"type": "hologram", "x": 1}, ("assistant", (Piece("media", "hologram"),))),
    ],
)
def test_every_format_is_read_by_shape(message: object, expected: object) -> None:
    assert read(message) == expected


def test_numbers_keep_their_spelling() -> None:
    raw = (
        b'{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"f","input":'
        b'{"id":123456789012345678901234567890,"x":1.50}}]}'
    )
    assert read(raw)[1] == (Piece("call", "id=123456789012345678901234567890 x=1.50", "f"),)
