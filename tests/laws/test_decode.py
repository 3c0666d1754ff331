"""Taking messages apart: whatever is sent, either it can be rendered, or the field at fault is named."""

from __future__ import annotations

import copy
import json
import sys
import threading
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memsvc.core.model import Format
from memsvc.core.render import MAX_DEPTH, convert, decode, guess, readable, tokens_beside_text
from memsvc.core.render.context import style
from memsvc.core.turns import groups
from memsvc.errors import InvalidRequest
from tests.laws.contexts import view
from tests.laws.strategies import MAKERS
from tests.laws.writer import Json, Writer, entry

FORMATS: list[Format] = ["anthropic", "openai", "responses"]
WORDS = [
    "role",
    "content",
    "type",
    "text",
    "id",
    "name",
    "input",
    "user",
    "assistant",
    "tool",
    "tool_calls",
    "function",
]
WORDS += ["tool_use", "tool_result", "tool_use_id", "image_url", "source", "thinking", "refusal", "arguments", "caller"]
WORDS += ["message", "function_call", "call_id", "function_call_output", "output", "reasoning", "summary", "input_text"]
WORDS += ["item_reference", "shell_call", "shell_call_output", "input_image", "output_text", "action", "execution"]
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(WORDS),
)
values: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=8,
)


@st.composite
def damaged(draw: Callable[[st.SearchStrategy[Any]], Any], format: Format) -> Json:
    """A message with some of its values, at any depth, exchanged for others."""
    w = Writer(draw)
    message = copy.deepcopy(w.pick(MAKERS[format])(w))
    for _ in w.times(1, 2):
        places = list(_places(message))
        if places:
            holder, name = w.pick(places)
            holder[name] = draw(values)
    return message


def _places(value: Any) -> list[tuple[Any, Any]]:
    names: list[Any] = (
        list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    )
    return [(value, n) for n in names] + [place for n in names for place in _places(value[n])]


def refusal(raw: bytes, format: Format) -> InvalidRequest | None:
    """The error for a message, or None if it is taken. Nothing else may come out."""
    try:
        decode(raw, format, "messages[3]")
    except InvalidRequest as error:
        return error
    return None


def accepts(raw: bytes, format: Format) -> bool:
    """Whether a message is taken; if not, the error must name a place in it."""
    error = refusal(raw, format)
    if error is not None:
        field = str(error.extra["field"])
        assert field.startswith("messages[3]")
        assert error.detail.startswith(field)
    return error is None


def use(raw: bytes, format: Format) -> None:
    """All that is ever done with a message that was taken. Nothing of it may raise."""
    stored = entry(2, raw, format)
    msg = decode(raw, format)
    assert all(isinstance(t, str) for t in readable(msg))
    assert tokens_beside_text(msg) > 0
    log = [
        entry(1, {"role": "user", "content": "hi"}, format),
        stored,
        entry(3, {"role": "assistant", "content": "x"}, format),
    ]
    assert groups(log, lambda e: decode(e.raw, e.format))
    for target in FORMATS:
        for converted in convert(stored, target):
            decode(converted, target)
        json.loads(view(log, style(target, marks=True, model="gpt-6", ttl="5m", placement="user")).body())


@given(values, st.sampled_from(FORMATS))
def test_any_json_is_taken_or_refused(value: object, format: Format) -> None:
    raw = orjson.dumps(value)
    if accepts(raw, format):
        use(raw, format)
    assert guess((raw,)) in (None, *FORMATS)


@pytest.mark.parametrize("format", FORMATS)
@given(data=st.data())
def test_a_damaged_message_is_taken_or_refused(format: Format, data: st.DataObject) -> None:
    raw = json.dumps(data.draw(damaged(format))).encode()
    if accepts(raw, format):
        use(raw, format)


@given(st.binary(max_size=30), st.sampled_from(FORMATS))
def test_bytes_that_are_no_json_are_refused(raw: bytes, format: Format) -> None:
    accepts(raw, format)
    guess((raw,))


