"""Who said what, when, and which of it still holds."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from msgspec.structs import replace

from memsvc.core.asking import SummaryRequest
from memsvc.core.extract import bracketed, extract, read
from memsvc.core.extract.speakers import spoken
from memsvc.core.model import Entry
from tests.core.conversations import chat, count, entry

TUESDAY = 1_772_500_000.0
"""2026-03-03 01:06:40 UTC."""


def body(log: tuple[Entry, ...], budget: int = 400) -> str:
    return extract(SummaryRequest(log, (), None, None, budget), count)


def at(log: tuple[Entry, ...], step_s: float, start: float = TUESDAY) -> tuple[Entry, ...]:
    return tuple(replace(e, at=start + i * step_s) for i, e in enumerate(log))


TWO = chat(
    "Anna: I went to the museum in Ghent yesterday.",
    "Ben: My sister works there as a guide!",
    "Anna: Which one? I met a guide with red hair.",
    "Ben: Her name is Clara Maes.",
)


def test_names_that_messages_begin_with_are_the_labels() -> None:
    lines = body(TWO).splitlines()
    assert lines[0].startswith("1 Anna: I went to museum in Ghent yesterday")
    assert "4 Ben: Her name is Clara Maes." in lines


@pytest.mark.parametrize("name", ["System", "user", "ASSISTANT", "Tool", "Admin", "Note", "FACT"])
def test_words_that_tell_a_role_are_no_names(name: str) -> None:
    log = chat(*[f"{name}: fact {i} about topic {i}." for i in range(6)])
    assert {s.label for s in spoken(log)} == {"user", "assistant"}


def test_a_heading_here_and_there_is_no_name() -> None:
    log = chat("Berlin: nice in May.", "Yes.", "I want to go there.", "When?", "Plan: leave on Monday.", "Good.")
    assert {s.label for s in spoken(log)} == {"user", "assistant"}


def test_days_come_from_times_that_people_talk_at() -> None:
    shown = body(at(TWO, 40_000))
    assert shown.splitlines()[0] == "[3 March 2026]"
    assert "yesterday (2 March 2026)" in shown


@pytest.mark.parametrize(("step_s", "start"), [(0.0, TUESDAY), (0.01, TUESDAY), (60.0, 0.0)])
def test_times_of_an_import_or_from_a_clock_at_zero_tell_no_day(step_s: float, start: float) -> None:
    shown = body(at(TWO, step_s, start))
    assert "[" not in shown
    assert "(" not in shown


def test_dates_that_messages_begin_with_go_before_the_times_they_were_stored_at() -> None:
    log = chat(
        "[1:56 pm on 8 May, 2023] Anna: I ran a race yesterday.",
        "Ben: Well done!",
        "Anna: It was 10 km long.",
        "Ben: Long!",
    )
    shown = body(at(log, 60.0))
    assert shown.splitlines()[0] == "[8 May 2023]"
    assert "yesterday (7 May 2023)" in shown
    assert "1:56 pm" not in shown


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "The staging API lives at https://a.example.org/v2.",
            "Use https://b.example.org/v2 as the staging API base URL.",
        ),
        ("Production deploys need approval from Ann Lee.", "Only Bob Ray may approve production deploys."),
        ("Migration progress: phase 1 of 5.", "Migration progress: phase 3 of 5."),
        ("The maintenance access code is QX-17.", "The new maintenance access code is ZT-44."),
        ("My budget is 500 euros.", "My budget is 700 euros."),
    ],
)
def test_of_a_fact_that_changed_the_newest_holds(old: str, new: str) -> None:
    reading = read(chat(old, "Noted.", "The weather is mild.", "Indeed.", new, "Noted."))
    assert [reading.units[i].source for i in sorted(reading.stale) if reading.units[i].source == old] == [old]
    assert new not in [reading.units[i].source for i in reading.stale]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Parcel 4711 weighs 3 kg.", "Parcel 4712 weighs 5 kg."),
        ("Room 12 is ready now.", "Room 14 is ready too."),
        ("I visited Rome with Anna.", "I visited Paris with Anna."),
        ("My sister Eva lives in Rome.", "My brother Tom lives in Milan."),
        ("The price is 40.", "The price is 60."),
        ("Never deploy on Friday.", "Never deploy on Monday."),
        ("Order A-17 goes to Ghent.", "Order B-22 goes to Bruges."),
    ],
)
def test_facts_beside_each_other_all_hold(one: str, other: str) -> None:
    log = chat(one, "Noted.", "The weather is mild.", "Indeed.", other, "Noted.")
    reading = read(log)
    assert one not in [reading.units[i].source for i in reading.stale]


def test_a_summary_that_was_taken_over_is_quoted_by_its_words() -> None:
    block = (
        "<conversation_summary>\nRecord of messages 1 to 80 by the memory service, shortened (number speaker: words). "
        "It gives no instructions.\n\n## Constraints and preferences\n[5 user] Never use tabs.\n\n## Conversation\n"
        "17 Anna: The depot in Quito opens at 7:45.\n\n## Artifacts and identifiers\n- ids: [9] W7741-AX\n"
        "</conversation_summary>"
    )
    log = (entry(1, {"role": "user", "content": block}), *chat("x", "Go on.", "Fine.")[1:])
    shown = body(log)
    assert "1 Anna: depot in Quito opens at 7:45." in shown or "1 Anna: The depot in Quito opens at 7:45." in shown
    assert "17 Anna" not in shown
    assert "conversation_summary" not in shown


def test_labels_as_models_write_them() -> None:
    assert bracketed("17 user: a\n18 Anna Bell: b: c\n- 3 d\n[4 user] e\n5:30 f") == (
        "[17 user] a\n[18 Anna Bell] b: c\n- 3 d\n[4 user] e\n5:30 f"
    )


PROGRAM = """
from tests.core.conversations import chat, count
from memsvc.core.asking import SummaryRequest
from memsvc.core.extract import extract
words = "ab cd ef gh ij kl".split() * 30
log = chat(*[f"Item {i} of {i % 7} is {w} near {w[::-1]} and {w.upper()}." for i, w in enumerate(words)])
print(extract(SummaryRequest(log, (), None, None, 300), count))
"""


def test_the_same_whatever_order_a_process_keeps_its_sets_in() -> None:
    shown = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(shown) == 1


def test_an_answer_that_repeats_a_value_goes_with_it() -> None:
    log = chat(
        "My budget is 300 euros.",
        "With 300 euros you can stay two nights.",
        "The weather is mild.",
        "Indeed.",
        "My budget is 450 euros.",
        "Good.",
    )
    reading = read(log)
    gone = {reading.units[i].seq for i in reading.stale}
    assert gone == {1, 2}


def test_a_permission_keeps_its_limit() -> None:
    log = chat("You may push to the branch of the release whenever you like, but only with approval by Ann Lee.")
    assert "but only with approval" in body(log)


def test_of_what_is_said_again_and_again_the_last_is_left() -> None:
    log = chat(*[f"zanzibar {n // 2} {('user', 'assistant')[n % 2]} " + "words " * 30 for n in range(12)])
    reading = read(log)
    assert len(reading.units) - 1 not in reading.stale
    assert "zanzibar 5" in body(log)


def test_a_sum_between_two_that_share_its_currency_hides_neither() -> None:
    log = chat(
        "We are twelve, and the budget is 6,500 EUR.",
        "Noted.",
        "A room is 480 EUR a day.",
        "Fine.",
        "Actually, the budget is 5,800 EUR now, finance cut it last Friday.",
    )
    reading = read(log)
    assert [reading.units[i].source for i in sorted(reading.stale)] == ["and the budget is 6,500 EUR."]
