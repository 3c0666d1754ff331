"""Long tool outputs without their middle: in every format, within the limit, for good."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memsvc.core.limits import clamp_of, clamped_from
from memsvc.core.model import Format
from memsvc.core.render import decode
from memsvc.core.render.clamp import LEAST_CUT, clamped, middle_out

LONG = "\n".join(f"line {n}: something that came out" for n in range(500))
MOST = 1_000


def messages(output: Any) -> list[tuple[Format, dict[str, Any]]]:
    """The same output as each API has it."""
    block = {"type": "tool_result", "tool_use_id": "a", "content": output, "is_error": True}
    return [
        ("anthropic", {"role": "user", "content": [block, {"type": "text", "text": LONG}]}),
        ("openai", {"role": "tool", "tool_call_id": "a", "content": output}),
        ("responses", {"type": "function_call_output", "call_id": "a", "output": output}),
    ]


def outputs(raw: bytes, format: Format) -> list[str]:
    (result,) = decode(raw, format).results
    return [b.text for b in result.content if hasattr(b, "text")]


@pytest.mark.parametrize(("format", "message"), messages(LONG))
def test_beginning_and_end_stay_and_nothing_else_changes(format: Format, message: dict[str, Any]) -> None:
    raw = json.dumps(message, indent=1).encode()
    cut = clamped(raw, format, 7, MOST)
    (text,) = outputs(cut, format)
    assert len(text) <= MOST + 60
    head, mark, tail = text.partition("\n[")
    gone = int(tail.split(" ")[0])
    assert LONG.startswith(head)
    assert LONG.endswith(tail.split("]\n")[1])
    assert mark
    assert "bytes of this output omitted, seq 7]" in tail
    assert gone + len(head) + len(tail.split("]\n")[1]) == len(LONG), "it says how much is missing, line ends included"
    assert json.dumps(json.loads(cut)).replace(json.dumps(text), json.dumps(LONG)) == json.dumps(message)
    assert clamped(cut, format, 7, MOST + LEAST_CUT) is cut


@pytest.mark.parametrize(("format", "message"), messages("short"))
def test_what_fits_is_the_same_bytes(format: Format, message: dict[str, Any]) -> None:
    raw = json.dumps(message, indent=1).encode()
    assert clamped(raw, format, 1, MOST) is raw or format == "anthropic"
    assert json.loads(clamped(raw, format, 1, MOST)) == message
    assert clamped(raw, format, 1, None) is raw


def test_blocks_share_the_limit_and_images_stay() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 5_000}}
    block = {"type": "text", "text": LONG, "cache_control": {"type": "ephemeral"}}
    ((_, message), *_) = messages([block, image, block])
    (found, last) = json.loads(clamped(json.dumps(message).encode(), "anthropic", 1, MOST))["content"]
    assert found["content"][1] == image
    assert all(len(found["content"][n]["text"]) < MOST // 2 + 60 for n in (0, 2))
    assert last["text"] == LONG, "what a user says is never cut"


@pytest.mark.parametrize(
    ("format", "message"),
    [
        ("openai", {"role": "user", "content": LONG + '"tool_call_id"'}),
        ("openai", {"role": "assistant", "content": LONG, "tool_calls": []}),
        ("responses", {"type": "function_call", "call_id": "a", "name": "n", "arguments": json.dumps(LONG)}),
        ("anthropic", {"role": "user", "content": f"tool_result {LONG}"}),
        ("anthropic", {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"}], "x": LONG}),
        ("responses", {"type": "shell_call_output", "call_id": "a", "output": [{"stdout": LONG, "stderr": ""}]}),
    ],
)
def test_nothing_else_is_cut(format: Format, message: dict[str, Any]) -> None:
    assert json.loads(clamped(json.dumps(message).encode(), format, 1, MOST)) == message


@given(st.text(), st.integers(1, 50), st.integers(400, 3_000))
def test_any_text_is_cut_on_characters_and_the_same_each_time(text: str, times: int, most: int) -> None:
    whole = text * times * 20
    cut = middle_out(whole, 3, most)
    assert cut == middle_out(whole, 3, most)
    size = len(whole.encode("utf-8", "surrogatepass"))
    if size <= most + LEAST_CUT:
        assert cut == whole
    else:
        assert len(cut.encode("utf-8", "surrogatepass")) <= most + 60
        assert "bytes of this output omitted, seq 3]" in cut


def test_a_limit_holds_from_a_message_on() -> None:
    clamps = clamped_from(None, 1, 2_000)
    assert clamps == "1:2000"
    assert clamped_from(clamps, 9, 2_000) == clamps
    clamps = clamped_from(clamped_from(clamps, 17, 500), 30, None)
    assert clamps == "1:2000 17:500 30:0"
    assert [clamp_of(clamps, seq) for seq in (1, 16, 17, 29, 30, 99)] == [8_000, 8_000, 2_000, 2_000, None, None]
    assert clamped_from(clamps, 30, 100) == "1:2000 17:500 30:100", "nothing was written in between"
    assert clamp_of(None, 5) is None
    assert clamped_from(None, 5, None) is None
