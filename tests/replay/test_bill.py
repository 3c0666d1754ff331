"""The model of a provider's prompt cache that replays are billed by."""

from __future__ import annotations

from typing import Any

from memsvc.core.caches import Cache
from memsvc.core.economy import Rates
from memsvc.replay.bill import Provider, readable

RATES = Rates(input=1.0, write=10.0, read=0.1, output=5.0)


def provider(minimum: int = 0) -> Provider:
    return Provider(RATES, Cache(300.0, minimum), lambda text: len(text.split()))


def body(*texts: str, system: str = "you are kind") -> dict[str, Any]:
    return {"system": system, "messages": [{"role": "user", "content": text} for text in texts]}


def test_what_was_sent_before_is_read_and_the_rest_written() -> None:
    one = provider()
    one.request(body("a b"), 0.0)
    assert (one.bill.read, one.bill.written) == (0, 5)
    one.request(body("a b", "c d e"), 10.0)
    assert (one.bill.read, one.bill.written) == (5, 8)
    assert one.bill.usd == (8 * 10.0 + 5 * 0.1) / 1e6


def test_a_prefix_is_forgotten_when_it_was_not_used_for_its_lifetime() -> None:
    one = provider()
    for at in (0.0, 300.0, 600.0, 900.1):
        one.request(body("a b"), at)
    assert (one.bill.read, one.bill.written) == (10, 10)


def test_of_a_changed_prefix_only_what_stands_before_the_change_is_read() -> None:
    one = provider()
    one.request(body("a b", "c d"), 0.0)
    one.request(body("x y", "c d"), 1.0)
    assert (one.bill.read, one.bill.written) == (3, 7 + 4)


def test_below_the_smallest_prefix_nothing_is_cached() -> None:
    one = provider(minimum=6)
    one.request(body("a b"), 0.0)
    one.request(body("a b"), 1.0)
    assert (one.bill.plain, one.bill.read, one.bill.written) == (10, 0, 0)
    one.request(body("a b", "c d"), 2.0)
    one.request(body("a b", "c d"), 3.0)
    assert (one.bill.plain, one.bill.read, one.bill.written) == (10, 7, 7)


def test_marks_are_no_part_of_what_is_compared() -> None:
    one = provider()
    block = {"type": "text", "text": "a b"}
    one.request({"messages": [{"role": "user", "content": [block]}]}, 0.0)
    marked = {**block, "cache_control": {"type": "ephemeral"}}
    one.request({"messages": [{"role": "user", "content": [marked]}]}, 1.0)
    assert (one.bill.read, one.bill.written) == (2, 2)


def test_calls_and_results_are_read_too() -> None:
    assert readable({"type": "tool_use", "id": "t", "name": "run", "input": {"q": 1}}) == 'run {"q":1}'
    assert readable({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "ok"}]}) == "t\nok"
