"""Law 3, repairs: the closed list of `docs/repairs.md`, each row shown by example."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from memsvc.core.model import FORMATS, Format
from memsvc.core.render import decode_entry
from memsvc.core.render.context import View, style
from tests.laws.contexts import session, view
from tests.laws.repair_cases import (
    ACROSS,
    BYE,
    CASES,
    FOUND,
    HI,
    SEARCH,
    THOUGHT,
    WITHIN,
    A,
    Case,
    assistant,
    result,
    text,
    use,
    user,
)
from tests.laws.repair_cases_responses import ACROSS as ITEMS_ACROSS
from tests.laws.repair_cases_responses import CASES as ITEMS
from tests.laws.repair_cases_responses import R
from tests.laws.test_law3_valid import check_valid
from tests.laws.writer import Json, entry

DOCUMENT = Path(__file__).parents[2] / "docs" / "repairs.md"
ELSEWHERE = {
    "thinking-of-another-prefix": "test_thinking_of_another_prefix_is_left_out",
    "tool-output-long": "test_a_long_output_is_shown_without_its_middle",
}


def rendered(messages: list[Json], format: Format, target: Format) -> list[Json]:
    plain = style(target, marks=False, model=None, ttl="5m", placement="user")
    entries = [entry(i + 1, m, format) for i, m in enumerate(messages)]
    body = json.loads(view(entries, plain).body())
    check_valid(body, plain)
    marked = style(target, marks=True, model="gpt-6-sol", ttl="5m", placement="user")
    check_valid(json.loads(view(entries, marked).body()), marked)
    found: list[Json] = body["messages"]
    return found


@pytest.mark.parametrize("case", [pytest.param(c, id=r) for r, cases in CASES.items() for c in cases])
def test_in_its_own_format(case: Case) -> None:
    format, messages, expected = case
    assert rendered(messages, format, format) == expected


@pytest.mark.parametrize("case", [pytest.param(c, id=r) for r, cases in ACROSS.items() for c in cases])
def test_in_the_other_format(case: Case) -> None:
    format, messages, expected = case
    found = rendered(messages, format, "openai" if format == "anthropic" else "anthropic")
    assert found == expected


@pytest.mark.parametrize("case", [pytest.param(c, id=r) for r, cases in ITEMS.items() for c in cases])
def test_of_items(case: tuple[list[Json], list[Json]]) -> None:
    messages, expected = case
    assert rendered(messages, R, R) == expected


@pytest.mark.parametrize("case", [pytest.param(c, id=r) for r, cases in ITEMS_ACROSS.items() for c in cases])
def test_of_items_and_other_formats(case: tuple[Format, Format, list[Json], list[Json]]) -> None:
    format, target, messages, expected = case
    assert rendered(messages, format, target) == expected


def test_thinking_of_another_prefix_is_left_out() -> None:
    """It counts when a message was asked for: at the newest message before it that is no assistant's."""
    said = assistant(THOUGHT, text("a"))
    entries = [
        entry(1, HI, A),
        entry(2, said, A),
        entry(3, HI, A),
        entry(4, said, A),
        entry(5, HI, A),
        entry(6, said, A),
    ]
    plain = style(A, marks=False, model=None, ttl="5m", placement="user")
    made = view(entries, plain, bound=3)
    body = json.loads(made.body())
    assert [len(m["content"]) for m in body["messages"] if m["role"] == "assistant"] == [1, 1, 2]
    assert body["thinking_stripped"] is True
    assert json.loads(view(entries, plain).body())["thinking_stripped"] is False


def test_the_list_is_closed() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted({*CASES, *ACROSS, *ITEMS, *ITEMS_ACROSS, *ELSEWHERE})


def test_a_paused_turn_goes_on() -> None:
    plain = style(A, marks=False, model=None, ttl="5m", placement="user")
    log = [HI, assistant(SEARCH), assistant(FOUND, text("a")), HI]
    for n in range(1, len(log) + 1):
        body = json.loads(view([entry(i + 1, m, A) for i, m in enumerate(log[:n])], plain).body())
        assert body["messages"] == log[:n]
        assert body["stable_prefix"]["messages"] == (1 if n == 2 else n)


def test_a_server_tool_that_runs_while_the_caller_answers_another() -> None:
    plain = style(A, marks=False, model=None, ttl="5m", placement="user")
    chain = [
        HI,
        assistant(SEARCH, use("a", **WITHIN)),
        user(result("a")),
        assistant(use("b", **WITHIN)),
        user(result("b")),
        assistant(FOUND, text("done")),
    ]
    for n in range(1, 7):
        body = json.loads(view([entry(i + 1, m, A) for i, m in enumerate(chain[:n])], plain).body())
        assert body["messages"][:n] == chain[:n]
        assert len(body["messages"]) == (n + 1 if n in (2, 4) else n), "a placeholder until the result came"
        assert body["stable_prefix"]["messages"] == (6 if n == 6 else 1)
    given_up = [*chain[:5], HI]
    body = json.loads(view([entry(i + 1, m, A) for i, m in enumerate(given_up)], plain).body())
    gone = assistant(text("[server_tool_use omitted, seq 2]"), use("a"))
    assert body["messages"] == [HI, gone, user(result("a")), assistant(use("b")), user(result("b")), HI]
    assert body["stable_prefix"]["messages"] == 6


def test_a_mark_whose_name_is_escaped_is_found() -> None:
    raw = b'{"role":"user","content":[{"type":"new","x":[{"cache\\u005fcontrol":{},"y":1}]}]}'
    plain = style(A, marks=False, model=None, ttl="5m", placement="user")
    body = view([entry(1, raw, A)], plain).body()
    assert json.loads(body)["messages"] == [user({"type": "new", "x": [{"y": 1}]})]


@pytest.mark.parametrize(("placement", "lead"), [("user", False), ("system_block", True)])
def test_the_assistant_may_come_first_after_a_summary_message_only(placement: str, lead: bool) -> None:
    plain = style(A, marks=False, model=None, ttl="5m", placement=placement)
    body = json.loads(view([entry(1, HI, A), entry(2, BYE, A)], plain, cut=1).body())
    first = body["messages"][0]
    assert first["role"] == "user"
    assert ("So far." in first["content"]) is not lead
    assert body["messages"][1] == BYE
    check_valid(body, plain)


def test_a_long_output_is_shown_without_its_middle() -> None:
    log = [entry(1, HI, A), entry(2, assistant(use("a")), A), entry(3, user(result("a", content="x" * 1_000)), A)]
    for target in FORMATS:
        plain = style(target, marks=False, model=None, ttl="5m", placement="user")
        header = replace(session(log, None), clamps="1:0 3:100")
        made = View(header, None, plain, decode_entry)
        made.extend(header, log)
        body = json.loads(made.body())
        check_valid(body, plain)
        assert "x" * 240 + "\\n[600 bytes of this output omitted, seq 3]\\n" + "x" * 160 in json.dumps(body)