A, O, R = FORMATS  # noqa: E741
REFUSED: list[tuple[Format, object, str]] = [
    (A, [], "m"),
    (A, "text", "m"),
    (A, {}, "m.role"),
    (A, {"role": ["user"], "content": "x"}, "m.role"),
    (A, {"role": "tool", "content": "x"}, "m.role"),
    (A, {"role": "user"}, "m.content"),
    (A, {"role": "user", "content": None}, "m.content"),
    (A, {"role": "user", "content": ["x"]}, "m.content[0]"),
    (A, {"role": "user", "content": [{"type": "text", "text": "x"}, {"type": 1}]}, "m.content[1].type"),
    (A, {"role": "user", "content": [{"type": "text", "text": None}]}, "m.content[0].text"),
    (A, {"role": "user", "content": [{"type": "tool_use", "id": "a", "name": "f"}]}, "m.content[0].type"),
    (A, {"role": "user", "content": [{"type": "thinking", "thinking": "x"}]}, "m.content[0].type"),
    (A, {"role": "assistant", "content": [{"type": "tool_result", "tool_use_id": "a"}]}, "m.content[0].type"),
    (A, {"role": "assistant", "content": [{"type": "tool_use", "id": 1, "name": "f"}]}, "m.content[0].id"),
    (A, {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": ""}]}, "m.content[0].name"),
    (A, {"role": "assistant", "content": [{"type": "server_tool_use"}]}, "m.content[0].id"),
    (A, {"role": "assistant", "content": [{"type": "web_search_tool_result"}]}, "m.content[0].tool_use_id"),
    (A, {"role": "user", "content": [{"type": "tool_result"}]}, "m.content[0].tool_use_id"),
    (
        A,
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "is_error": 1}]},
        "m.content[0].is_error",
    ),
    (
        A,
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": 1}]},
        "m.content[0].content",
    ),
    (
        A,
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text"}]}]},
        "m.content[0].content[0].text",
    ),
    (O, None, "m"),
    (O, {"role": "User", "content": "x"}, "m.role"),
    (O, {"role": "user"}, "m.content"),
    (O, {"role": "user", "content": 1}, "m.content"),
    (O, {"role": "user", "content": "x", "name": 1}, "m.name"),
    (O, {"role": "user", "content": [{"text": "x"}]}, "m.content[0].type"),
    (O, {"role": "user", "content": [{"type": "image_url"}]}, "m.content[0].image_url"),
    (O, {"role": "assistant", "content": [{"type": "refusal"}]}, "m.content[0].refusal"),
    (O, {"role": "assistant", "refusal": 1}, "m.refusal"),
    (O, {"role": "assistant", "audio": "x"}, "m.audio"),
    (O, {"role": "assistant", "tool_calls": {}}, "m.tool_calls"),
    (O, {"role": "assistant", "tool_calls": [1]}, "m.tool_calls[0]"),
    (O, {"role": "assistant", "tool_calls": [{"id": 1}]}, "m.tool_calls[0].id"),
    (O, {"role": "assistant", "tool_calls": [{"id": "a", "function": 1}]}, "m.tool_calls[0].function"),
    (O, {"role": "assistant", "tool_calls": [{"id": "a", "function": {}}]}, "m.tool_calls[0].function.name"),
    (
        O,
        {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": {}}}]},
        "m.tool_calls[0].function.arguments",
    ),
    (
        O,
        {"role": "assistant", "tool_calls": [{"id": "a", "type": "custom", "custom": {"name": "f", "input": 1}}]},
        "m.tool_calls[0].custom.input",
    ),
    (O, {"role": "assistant", "function_call": []}, "m.function_call"),
    (O, {"role": "assistant", "function_call": {"name": "f", "arguments": 1}}, "m.function_call.arguments"),
    (O, {"role": "tool", "content": "x"}, "m.tool_call_id"),
    (O, {"role": "function", "content": "x"}, "m.name"),
    (R, "text", "m"),
    (R, {}, "m.type"),
    (R, {"type": "", "role": "user", "content": "x"}, "m.type"),
    (R, {"type": 1}, "m.type"),
    (R, {"role": "tool", "content": "x"}, "m.role"),
    (R, {"type": "message", "content": "x"}, "m.role"),
    (R, {"role": "user"}, "m.content"),
    (R, {"role": "user", "content": {"type": "input_text"}}, "m.content"),
    (R, {"role": "user", "content": ["x"]}, "m.content[0]"),
    (R, {"role": "user", "content": [{"text": "x"}]}, "m.content[0].type"),
    (R, {"role": "user", "content": [{"type": "input_text"}]}, "m.content[0].text"),
    (R, {"role": "user", "content": [{"type": "input_image", "image_url": {"url": "x"}}]}, "m.content[0].image_url"),
    (R, {"role": "assistant", "content": [{"type": "refusal"}]}, "m.content[0].refusal"),
    (R, {"type": "function_call", "name": "f", "arguments": "{}"}, "m.call_id"),
    (R, {"type": "function_call", "call_id": "a", "arguments": "{}"}, "m.name"),
    (R, {"type": "function_call", "call_id": "a", "name": "f", "arguments": {}}, "m.arguments"),
    (R, {"type": "custom_tool_call", "call_id": "a", "name": "f", "input": 1}, "m.input"),
    (R, {"type": "shell_call", "action": {}}, "m.call_id"),
    (R, {"type": "mcp_approval_request"}, "m.id"),
    (R, {"type": "function_call_output", "output": "x"}, "m.call_id"),
    (R, {"type": "function_call_output", "call_id": "a", "output": 1}, "m.output"),
    (R, {"type": "function_call_output", "call_id": "a", "output": [{"type": 1}]}, "m.output[0].type"),
    (R, {"type": "local_shell_call_output", "output": "x"}, "m.id"),
    (R, {"type": "reasoning", "id": "rs"}, "m.summary"),
    (R, {"type": "compaction"}, "m.encrypted_content"),
    (R, {"type": "item_reference"}, "m.id"),
    (R, {"type": "program"}, "m.call_id"),
]


