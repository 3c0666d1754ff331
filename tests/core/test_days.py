"""The calendar's arithmetic against the standard library's."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memsvc.core.days import civil, ordinal, shifted, weekday

EPOCH = date(1970, 1, 1)


@given(st.dates(date(1600, 1, 1), date(2400, 12, 31)))
def test_days_are_those_of_the_calendar(day: date) -> None:
    number = (day - EPOCH).days
    assert civil(number) == (day.year, day.month, day.day)
    assert ordinal(day.year, day.month, day.day) == number
    assert weekday(number) == day.weekday()


@given(st.dates(date(1700, 1, 1), date(2300, 12, 31)), st.integers(-400, 400))
def test_months_away(day: date, months: int) -> None:
    year, month = shifted((day - EPOCH).days, months)
    first = day.replace(day=1)
    for _ in range(abs(months)):
        first = (
            (first + timedelta(days=32)).replace(day=1) if months > 0 else (first - timedelta(days=1)).replace(day=1)
        )
    assert (year, month) == (first.year, first.month)


@pytest.mark.parametrize("wrong", [(2023, 2, 29), (2023, 13, 1), (2023, 0, 1), (2023, 4, 31), (2023, 1, 0)])
def test_what_is_no_date(wrong: tuple[int, int, int]) -> None:
    assert ordinal(*wrong) is None
