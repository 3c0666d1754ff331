"""Statements made shorter: what carries nothing goes, what turns or bounds a statement stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memsvc.core.extract.wording import clauses, shortened

STAYS = """
He said "the end" and left. | He said "the end" and left.
Fui a la playa | Fui a la playa
不可以请假 | 不可以请假
去酒吧喝一杯 | 去酒吧喝一杯
But never, ever deploy on Friday | never, ever deploy on Friday
And never, under any circumstances, delete it | never, under any circumstances, delete it
Well, no, that is wrong | no, that is wrong
Great, yes, book it | yes, book it
Okay, cancel: I want my refund | cancel: I want my refund
Nice, France: we land at 9 | France: we land at 9
It's not just the cache | It's not just cache
I'm not really allergic to the nuts | I'm not really allergic to nuts
It's not totally broken, and the tests pass | It's not totally broken, and tests pass
We ship just to Germany and Spain | We ship just to Germany and Spain
A few of the people came | A few of people came
I have a little money of my own | I have a little money of my own
My dose is 10 mg twice a day | My dose is 10 mg twice a day
A third of the users left | A third of users left
Go with option a of my list | Go with option a of my list
My train from a to b is late | My train from a to b is late
不要给我打电话 | 不要给我打电话
他没给我钱 | 他没给我钱
他给我钱 | 他给我钱
我请了保姆 | 我请了保姆
我遇到了麻烦 | 我遇到了麻烦
"""
GOES = """
Wow, Anna! By the way, I got the job. | I got job.
Hey there! I was really tired and the dog barked. | I was tired and dog barked.
Yes, it is the red one. | Yes, it is red one.
Wow, Anna! By the way, I really love the garden of my aunt | I love garden of my aunt
Hey Anna, the report is done and sent | report is done and sent
So, this is the key of the house | this is key of house
你好，请帮我订一家酒店吧 | 订一家酒店
"""


@pytest.mark.parametrize("case", [*STAYS.strip().splitlines(), *GOES.strip().splitlines()])
def test_what_is_left_means_the_same(case: str) -> None:
    said, _, left = case.partition(" | ")
    assert shortened(said) == left


@given(st.text(max_size=300))
def test_law_every_word_that_is_left_stands_in_its_order(text: str) -> None:
    left = iter(text)
    assert all(c in left for c in shortened(text))


@given(st.text(max_size=300))
def test_law_clauses_are_the_whole_statement(text: str) -> None:
    assert "".join(clause + between for clause, between in clauses(text)) == text
