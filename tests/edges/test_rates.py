"""How fast a tenant may ask."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memsvc.errors import RateLimited
from memsvc.server.rates import SWEPT, Rates
from memsvc.service import Memory
from tests.edges.api import serving

KEYS = {"key-of-ann-0123456": "ann", "key-of-ann-6543210": "ann", "key-of-bob-0123456": "bob"}


class Clock:
    """Seconds, moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def passes(rates: Rates, tenant: str = "ann") -> float:
    """0 if a request passes, else the seconds to wait."""
    try:
        rates.take(tenant)
    except RateLimited as refused:
        after = refused.extra["retry_after"]
        assert isinstance(after, float)
        return after
    return 0.0


def test_a_burst_and_then_one_at_a_time() -> None:
    clock = Clock()
    rates = Rates(2.0, 3, clock=clock)
    assert [passes(rates) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    clock.now += 0.25
    assert passes(rates) == 0.25, "what is refused uses nothing up"
    clock.now += 0.25
    assert [passes(rates), passes(rates)] == [0.0, 0.5]
    clock.now += 3_600
    assert [bool(passes(rates)) for _ in range(4)] == [False] * 3 + [True], "an hour of rest is one burst"


@pytest.mark.parametrize(("per_s", "burst", "at_once"), [(0.1, None, 1), (1.0, None, 1), (7.6, None, 8), (1.0, 50, 50)])
def test_how_many_may_come_at_once(per_s: float, burst: int | None, at_once: int) -> None:
    rates = Rates(per_s, burst, clock=Clock())
    assert [bool(passes(rates)) for _ in range(at_once + 1)] == [False] * at_once + [True]


@given(st.floats(0.1, 1_000), st.integers(1, 50), st.lists(st.floats(0, 10), max_size=60))
def test_never_more_than_the_burst_and_what_the_time_gives(per_s: float, burst: int, pauses: list[float]) -> None:
    clock = Clock()
    rates, passed = Rates(per_s, burst, clock=clock), 0
    for pause in pauses:
        clock.now += pause
        wait = passes(rates)
        passed += not wait
        assert passed <= burst + sum(pauses) * per_s + 1e-6
        if wait:
            clock.now += wait + 1e-9
            pauses = [*pauses, wait + 1e-9]
            assert not passes(rates), "who waits as long as told is let in"
            passed += 1


def test_tenants_that_come_no_more_take_no_place() -> None:
    clock = Clock()
    rates = Rates(1.0, 1, clock=clock)
    for n in range(SWEPT):
        assert not passes(rates, f"t{n}")
    clock.now += 0.5
    assert not passes(rates, "new")
    assert len(rates._buckets) == SWEPT + 1, "nobody's count is forgotten early"
    clock.now += 0.5
    assert not passes(rates, "newer")
    assert set(rates._buckets) == {"new", "newer"}


async def test_a_tenant_that_asks_too_often_is_told_when_to_come_back(memory: Memory) -> None:
    clock = Clock()
    async with serving(memory, keys=KEYS, rates=Rates(0.5, 2, clock=clock)) as api:
        one, other, bob = ({"x-api-key": key} for key in KEYS)
        await api.ok("PUT", "/v1/sessions/s", {}, headers=one)
        await api.ok("GET", "/v1/sessions/s", headers=other)
        for headers in (one, other):
            answer = await api.call("POST", "/v1/sessions/s/messages", {"messages": []}, headers=headers)
            assert answer.headers["Retry-After"] == "2"
            problem = answer.problem(429, code="rate_limited")
            assert problem["retryable"]
            assert "0.5 times a second" in problem["detail"]
        await api.ok("GET", "/v1/sessions", headers=bob)
        for _ in range(5):  # public calls and those without a key are nobody's
            assert (await api.call("GET", "/healthz")).status == 200
            assert (await api.call("GET", "/v1/sessions", headers={"x-api-key": "x"})).status == 401
        clock.now += 2
        await api.ok("GET", "/v1/sessions/s", headers=one)
        await api.ok("GET", "/v1/sessions", headers=bob)
