"""Periods, and the levels of a budget."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memsvc.core.budgets import Budget, Reached, Spending, concerning, in_force, name, passed, renews_at

TIMES = st.floats(0, 253_402_300_799)


@given(TIMES)
def test_periods_are_those_of_the_calendar(at: float) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(at))
    assert name("day", at) == moment.date().isoformat()
    assert name("month", at) == moment.date().isoformat()[:7]
    day = moment.replace(hour=0, minute=0, second=0)
    if moment.year < 9999:
        assert renews_at("day", at) == (day + timedelta(days=1)).timestamp()
        month = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        assert renews_at("month", at) == month.timestamp()


def test_a_call_counts_for_all_and_for_its_feature() -> None:
    places = Spending("t", "chat", 1, 0.0).places
    assert places == [("1970-01-01", ""), ("1970-01-01", "chat"), ("1970-01", ""), ("1970-01", "chat")]


def test_a_tenants_own_budget_takes_the_place_of_the_services() -> None:
    defaults = [Budget("day", None, 10), Budget("month", None, 100)]
    own = [Budget("day", None, 3), Budget("day", "chat", 2)]
    found = in_force(own, defaults)
    assert found == [Budget("day", None, 3), Budget("month", None, 100), Budget("day", "chat", 2)]
    assert concerning(found, "summary") == found[:2]
    assert concerning(found, "chat") == found


@pytest.mark.parametrize(
    ("before", "peak", "told"),
    [
        (0, 49, []),
        (0, 50, [50]),
        (49, 80, [50, 80]),
        (50, 79, []),
        (80, 100, [100]),
        (99, 300, [100]),
        (100, 300, []),
        (0, 1000, [50, 80, 100]),
    ],
)
def test_a_level_is_passed_once(before: int, peak: int, told: list[int]) -> None:
    assert passed(Reached(Budget("day", None, 100), 0, before, peak), (50, 80, 100)) == told
