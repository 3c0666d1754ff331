"""Budgets and their counters as rows."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from memsvc.core.budgets import Budget, Counted, Reached, Spending, name
from memsvc.stores.sqlite.ledger import MAX_INTEGER

_ADD = (
    "INSERT INTO budgets_used (tenant, period, feature, micros, peak) VALUES (?1, ?2, ?3, max(0, ?4), max(0, ?4)) "
    f"ON CONFLICT DO UPDATE SET micros = min({MAX_INTEGER}, max(0, micros + ?4)), "
    f"peak = max(peak, min({MAX_INTEGER}, micros + ?4))"
)
_PEAK = (
    "INSERT INTO budgets_used (tenant, period, feature, micros, peak) VALUES (?1, ?2, ?3, 0, ?4) "
    "ON CONFLICT DO UPDATE SET peak = max(peak, ?4)"
)
_USED = "SELECT micros, peak FROM budgets_used WHERE tenant = ? AND period = ? AND feature = ?"
_FORGET = "DELETE FROM budgets_used WHERE tenant = ?1 AND period < ?2 AND period <> substr(?2, 1, 7)"


def listed(db: apsw.Connection, tenant: str) -> list[Budget]:
    """A tenant's own budgets, in order of period and feature."""
    found = db.execute("SELECT period, feature, micros FROM budgets WHERE tenant = ? ORDER BY 1, 2", (tenant,))
    return [Budget(period, feature or None, micros) for period, feature, micros in found]


def put(db: apsw.Connection, tenant: str, budgets: Sequence[Budget]) -> None:
    """Let these take the place of those that are there."""
    db.execute("DELETE FROM budgets WHERE tenant = ?", (tenant,))
    for b in budgets:
        db.execute("INSERT INTO budgets VALUES (?, ?, ?, ?)", (tenant, *b.place, b.micros))


def count(db: apsw.Connection, spending: Spending, limits: Sequence[Budget], anyway: bool) -> Counted:
    """Count, unless a limit would be passed, or anyway."""
    before = [_used(db, spending, b) for b in limits]
    over = (b for b, (used, _) in zip(limits, before, strict=True) if used + spending.micros > b.micros)
    refused = None if anyway else next(over, None)
    if refused is not None:
        place = name(refused.period, spending.at), refused.feature or ""
        db.execute(_PEAK, (spending.tenant, *place, refused.micros))
    else:
        for place in spending.places:
            db.execute(_ADD, (spending.tenant, *place, spending.micros))
        db.execute(_FORGET, (spending.tenant, name("day", spending.at - 86_400.0)))
    reached = [
        Reached(b, now[0], was[1], now[1])
        for b, was, now in zip(limits, before, (_used(db, spending, b) for b in limits), strict=True)
    ]
    return Counted(refused, tuple(reached))


def counted(db: apsw.Connection, tenant: str, at: float, budgets: Sequence[Budget]) -> list[Reached]:
    """How far budgets are used up."""
    found = ((b, _used(db, Spending(tenant, "", 0, at), b)) for b in budgets)
    return [Reached(b, used, peak, peak) for b, (used, peak) in found]


def _used(db: apsw.Connection, spending: Spending, budget: Budget) -> tuple[int, int]:
    place = spending.tenant, name(budget.period, spending.at), budget.feature or ""
    return db.execute(_USED, place).fetchone() or (0, 0)
