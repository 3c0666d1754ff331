"""Groups: a cut falls between them, so whatever belongs together must be one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from memsvc.core.model import Entry, Format
from memsvc.core.render import decode_entry
from memsvc.core.turns import groups


def entries(*messages: dict[str, Any], format: Format = "openai") -> list[Entry]:
    return [Entry(n, json.dumps(m).encode(), format, 10, 0.0, None, 0, n) for n, m in enumerate(messages, start=1)]


def spans(*messages: dict[str, Any], format: Format = "openai") -> list[tuple[int, int, bool]]:
    """(first seq, last seq, open) of each group."""
    return [(g.first_seq, g.last_seq, g.open) for g in groups(entries(*messages, format=format), decode_entry)]


def calls(*ids: str) -> dict[str, Any]:
    made = [{"id": i, "type": "function", "function": {"name": "run", "arguments": "{}"}} for i in ids]
    return {"role": "assistant", "content": None, "tool_calls": made}


def result(id: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id, "content": "done"}


USER, SAID = {"role": "user", "content": "go"}, {"role": "assistant", "content": "ok"}


def test_plain_messages_stand_alone() -> None:
    assert spans(USER, SAID, USER) == [(1, 1, False), (2, 2, False), (3, 3, False)]


def test_a_call_and_all_its_results_are_one_group() -> None:
    assert spans(USER, calls("a", "b"), result("a"), result("b"), SAID) == [
        (1, 1, False),
        (2, 4, False),
        (5, 5, False),
    ]


def test_what_stands_between_a_call_and_its_result_belongs_to_it() -> None:
    assert spans(calls("a"), USER, result("a"), USER) == [(1, 3, False), (4, 4, False)]


def test_a_call_that_waits_takes_in_all_that_came_since() -> None:
    assert spans(USER, calls("a", "b"), result("a"), USER) == [(1, 1, False), (2, 4, True)]


def test_the_next_reply_closes_it() -> None:
    assert spans(calls("a", "b"), result("a"), USER, SAID, result("b")) == [
        (1, 2, False),
        (3, 3, False),
        (4, 4, False),
        (5, 5, False),
    ]


@pytest.mark.parametrize("number", [1, 3])
def test_the_same_in_messages_api_and_items(number: int) -> None:
    names = [f"c{n}" for n in range(number)]
    uses = [{"type": "tool_use", "id": i, "name": "run", "input": {}} for i in names]
    given = [{"type": "tool_result", "tool_use_id": i, "content": "x"} for i in names]
    said = [{"role": "assistant", "content": uses}, {"role": "user", "content": given}]
    assert spans(USER, *said, SAID, format="anthropic") == [(1, 1, False), (2, 3, False), (4, 4, False)]
    items = [{"type": "function_call", "call_id": i, "name": "run", "arguments": "{}"} for i in names]
    outputs = [{"type": "function_call_output", "call_id": i, "output": "x"} for i in names]
    assert spans(*items, *outputs, USER, format="responses") == [
        (1, 2 * number, False),
        (2 * number + 1,) * 2 + (False,),
    ]


def test_together_they_are_the_entries() -> None:
    log = entries(USER, calls("a"), USER, result("a"), SAID, calls("b"), SAID, result("b"))
    found = groups(log, decode_entry)
    assert [s for g in found for s in range(g.first_seq, g.last_seq + 1)] == [e.seq for e in log]
    assert sum(g.tokens for g in found) == sum(e.tokens for e in log)
