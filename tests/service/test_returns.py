"""How often sessions are taken up again: learnt from calls, of each tenant for itself."""

from __future__ import annotations

from memsvc.core.model import Key
from memsvc.service.returns import EVEN, MOST_COUNTED, MOST_SESSIONS, MOST_TENANTS, Returns

TTL_S = 300.0
NEW = Key("t", "new")


def test_of_a_tenant_of_whom_nothing_is_known_every_second_one() -> None:
    returns = Returns()
    assert returns.chance(NEW, 0.0) == EVEN
    returns.called(NEW, 0.0, TTL_S)
    assert returns.chance(NEW, 1e6) == EVEN, "a session says nothing of itself"


def test_sessions_that_come_back_and_sessions_that_do_not() -> None:
    returns = Returns()
    for n in range(8):
        returns.called(Key("t", f"{n}"), float(n), TTL_S)
    assert returns.chance(NEW, TTL_S) == EVEN, "the cache of none of them has expired"
    assert returns.chance(NEW, 2 * TTL_S) == 1 / 10
    for n in range(6):
        returns.called(Key("t", f"{n}"), 3 * TTL_S, TTL_S)
    assert returns.chance(NEW, 3 * TTL_S) == 7 / 10
    assert returns.chance(Key("t", "7"), 3 * TTL_S) == 7 / 9, "the one that is asked about is not counted"
    assert returns.chance(Key("other", "s"), 3 * TTL_S) == EVEN


def test_a_call_within_the_lifetime_is_no_return() -> None:
    returns = Returns()
    for n in range(20):
        returns.called(NEW, n * (TTL_S - 1), TTL_S)
    assert returns.chance(Key("t", "x"), 20 * (TTL_S - 1)) == EVEN


def test_it_stays_small_and_the_past_fades() -> None:
    returns = Returns()
    for n in range(MOST_SESSIONS + 100):
        returns.called(Key("t", f"{n}"), n * 1_000.0, TTL_S)
    for n in range(MOST_TENANTS + 5):
        returns.called(Key(f"t{n}", "s"), 0.0, TTL_S)
    assert returns.chance(NEW, 1e9) == EVEN, "a tenant that was left alone the longest is forgotten"
    for n in range(3 * MOST_COUNTED):
        returns.called(NEW, n * 1_000.0, TTL_S)
    assert returns.chance(Key("t", "x"), 3e6) > 0.99
    for n in range(4_000):
        returns.called(Key("t", f"once {n}"), 3e6 + n * 1_000.0, TTL_S)
    assert returns.chance(Key("t", "x"), 1e9) < 0.25
