"""Laws 2 and 3 for what stands before the messages: system prompt, tools, summary and their marks."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memsvc.core.model import Format, Settings, System
from memsvc.core.render import decode_entry
from memsvc.core.render.context import Style, View, style
from tests.laws.contexts import SYSTEMS, TOOLS, faults, marks, session, view
from tests.laws.test_decode import WORDS, values
from tests.laws.writer import Json, entry

A: Format = "anthropic"
O: Format = "openai"  # noqa: E741
HI = [entry(1, {"role": "user", "content": "hi"}, A), entry(2, {"role": "assistant", "content": "yes"}, A)]
HI += [entry(3, {"role": "user", "content": "go on"}, A)]
SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}}
EPHEMERAL = {"type": "ephemeral"}
BREAK = {"mode": "explicit"}


def context(chosen: Style, *, system: bytes | None = None, tools: bytes | None = None, cut: int = 0) -> Json:
    settings = Settings(system=System(system) if system is not None else None, tools=tools)
    body: Json = json.loads(view(HI, chosen, settings, cut=cut).body())
    return body


def chosen(
    target: Format, *, marks: bool = True, model: str | None = None, ttl: str = "5m", second: bool = False
) -> Style:
    return style(target, marks=marks, model=model, ttl=ttl, placement="system_block" if second else "user")


# --- tools -----------------------------------------------------------------------


def tools_of(target: Format, *tools: Json) -> Any:
    return context(chosen(target, marks=False), tools=json.dumps(tools).encode()).get("tools")


def test_tools_in_the_shape_of_the_other_format() -> None:
    ours = {"name": "f", "description": "d", "input_schema": SCHEMA}
    theirs = {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}}
    assert tools_of(O, ours) == [theirs]
    assert tools_of(A, theirs) == [ours]
    assert tools_of(A, ours | {"type": "custom", "strict": True}) == [ours | {"type": "custom", "strict": True}]
    assert tools_of(O, theirs) == [theirs]


def test_a_function_without_parameters_takes_none() -> None:
    said: list[Json] = [{}, {"parameters": None}, {"parameters": {}}, {"description": None}]
    for function in said:
        (tool,) = tools_of(A, {"type": "function", "function": {"name": "f"} | function})
        assert tool == {"name": "f", "input_schema": {"type": "object", "properties": {}}}
    (tool,) = tools_of(A, {"type": "function", "function": {"name": "f", "parameters": {"properties": {}}}})
    assert tool["input_schema"] == {"properties": {}, "type": "object"}


def test_tools_that_only_the_other_provider_has_are_left_out() -> None:
    search = {"type": "web_search_20260209", "name": "web_search"}
    free = {"type": "custom", "custom": {"name": "free"}}
    assert tools_of(A, search, free) == [search]
    assert tools_of(O, search, free) == [free]
    assert tools_of(O, search) is None


def test_tools_keep_their_bytes() -> None:
    one = b'{"name":"f","input_schema":{"type":"object", "n":1.50,"n":1.50},"x":"\\u0041"}'
    two = b'{"name":"g","input_schema":{"type":"object"}}'
    raw = b"[ " + one + b" , " + two[:-1] + b',"cache_control":{}} ]'
    body = view(HI, chosen(A), Settings(system=SYSTEMS[1], tools=raw)).body()
    assert b'"tools":[' + one + b"," + two + b"]" in body


@given(st.lists(st.dictionaries(st.sampled_from([*WORDS, "input_schema", "custom", "parameters"]), values), max_size=3))
def test_no_tool_breaks_the_context(tools: list[Json]) -> None:
    for target in (A, O):
        for system in (None, b'"s"'):
            context(chosen(target), system=system, tools=orjson.dumps(tools))


# --- system prompt -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("system", "blocks"),
    [
        (b'"Be brief."', ["Be brief."]),
        (b'" "', None),
        (b"[]", None),
        (b'[{"type":"text","text":" "}]', None),
        (b'[{"type":"text","text":"a"},{"type":"text","text":""},{"type":"text","text":"b"}]', ["a", "b"]),
    ],
)
def test_the_system_prompt(system: bytes, blocks: list[str] | None) -> None:
    ours = context(chosen(A), system=system).get("system")
    assert (ours and [b["text"] for b in ours]) == blocks
    if ours:
        assert [b.get("cache_control") for b in ours] == [None] * (len(ours) - 1) + [EPHEMERAL]
    plain = context(chosen(A, marks=False), system=system).get("system")
    assert plain == (
        blocks[0] if blocks == ["Be brief."] else [{"type": "text", "text": t} for t in blocks or []] or None
    )
    first = context(chosen(O), system=system)["messages"][0]
    if blocks is None:
        assert first["role"] == "user"
    else:
        assert first["role"] == "system"
        assert first["content"] == (blocks[0] if len(blocks) == 1 else [{"type": "text", "text": t} for t in blocks])


def test_the_callers_marks_and_citations_go() -> None:
    block = b'{"type":"text","text":"a","cache_control":{"type":"ephemeral","ttl":"1h"},"citations":null}'
    system = b"[" + b",".join([block] * 6) + b"]"
    found = context(chosen(A), system=system)
    assert len(marks(found)) == 3  # system, the end, and where the call before had ended
    assert not faults(found, A)
    assert not faults(context(chosen(O), system=system), O)


def test_a_developer_prompt_stays_one() -> None:
    settings = Settings(system=System(b'"Be brief."', "developer"))
    body = json.loads(view(HI, chosen(O), settings).body())
    assert body["messages"][0] == {"role": "developer", "content": "Be brief."}


# --- the summary and all marks ------------------------------------------------------


@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize("ttl", ["5m", "1h"])
@pytest.mark.parametrize("tools", TOOLS[:2])
@pytest.mark.parametrize("system", [None, b'"s"'])
def test_never_more_than_four_marks(system: bytes | None, tools: bytes | None, ttl: str, second: bool) -> None:
    body = context(chosen(A, ttl=ttl, second=second), system=system, tools=tools, cut=1)
    found = marks(body)
    assert {json.dumps(b["cache_control"]) for b in found} == {
        json.dumps(EPHEMERAL | ({"ttl": "1h"} if ttl == "1h" else {}))
    }
    front = (system is not None or tools is not None) + 1
    assert len(found) == front + 1 + second  # the end, and the line before the assistant where there is one
    assert not faults(body, A)


@pytest.mark.parametrize("system", [None, b'"s"'])
@pytest.mark.parametrize("with_marks", [True, False])
def test_a_summary_in_the_system_prompt(system: bytes | None, with_marks: bool) -> None:
    """It is there without a system prompt of the caller too."""
    body = context(chosen(A, marks=with_marks, second=True), system=system, cut=1)
    assert [b["text"] for b in body["system"]][-1].startswith("<conversation_summary>")
    assert len(body["system"]) == (1 if system is None else 2)
    assert "conversation_summary" not in json.dumps(body["messages"])
    openai = context(chosen(O, second=True), system=system, cut=1)["messages"]
    assert [m["role"] for m in openai[: len(body["system"])]] == ["system"] * len(body["system"])


@pytest.mark.parametrize("target", [A, O])
def test_a_summary_among_instructions_is_nothing_to_answer(target: Format) -> None:
    """Were all messages covered, nothing valid could be sent; a summary message alone can be."""
    for second in (False, True):
        made = view(HI, chosen(target, second=second), Settings(system=SYSTEMS[1]), cut=3)
        assert made.empty() is second
    assert View(session(()), None, chosen(target), decode_entry).empty()


@pytest.mark.parametrize(
    ("model", "explicit"),
    [
        ("gpt-5.6-sol", True),
        ("gpt-5.6", True),
        ("gpt-5.10", True),
        ("gpt-6-luna", True),
        ("gpt-6.1-terra", True),
        ("openai/gpt-6-astra", True),
        ("gpt-5.5", False),
        ("gpt-5-mini", False),
        ("gpt-4o-mini", False),
        ("gpt-4.1", False),
        ("gpt-oss-120b", False),
        ("llama-5.6", False),
        (None, False),
    ],
)
def test_explicit_breakpoints(model: str | None, explicit: bool) -> None:
    """On the system prompt and on the summary, for the models that match their cache at breakpoints only."""
    sent = context(chosen(O, model=model), system=b'"s"', cut=1)["messages"]
    for message in sent[:2]:
        if explicit:
            assert [p.get("prompt_cache_breakpoint") for p in message["content"]] == [BREAK]
        else:
            assert isinstance(message["content"], str)
    assert "prompt_cache_breakpoint" not in json.dumps(sent[2:])
    assert "prompt_cache_breakpoint" not in json.dumps(
        context(chosen(O, model=model, marks=False), system=b'"s"', cut=1)
    )
