"""The kill soak: its oracle finds every planted fault, and a small soak with real processes is clean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from benchmarks import soak
from benchmarks.corpus import FORMATS, Format
from benchmarks.soaking.client import boiled_down
from benchmarks.soaking.figures import page
from benchmarks.soaking.notes import MARK, Book, CutOff, Fetched, Kill, Pin, Said, Seen, Stored, Truth
from benchmarks.soaking.oracle import KINDS, account, recoveries
from benchmarks.soaking.voice import Voice, spelled
from memsvc.testing import violations

Json = dict[str, Any]
Case = tuple[Book, Truth]
Plant = Callable[[Book, Truth], Case]


def summary(epoch: int, start: int, end: int, *, current: bool = False) -> Json:
    return {"epoch": epoch, "from": start, "to": end, "text": "[#s.a.2] ...", "at": 1000.0, "current": current}


def clean() -> Case:
    """Twelve messages, sent one a second; 9 and 10 were cut off at second 10, an append of two came after."""
    book = Book("s", "openai", solo=True)
    for n in range(1, 13):
        batch = 11 if n == 12 else n
        begun = n + (20 if n > 10 else 0)
        raw = f'{{"role":"user","content":"[#s.a.{n}] hello"}}'.encode()
        book.said[f"s.a.{n}"] = Said(f"s.a.{n}", "a", n, batch, raw, begun, "acked", n, begun + 0.5)
    book.said["s.a.13"] = Said("s.a.13", "a", 13, 13, b"[#s.a.13]", 40, "open")
    book.cuts = [CutOff(8, 11.0, 12.0)]
    book.pins = {2: Pin(2, 900.0)}
    book.fetched = [
        Fetched("openai", 10.6, 10.9, 3, tuple(f"s.a.{n}" for n in range(4, 11))),
        Fetched("openai", 13.0, 13.5, 3, tuple(f"s.a.{n}" for n in range(4, 9))),
    ]
    log = tuple(Stored(s.seq, s.number in (9, 10), s.raw) for s in book.said.values() if s.seq)
    summaries = (summary(1, 1, 3), summary(3, 4, 7, current=True))
    last = Fetched("openai", 50.0, 50.5, 7, ("s.a.8", "s.a.11", "s.a.12"))
    return book, Truth(log, summaries, {"epoch": 3, "cut": 7}, (last,))


def with_log(change: Callable[[list[Stored]], object]) -> Plant:
    def plant(book: Book, truth: Truth) -> Case:
        log = list(truth.log)
        change(log)
        return book, replace(truth, log=tuple(log))

    return plant


def with_summaries(*summaries: Json) -> Plant:
    return lambda book, truth: (book, replace(truth, summaries=summaries))


def with_context(covered: int, *numbers: int, begun: float = 50.0) -> Plant:
    def plant(book: Book, truth: Truth) -> Case:
        book.fetched.append(Fetched("openai", begun, begun + 0.1, covered, tuple(f"s.a.{n}" for n in numbers)))
        return book, truth

    return plant


def renumber(log: list[Stored]) -> None:
    log[:] = [replace(m, seq=seq) for seq, m in enumerate(log, 1)]


def dropped(log: list[Stored]) -> None:
    del log[5]
    renumber(log)


def twice(log: list[Stored]) -> None:
    log.append(replace(log[2], seq=13))


def swapped(log: list[Stored]) -> None:
    log[4], log[5] = replace(log[5], seq=5), replace(log[4], seq=6)


def respelled(log: list[Stored]) -> None:
    log[4] = replace(log[4], raw=log[4].raw.replace(b":", b": "))


def stranger(log: list[Stored]) -> None:
    log.append(Stored(13, False, b'"[#s.b.1]"'))


def half(log: list[Stored]) -> None:
    log.pop()


def revived(log: list[Stored]) -> None:
    log[8] = replace(log[8], superseded=False)


def cut_too_much(log: list[Stored]) -> None:
    log[7] = replace(log[7], superseded=True)


def refused(book: Book, truth: Truth) -> Case:
    book.said["s.a.4"].state = "refused"
    return book, truth


def unquoted(book: Book, truth: Truth) -> Case:
    book.pins = {3: Pin(3, 900.0)}
    return book, truth


def seen_at_once(book: Book, truth: Truth) -> Case:
    book.faults.append(("prefix", "messages[0]: differs"))
    return book, truth


PLANTED: list[tuple[str, str, Plant]] = [
    ("a dropped message", "lost", with_log(dropped)),
    ("the last message is gone", "lost", with_log(half)),
    ("a duplicate", "duplicated", with_log(twice)),
    ("two messages in the other order", "reordered", with_log(swapped)),
    ("other bytes", "changed", with_log(respelled)),
    ("a message nobody sent", "invented", with_log(stranger)),
    ("a refused message", "invented", refused),
    ("half of an append", "torn", with_log(half)),
    ("a gap between seqs", "holes", with_log(lambda log: log.__setitem__(11, replace(log[11], seq=14)))),
    ("a cut message is live", "cuts", with_log(revived)),
    ("a live message is cut", "cuts", with_log(cut_too_much)),
    ("a range left out", "holes", with_summaries(summary(1, 1, 3), summary(3, 5, 7, current=True))),
    ("a range covered twice", "holes", with_summaries(summary(1, 1, 3), summary(2, 3, 7, current=True))),
    ("a first range that is missing", "holes", with_summaries(summary(3, 4, 7, current=True))),
    ("a range that ends before it begins", "holes", with_summaries(summary(1, 1, 3), summary(3, 4, 2, current=True))),
    ("no summary is current", "holes", with_summaries(summary(1, 1, 3), summary(3, 4, 7))),
    ("an epoch twice", "epochs", with_summaries(summary(3, 1, 3), summary(3, 4, 7, current=True))),
    ("epochs nobody asked for", "epochs", with_summaries(summary(1, 1, 7, current=True))),
    ("a pin that is not quoted", "pins", unquoted),
    ("a hole in a tail", "context", with_context(3, 4, 6, 7, 8, 11, 12)),
    ("a hole after the summary", "context", with_context(3, 5, 6, 7, 8, 11, 12)),
    ("a stale context", "context", with_context(3, 4, 5, 6, 7, 8, 11)),
    ("an empty context", "context", with_context(3)),
    ("a message twice in a context", "context", with_context(7, 8, 11, 11, 12)),
    ("a context out of order", "context", with_context(7, 11, 8, 12)),
    ("a message in summary and tail", "context", with_context(7, 7, 8, 11, 12)),
    ("a cut message in a context", "context", with_context(7, 8, 9, 11, 12)),
    ("a context with what the history lost", "lost", with_context(7, 8, 11, 12, 99)),
    ("what was seen at once", "prefix", seen_at_once),
]


def test_a_clean_session_has_no_fault() -> None:
    assert list(account(*clean())) == []


@pytest.mark.parametrize(("kind", "plant"), [(k, p) for _, k, p in PLANTED], ids=[name for name, _, _ in PLANTED])
def test_a_planted_fault_is_found(kind: str, plant: Plant) -> None:
    assert kind in {kind for kind, _ in account(*plant(*clean()))}


def test_what_was_not_answered_may_be_there_once_or_not() -> None:
    book, truth = clean()
    late = Stored(13, False, b"[#s.a.13]")
    seen = replace(truth, log=(*truth.log, late))
    assert list(account(book, seen)) == []
    assert [k for k, _ in account(book, replace(truth, log=(*seen.log, replace(late, seq=14))))] == ["duplicated"]


def test_a_truncation_that_was_not_answered_may_come_late_or_never() -> None:
    book, truth = clean()
    book.cuts.append(CutOff(11, 30.0))
    assert list(account(book, truth)) == []
    log = (*truth.log[:11], replace(truth.log[11], superseded=True))
    assert list(account(book, replace(truth, log=log))) == []


def test_a_stuck_compaction_is_timed_from_the_kill_until_it_is_over() -> None:
    looks = [(1.0, "running", 1), (2.0, "running", 1), (4.5, "idle", 2), (5.0, "idle", 2)]
    seen = [Seen(at, "s", state, epoch) for at, state, epoch in looks]
    kills = [Kill(1.5, "worker"), Kill(1.6, "worker"), Kill(4.6, "worker")]
    assert recoveries(seen, kills, frozenset({"worker"})) == [3.0]
    assert recoveries(seen, kills, frozenset({"store"})) == []


@pytest.mark.parametrize("format", FORMATS)
def test_the_clients_say_what_providers_take(format: Format) -> None:
    rng = Random(7)
    units = Voice(rng, format, tools=True).units()
    messages = [m for _ in range(40) for m in next(units)]
    marks = [f"s.a.{n}" for n in range(len(messages))]
    for message, mark in zip(messages, marks, strict=True):
        assert MARK.findall(spelled(rng, message, mark).decode()) == [mark]
    body = {"input" if format == "responses" else "messages": messages}
    while messages[-1].get("role") != "user":  # a call is due
        messages.pop()
    assert violations(body, format) == []


def test_the_marks_of_a_tail_are_those_outside_the_summary() -> None:
    said = [{"type": "text", "text": "<conversation_summary>[#s.a.1]</conversation_summary>"}]
    said.append({"type": "text", "text": "[#s.a.2]"})
    messages = [{"role": "user", "content": said}, {"role": "assistant", "content": "[#s.a.3] [#s.a.4]"}]
    context = {"covers": {"from": 1, "to": 1}, "messages": messages}
    found = boiled_down(context, "anthropic", 0.0)
    assert (found.covered, found.tail) == (1, ("s.a.2", "s.a.3", "s.a.4"))


def test_calls_stand_behind_the_text_of_their_message_though_they_came_before() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": '{"q": "[#s.a.9]"}'}}
    messages = [{"role": "assistant", "content": "[#s.a.10]", "tool_calls": [call]}]
    assert boiled_down({"covers": None, "messages": messages}, "openai", 0.0).tail == ("s.a.9", "s.a.10")


def test_a_small_soak_loses_nothing() -> None:
    found = soak.run(soak.arguments(["--quick", "--seed", "11"]))
    assert found["shown"] == []
    assert found["faults"] == dict.fromkeys(KINDS, 0)
    assert found["kills"]["all"] >= 3
    assert found["messages"]["acked"] > 5  # hundreds on an idle machine
    assert found["done"]["contexts"] > 0
    assert f"| messages acknowledged | {found['messages']['acked']:,} |" in page(found)
