"""Items of the Responses API: replies that are several items, their cuts, their counts, their tools."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from memsvc.core.model import Format, Settings, System
from memsvc.core.render import convert, decode, decode_entry, readable, tokens_beside_text
from memsvc.core.render.blocks import IMAGE_TOKENS
from memsvc.core.render.context import Style, style
from memsvc.core.render.runs import joins
from memsvc.core.turns import groups, speaks
from tests.laws.contexts import view
from tests.laws.repair_cases_responses import asked, call, free, note, output, part, said, thought
from tests.laws.strategies import logs
from tests.laws.writer import Json, Log, entry

A: Format = "anthropic"
O: Format = "openai"  # noqa: E741
R: Format = "responses"
HI: Json = {"role": "user", "content": "hi"}
MARK = {"prompt_cache_breakpoint": {"mode": "explicit"}}


def chosen(target: Format, *, marks: bool = False, second: bool = False) -> Style:
    placement = "system_block" if second else "user"
    return style(target, marks=marks, model="gpt-6-sol", ttl="5m", placement=placement)


def context(items: list[Json], target: Format, settings: Settings | None = None, cut: int = 0) -> Json:
    entries = [entry(i + 1, m, R) for i, m in enumerate(items)]
    body: Json = json.loads(view(entries, chosen(target), settings, cut=cut).body())
    return body


def spans(items: list[Json], format: Format = R) -> list[tuple[int, int, bool]]:
    found = groups([entry(i + 1, m, format) for i, m in enumerate(items)], decode_entry)
    return [(g.first_seq, g.last_seq, g.open) for g in found]


# --- runs ------------------------------------------------------------------------

REPLY = [thought(), said("let me look", id="m"), call("a"), call("b", id="fc")]


def test_a_reply_is_one_message_elsewhere_and_its_items_here() -> None:
    log = [HI, *REPLY, output("b"), output("a")]
    assert context(log, R)["messages"] == log
    chat = context(log, O)["messages"]
    assert [m["role"] for m in chat] == ["user", "assistant", "tool", "tool"]
    assert chat[1]["content"] == "let me look"
    assert [c["id"] for c in chat[1]["tool_calls"]] == ["a", "b"]
    messages = context(log, A)["messages"]
    assert [[b["type"] for b in m["content"]] for m in messages[1:]] == [
        ["text", "tool_use", "tool_use"],
        ["tool_result", "tool_result"],
    ]


@pytest.mark.parametrize("target", [A, O, R])
def test_a_reply_may_grow_until_somebody_else_speaks(target: Format) -> None:
    log = [HI, *REPLY[:2], HI]
    stable = [context(log[:n], target)["stable_prefix"]["messages"] for n in range(1, 5)]
    assert stable == [1, 1, 1, 4 if target == R else 3]


@pytest.mark.parametrize("target", [A, O, R])
def test_it_is_settled_with_its_last_result(target: Format) -> None:
    log = [HI, *REPLY, output("b"), output("a")]
    bodies = [context(log[:n], target) for n in range(1, 8)]
    assert [b["stable_prefix"]["messages"] for b in bodies][:-1] == [1] * 6
    assert bodies[-1]["stable_prefix"]["messages"] == len(bodies[-1]["messages"])


def test_an_item_that_comes_after_the_results_is_another_reply() -> None:
    log = [HI, thought(), call("a"), output("a"), call("b"), output("b"), said()]
    assert spans(log) == [(1, 1, False), (2, 4, False), (5, 6, False), (7, 7, False)]
    assert [m["role"] for m in context(log, O)["messages"]][1:] == [
        "assistant",
        "tool",
        "assistant",
        "tool",
        "assistant",
    ]


def test_messages_without_ids_in_a_row_are_replies_of_their_own() -> None:
    log = [HI, said("a"), said("b"), said("c", id="m"), call("x"), said("d")]
    assert spans(log) == [(1, 1, False), (2, 2, False), (3, 6, True)]
    assert len(context(log[:4], O)["messages"]) == 3


def test_messages_of_two_formats_are_two_replies() -> None:
    entries = [entry(1, HI, R), entry(2, said(), R), entry(3, {"role": "assistant", "content": "b"}, O)]
    entries += [entry(4, call("x"), R), entry(5, output("x"), R)]
    body = json.loads(view(entries, chosen(O)).body())
    assert [m["role"] for m in body["messages"]] == ["user", "assistant", "assistant", "assistant", "tool"]
    assert [g.last_seq for g in groups(entries, decode_entry)] == [1, 2, 3, 5]


def test_a_reply_that_ends_with_reasoning_is_still_coming() -> None:
    assert spans([HI, said(id="m"), thought()]) == [(1, 1, False), (2, 3, True)]
    assert spans([HI, said(id="m"), thought(), HI]) == [(1, 1, False), (2, 3, False), (4, 4, False)]
    assert spans([HI, thought(), said()]) == [(1, 1, False), (2, 3, False)]


def test_a_program_and_its_output_stay_together() -> None:
    program = {"type": "program", "id": "p", "call_id": "prog", "code": "f()", "fingerprint": "x"}
    done = {"type": "program_output", "id": "po", "call_id": "prog", "result": "1", "status": "completed"}
    log = [HI, thought(), program, call("a"), output("a"), thought("rs_2"), done, said()]
    assert spans(log) == [(1, 1, False), (2, 8, False)]
    assert spans(log[:5]) == [(1, 1, False), (2, 5, True)]
    assert context(log, R)["messages"] == log


@given(logs())
def test_no_cut_parts_a_reply(log: Log) -> None:
    ends = {g.last_seq for g in groups(log.entries, decode_entry)}
    assert len(log.entries) in ends
    messages = [decode_entry(e) for e in log.entries]
    for i, before in enumerate(messages[:-1]):
        assert not (joins(before, messages[i + 1]) and log.entries[i].seq in ends)


def test_an_output_may_answer_what_the_log_only_names() -> None:
    log = [HI, {"type": "item_reference", "id": "fc_9"}, output("call_9"), output("call_9"), HI]
    sent = context(log, R)["messages"]
    assert sent == [*log[:3], note("[result of tool call call_9, seq 4]\nx"), HI]
    assert context([HI, output("call_9")], R)["messages"][1] == note("[result of tool call call_9, seq 2]\nx")


def test_unknown_items_come_back_byte_for_byte() -> None:
    raw = b' {"type" : "hologram", "n": 1.50, "deep": {"cache_control": [null]}, "z":"\\u0041"} '
    body = view([entry(1, HI, R), entry(2, raw, R)], chosen(R)).body()
    assert raw.strip() in body
    assert context([HI, json.loads(raw)], A)["messages"][1]["content"] == "[hologram omitted, seq 2]"


def test_encrypted_reasoning_survives_a_cut() -> None:
    log = [HI, said(), HI, thought(), said("b", id="m"), HI]
    body = context(log, R, cut=2)
    assert body["messages"][1:] == log[2:]
    assert body["thinking_stripped"] is False


# --- who speaks, what counts -------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "speaking"),
    [
        (HI, True),
        (asked(part("x")), True),
        (asked(part(" ")), False),
        (output("a"), False),
        ({"type": "mcp_approval_response", "approval_request_id": "a", "approve": True}, False),
        ({"type": "configuration_update"}, False),
        (said(), False),
    ],
)
def test_who_asks(item: Json, speaking: bool) -> None:
    assert speaks(decode(json.dumps(item).encode(), R)) is speaking


@pytest.mark.parametrize(
    "item",
    [
        thought(encrypted_content="secret" * 9),
        {"type": "compaction", "encrypted_content": "secret"},
        {"type": "program_output", "call_id": "secre", "result": "x" * 600},
        asked({"type": "input_image", "image_url": "data:image/png;base64,secret"}),
        asked({"type": "input_file", "file_data": "data:application/pdf;base64,secret"}),
        {"type": "image_generation_call", "result": "secret"},
        {
            "type": "computer_call_output",
            "call_id": "a",
            "output": {"type": "computer_screenshot", "image_url": "secret"},
        },
        {"type": "new_item", "encrypted_content": "secret"},
    ],
)
def test_what_is_no_text_is_not_counted_as_text(item: Json) -> None:
    texts = readable(decode(json.dumps(item).encode(), R))
    assert not any("secret" in t or "xxx" in t for t in texts)


def test_what_is_counted() -> None:
    assert readable(decode(json.dumps(thought(summary=[{"type": "summary_text", "text": "hm"}])).encode(), R)) == ["hm"]
    assert readable(decode(json.dumps(call("a", '{"q":1}')).encode(), R)) == ["run", '{"q":1}']
    for image in (asked({"type": "input_image"}), {"type": "image_generation_call", "result": "AA"}):
        assert tokens_beside_text(decode(json.dumps(image).encode(), R)) > IMAGE_TOKENS


# --- the front -----------------------------------------------------------------------

PARTS = b'[{"type":"input_text", "text":"Be \\u0062rief."},{"type":"text","text":"Be kind."}]'


def test_the_list_stands_under_both_names() -> None:
    body = context([HI, said()], R, Settings(system=System(b'"Be brief."')))
    assert body["input"] == body["messages"] == [note("Be brief.", "developer"), HI, said()]
    assert "input" not in context([HI], O)


def test_the_second_list_is_told_apart_in_the_size() -> None:
    made = view([entry(1, HI, R)], chosen(R))
    body = made.body()
    assert made.repeated == len(b',"input":[]') + len(json.dumps(HI))
    assert b',"input":[' + json.dumps(HI).encode() + b"]" in body
    assert view([entry(1, HI, R)], chosen(O)).repeated == 0


def test_the_system_prompt_in_parts() -> None:
    settings = Settings(system=System(PARTS, "developer"))
    entries = [entry(1, HI, R)]
    raw = view(entries, chosen(R), settings).body()
    assert b'[{"type":"input_text", "text":"Be \\u0062rief."},{"type":"input_text","text":"Be kind."}]' in raw
    assert json.loads(view(entries, chosen(A), settings).body())["system"] == [
        {"type": "text", "text": "Be brief."},
        {"type": "text", "text": "Be kind."},
    ]
    assert json.loads(view(entries, chosen(O), settings).body())["messages"][0]["role"] == "developer"


@pytest.mark.parametrize("second", [False, True])
def test_breakpoints_stand_on_system_prompt_and_summary(second: bool) -> None:
    log = [entry(i + 1, HI, R) for i in range(3)]
    settings = Settings(system=System(PARTS))
    first, summary, *rest = json.loads(view(log, chosen(R, marks=True, second=second), settings, cut=1).body())["input"]
    assert [p.get("prompt_cache_breakpoint") for p in first["content"]] == [None, {"mode": "explicit"}]
    assert summary["role"] == ("developer" if second else "user")
    assert [p["type"] for p in summary["content"]] == ["input_text"]
    assert MARK.items() <= summary["content"][0].items()
    assert rest == [HI, HI]
    plain = json.loads(view(log, chosen(R), settings, cut=1).body())["input"]
    assert "prompt_cache_breakpoint" not in json.dumps(plain)


SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}}
FLAT: Json = {"type": "function", "name": "f", "description": "d", "parameters": SCHEMA, "strict": True}
NESTED: Json = {"type": "function", "function": {k: FLAT[k] for k in ("name", "description", "parameters", "strict")}}
OURS: Json = {"name": "f", "description": "d", "input_schema": SCHEMA}
LARK = {"syntax": "lark", "definition": "x"}
FREE: Json = {"type": "custom", "name": "g", "format": {"type": "grammar", **LARK}}
FREE_CHAT: Json = {"type": "custom", "custom": {"name": "g", "format": {"type": "grammar", "grammar": LARK}}}


@pytest.mark.parametrize(
    ("tool", "target", "expected"),
    [
        (FLAT, R, FLAT),
        (FLAT, O, NESTED),
        (FLAT, A, OURS),
        (NESTED, R, FLAT),
        (OURS, R, FLAT | {"strict": False}),
        (OURS | {"strict": True}, R, FLAT),
        (FREE, R, FREE),
        (FREE, O, FREE_CHAT),
        (FREE, A, None),
        (FREE_CHAT, R, FREE),
        ({"type": "custom", "name": "g"}, O, {"type": "custom", "custom": {"name": "g"}}),
        ({"type": "function", "name": "f"}, A, {"name": "f", "input_schema": {"type": "object", "properties": {}}}),
        ({"type": "web_search"}, R, {"type": "web_search"}),
        ({"type": "mcp", "server_label": "s"}, A, None),
        ({"type": "file_search", "vector_store_ids": []}, O, None),
        ({"type": "web_search_20260209", "name": "web_search"}, R, None),
        (
            {"type": "web_search_20260209", "name": "web_search"},
            A,
            {"type": "web_search_20260209", "name": "web_search"},
        ),
    ],
)
def test_tools(tool: Json, target: Format, expected: Json | None) -> None:
    found: Any = context([HI], target, Settings(tools=json.dumps([tool]).encode())).get("tools")
    assert found == ([expected] if expected is not None else None)


# --- history in another format -------------------------------------------------------

TO_CHAT: list[tuple[Json, list[Json]]] = [
    (asked(part("x")), [{"role": "user", "content": "x"}]),
    (said(), [{"role": "assistant", "content": "a"}]),
    (thought(), [{"role": "assistant", "content": ""}]),
    (output("a"), [{"role": "tool", "tool_call_id": "a", "content": "x"}]),
    (
        free("a"),
        [
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "a", "type": "custom", "custom": {"name": "run", "input": "x"}}],
            }
        ],
    ),
    ({"role": "developer", "content": "x"}, [{"role": "developer", "content": "x"}]),
]


@pytest.mark.parametrize(("item", "expected"), TO_CHAT)
def test_one_item_as_a_message(item: Json, expected: list[Json]) -> None:
    assert [json.loads(raw) for raw in convert(entry(1, item, R), O)] == expected


def test_one_message_as_items() -> None:
    blocks: list[Json] = [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "text", "text": "one"},
        {"type": "tool_use", "id": "a", "name": "run", "input": {}},
        {"type": "text", "text": "two"},
    ]
    raws = convert(entry(1, {"role": "assistant", "content": blocks}, A), R)
    assert [json.loads(raw) for raw in raws] == [note("one", "assistant"), call("a"), note("two", "assistant")]
    results: list[Json] = [
        {"type": "tool_result", "tool_use_id": "a", "content": "x"},
        {"type": "text", "text": "so?"},
    ]
    raws = convert(entry(1, {"role": "user", "content": results}, A), R)
    assert [json.loads(raw) for raw in raws] == [output("a"), note("so?")]
