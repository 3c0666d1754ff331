"""What later words made untrue, and what only looks like it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from memsvc.core.accept import gather
from memsvc.core.extract import read
from tests.core.conversations import chat

STAND = """
My son is allergic to peanuts and penicillin. | My son is at school now.
My budget is $500 for the hotel. | My budget is tight this month.
The production database is at 10.0.0.5 on port 5432. | The production database is slow today.
My password manager is 1Password. | My password manager is great.
Our API gateway is kong-7 in eu-west-1. | Our API gateway is down again.
The order 123 is for Anna Bell. | The order 123 is late.
My account number is 998-22. | My account number is wrong in the letter.
My budget is $500 for hotels. | My budget is $600 for flights.
My billing contact is Anna Bell. | Is my billing contact Ben Cole?
My launch date is 3 May. | What if my launch date is 5 May?
My launch date is 3 May. | My launch date is not 5 May.
My son is 5 years old. | My son is 40 cm taller than his friend.
"""
GO = """
Our deadline is 3 May 2024. | Our deadline is now 5 June 2024.
My budget is $500. | My budget is $600.
My favorite color is blue. | My favorite color is green.
我的密码是1234。 | 我的密码是5678。
"""


def stale(case: str) -> set[int]:
    earlier, _, later = case.partition(" | ")
    reading = read(chat(earlier, "I see.", later, "Fine."))
    return {reading.units[i].seq for i in reading.stale}


@pytest.mark.parametrize("case", STAND.strip().splitlines())
def test_a_fact_of_which_something_else_is_said_stands(case: str) -> None:
    assert stale(case) == set()


@pytest.mark.parametrize("case", GO.strip().splitlines())
def test_a_value_that_was_given_anew_goes(case: str) -> None:
    assert stale(case) == {1}


def test_a_rule_and_a_value_outlive_small_talk_about_the_same() -> None:
    log = chat("My budget is $500 for the hotel.", "Noted.", "My budget is tight this month.", "I see.")
    parts = gather(log, reading=read(log))
    assert [d.text for d in parts.directives] == ["My budget is $500 for the hotel."]
    assert [a.text for a in parts.artifacts] == ["My budget is $500"]


SCORES = """
from memsvc.core.extract import read
from memsvc.core.extract.select import _Greedy, _base_weights
from tests.core.conversations import chat, count
texts = [f"Item {i} of shelf {i % 7} has {i % 5} boxes from Ada, Ben and {'xyz'[i % 3]}{i}." for i in range(60)]
reading = read(chat(*texts))
greedy = _Greedy(reading, _base_weights(reading), count)
print([greedy._score(i) for i in range(len(reading.units))])
"""


def test_weights_are_the_same_in_every_process() -> None:
    said = {
        subprocess.run(
            [sys.executable, "-c", SCORES],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(said) == 1