@pytest.mark.parametrize(("format", "message", "field"), REFUSED, ids=[f"{f}-{field}" for f, _, field in REFUSED])
def test_the_field_is_named(format: Format, message: object, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode(json.dumps(message).encode(), format, "m")
    assert caught.value.extra["field"] == field


def test_an_error_repeats_little_of_what_was_sent() -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode(json.dumps({"role": "x" * 9_999, "content": "y" * 9_999}).encode(), "openai", "m")
    assert len(caught.value.detail) < 200


# --- depth -----------------------------------------------------------------------


def nested(depth: int, format: Format) -> bytes:
    """A message that nests exactly so deep."""
    inner = b'{"a":' * (depth - 3) + b"1" + b"}" * (depth - 3)
    if format != "anthropic":
        kind = b"text" if format == "openai" else b"input_text"
        return b'{"role":"user","content":[{"type":"' + kind + b'","text":"x","y":' + inner + b"}]}"
    return b'{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":' + inner + b"}]}"


def in_thread(work: Callable[[], None]) -> None:
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert not failed


def on_a_deep_stack(work: Callable[[], None], frames: int) -> None:
    if frames:
        on_a_deep_stack(work, frames - 1)
    else:
        work()


@pytest.mark.parametrize("format", FORMATS)
def test_the_deepest_message_is_taken_anywhere(format: Format) -> None:
    raw = nested(MAX_DEPTH, format)

    def work() -> None:
        assert accepts(raw, format)
        use(raw, format)

    work()
    in_thread(work)
    in_thread(lambda: on_a_deep_stack(work, sys.getrecursionlimit() // 2))


@pytest.mark.parametrize("format", FORMATS)
def test_a_deeper_one_is_refused(format: Format) -> None:
    for depth in (MAX_DEPTH + 1, 1_000, 1_023, 50_000):
        assert not accepts(nested(depth, format), format)
    hidden = b'{"role":"user","content":' + b"[" * 900 + b"]" * 900 + b',"content":"x"}'
    assert not accepts(hidden, format), "what a later duplicate replaces is still there"


def test_brackets_in_texts_are_no_depth() -> None:
    for said in ("[" * 5_000, '\\"[{' * 5_000, "{" * 300 + "\\"):
        raw = json.dumps({"role": "user", "content": said}).encode()
        assert accepts(raw, "openai")
        use(raw, "openai")


def test_the_deepest_marked_block_is_rendered() -> None:
    """Marks are looked for at every depth."""
    deep = b'{"x":' * 190 + b'{"cache_control":1}' + b"}" * 190
    raw = b'{"role":"user","content":[{"type":"new","y":' + deep + b"}]}"
    in_thread(lambda: on_a_deep_stack(lambda: use(raw, "anthropic"), sys.getrecursionlimit() // 2))
    body = view(
        [entry(1, raw, "anthropic")], style("anthropic", marks=False, model=None, ttl="5m", placement="user")
    ).body()
    assert b"cache_control" not in body


# --- formats nobody named --------------------------------------------------------------

TOLD: list[tuple[Json, Format | None]] = [
    ({"role": "user", "content": "x"}, None),
    ({"role": "user", "content": [{"type": "text", "text": "x"}]}, None),
    ({"role": "assistant", "content": "x", "thinking": "a member some servers add", "tool_calls": None}, None),
    ({"role": "assistant", "content": [{"type": "server_tool_use", "id": "a"}]}, "anthropic"),
    ({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"}]}, "anthropic"),
    ({"role": "developer", "content": "x"}, "openai"),
    ({"role": "assistant", "tool_calls": [{}]}, "openai"),
    ({"role": "user", "content": [{"type": "image_url"}]}, "openai"),
    ({"role": ["tool"], "content": {"type": "image"}}, None),
    ({"role": "user", "content": [{"type": "input_text", "text": "x"}]}, "responses"),
    ({"role": "user", "content": [{"type": "input_audio"}]}, "openai"),
    ({"type": "message", "role": "user", "content": "x"}, "responses"),
    ({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]}, "responses"),
    ({"type": "message", "role": "assistant", "content": [{"type": "text", "text": "x"}]}, None),
    ({"type": "message", "role": "assistant", "content": [], "stop_reason": "end_turn"}, None),
    ({"type": "function_call", "call_id": "a"}, "responses"),
    ({"type": "reasoning", "summary": []}, "responses"),
    ({"type": "item_reference", "id": "a"}, "responses"),
]


@pytest.mark.parametrize(("message", "format"), TOLD)
def test_a_format_is_told_by_what_only_it_has(message: Json, format: Format | None) -> None:
    assert guess((b'{"role":"user","content":"hi"}', json.dumps(message).encode())) == format


@pytest.mark.parametrize("role", ["user", "assistant", "system", "developer"])
def test_a_role_is_no_type_of_an_item(role: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        decode(orjson.dumps({"type": role, "call_id": "c1"}), "responses")
    assert refused.value.extra["field"] == "message.type"


@pytest.mark.parametrize("format", FORMATS)
def test_brackets_inside_a_string_nest_nothing(format: Format) -> None:
    with pytest.raises(InvalidRequest):
        decode(orjson.dumps("[" * 500), format)
