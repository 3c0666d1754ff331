"""Budgets around the books: every call is counted before it is held, and none is made past a limit.

A count and the line in the books are two steps, for in a cluster they lie in different slots. Whoever dies between
them leaves more counted than was spent, never less, until the period ends. A store that writes in order takes both at
once where no limit stands between them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from memsvc.core.budgets import Budget, Counted, Reached, Spending, concerning, in_force, passed, renews_at
from memsvc.core.model import Key
from memsvc.core.money import Line
from memsvc.errors import BudgetExceeded, MemsvcError, NotFound
from memsvc.observe import Booked, BudgetReached, Sink, Unpriced
from memsvc.ports import Store

MICROS = 1_000_000
MOST_HELD = 100_000
"""Held calls whose worst case is remembered; of one that is forgotten nothing is given back."""
MOST_TOLD = 1_000


class Terms(Struct, frozen=True):
    """What the settings say of budgets.

    Attributes:
        defaults: of every tenant that has none of its own for the same period and feature.
        levels: per cent of a budget that are told of when they are reached.
    """

    defaults: tuple[Budget, ...] = ()
    levels: tuple[int, ...] = (50, 80, 100)


class Purse:
    """Holds, settles and books calls as `ports.Ledger` does, within the budgets of their tenants.

    Args:
        clock: unix seconds.
        tell: hears of levels that were reached, and of models without a price.
    """

    def __init__(self, store: Store, terms: Terms, *, clock: Callable[[], float], tell: Sink) -> None:
        self._store = store
        self._terms = terms
        self._clock = clock
        self._tell = tell
        self._in_order: bool = getattr(store, "IN_ORDER", False)
        self._held: dict[tuple[str, str], Spending] = {}
        self._told: set[tuple[str, str, int]] = set()

    async def hold(self, line: Line, *, most_micros: int | None, since: float) -> bool:
        """`Ledger.hold`. Raises BudgetExceeded where that would pass a budget."""
        spending = _spending(line, line.at)
        booking: Callable[[], Coroutine[Any, Any, bool]] = partial(
            self._store.hold, line, most_micros=most_micros, since=since
        )
        limits = await self._limits(line.key.tenant, line.feature) if spending.micros else ()
        if spending.micros and not limits and self._in_order:
            booking = partial(self._both, line, spending, booking)
        else:
            counted = await self._counted(spending, limits)
            if counted.refused is not None:
                raise _exceeded(spending, counted)
        try:
            booked = await booking()
        except NotFound:
            await self._store.count(_back(spending))
            raise  # after any other failure it may have been booked: what was counted stays
        if booked:
            self._remember(line, spending)
        else:
            await self._store.count(_back(spending))
        return booked

    async def _both(self, line: Line, spending: Spending, booking: Callable[[], Coroutine[Any, Any, bool]]) -> bool:
        """Count and book in one commit: no limit is there that could refuse it, and the count comes first."""
        count = self._store.count(spending)
        counted, booked = await asyncio.gather(count, booking(), return_exceptions=True)
        if isinstance(counted, BaseException):
            if booked is True:
                with contextlib.suppress(MemsvcError):  # else the worst case stays
                    await self._store.release(line.key, line.id)
            raise counted
        if isinstance(booked, BaseException):
            raise booked
        return booked is True

    async def settle(self, line: Line, *, held: str | None = None) -> bool:
        """`Ledger.settle`. Of a call that somebody else has booked, and counted, the whole worst case is given back;
        of one whose settling failed nothing is: it may be in the books, where a repetition finds it as another's."""
        worst = self._held.pop((line.key.tenant, held or line.id), None)
        booked = await self._store.settle(line, held=held)
        if booked:
            self._booked(line)
        if worst is not None:
            cost = (line.micros or 0) if booked or held is None else 0
            await self._give(worst, cost - worst.micros)
        return booked

    async def release(self, key: Key, id: str) -> bool:
        """`Ledger.release`."""
        released = await self._store.release(key, id)
        worst = self._held.pop((key.tenant, id), None) if released else None
        if worst is not None:
            await self._give(worst, -worst.micros)
        return released

    async def _give(self, counted: Spending, micros: int) -> None:
        """Count a difference."""
        if micros:
            await self._store.count(replace(counted, micros=micros))

    async def book(self, line: Line) -> bool:
        """`Ledger.book`: a call that was made is booked whatever the budgets say."""
        spending = _spending(line, min(line.at, self._clock()))
        limits = await self._limits(line.key.tenant, line.feature)
        booked = await self._store.book(line)
        if booked:
            self._booked(line)
            await self._counted(spending, limits, anyway=True)
        return booked

    async def limited(self, tenant: str, feature: str) -> bool:
        """Whether a budget concerns a tenant's calls for a feature."""
        return bool(await self._limits(tenant, feature))

    async def document(self, tenant: str) -> list[dict[str, Any]]:
        """A tenant's budgets in force, and how far each is used up."""
        now = self._clock()
        own = await self._store.budgets(tenant)
        found = await self._store.counted(tenant, now, in_force(own, self._terms.defaults))
        return [_shown(one, now, one.budget in own, self._terms.levels) for one in found]

    async def put(self, tenant: str, budgets: Sequence[Budget]) -> list[dict[str, Any]]:
        """Let these be a tenant's own budgets; gives the document."""
        await self._store.put_budgets(tenant, budgets)
        return await self.document(tenant)

    async def _limits(self, tenant: str, feature: str) -> list[Budget]:
        return concerning(in_force(await self._store.budgets(tenant), self._terms.defaults), feature)

    async def _counted(self, spending: Spending, limits: Sequence[Budget], *, anyway: bool = False) -> Counted:
        """Count, and tell of the levels of `limits` that this was the first to reach."""
        if not spending.micros:
            return Counted(None, ())  # what costs nothing passes no limit
        counted = await self._store.count(spending, limits, anyway=anyway)
        for one in counted.reached:
            for level in passed(one, self._terms.levels):
                self._reach(spending.tenant, one, level)
        return counted

    def _reach(self, tenant: str, one: Reached, level: int) -> None:
        budget = one.budget
        limit, used = budget.micros / MICROS, one.used / MICROS
        self._tell(BudgetReached(tenant, budget.feature, budget.period, level, limit, used))

    def _booked(self, line: Line) -> None:
        """Tell of a call that is in the books with what it came to; not of one that was not made after all."""
        usage = line.usage
        if usage.input or usage.output:
            usd = None if line.micros is None else line.micros / MICROS
            key = line.key
            self._tell(Booked(key.tenant, key.session, line.feature, line.provider, line.model, usage, usd))
        if line.micros is None:
            self._unpriced(line)

    def _unpriced(self, line: Line) -> None:
        """Tell of a model without a price, once a day."""
        told = line.provider, line.model, int(line.at // 86_400)
        if told in self._told:
            return
        if len(self._told) >= MOST_TOLD:
            self._told.clear()
        self._told.add(told)
        self._tell(Unpriced(line.key.tenant, line.provider, line.model, line.feature))

    def _remember(self, line: Line, spending: Spending) -> None:
        if len(self._held) >= MOST_HELD:
            self._held.pop(next(iter(self._held)))
        self._held[(line.key.tenant, line.id)] = spending


def _spending(line: Line, at: float) -> Spending:
    return Spending(line.key.tenant, line.feature, line.micros or 0, at)


def _back(spending: Spending) -> Spending:
    return replace(spending, micros=-spending.micros)


def _exceeded(spending: Spending, counted: Counted) -> BudgetExceeded:
    budget = counted.refused
    assert budget is not None
    used = next(one.used for one in counted.reached if one.budget == budget)
    ends = renews_at(budget.period, spending.at)
    what = f"calls for {budget.feature!r}" if budget.feature else "all calls"
    return BudgetExceeded(
        f"the tenant's budget for {what} is {_usd(budget.micros)} a {budget.period}: {_usd(used)} are spent or held,"
        f" this call may cost {_usd(spending.micros)}. It is renewed at {_moment(ends)};"
        " PUT /v1/budgets raises it",
        period=budget.period,
        feature=budget.feature,
        limit_usd=budget.micros / MICROS,
        spent_usd=used / MICROS,
        renews_at=ends,
    )


def _shown(one: Reached, now: float, own: bool, levels: Sequence[int]) -> dict[str, Any]:
    budget = one.budget
    return {
        "period": budget.period,
        "feature": budget.feature,
        "limit_usd": budget.micros / MICROS,
        "spent_usd": one.used / MICROS,
        "left_usd": max(0, budget.micros - one.used) / MICROS,
        "levels_reached": [level for level in levels if one.peak * 100 >= level * budget.micros],
        "renews_at": renews_at(budget.period, now),
        "default": not own,
    }


def _usd(micros: int) -> str:
    return f"${micros / MICROS:,.2f}" if micros >= MICROS // 10 else f"${micros / MICROS:.4f}"


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%MZ")
