"""The contract of `ports.Budgets`."""

from __future__ import annotations

import asyncio

from memsvc.core.budgets import Budget, Reached, Spending
from memsvc.ports import Store

NOW = 1_795_000_000.0  # 2026-11-18
DAY = Budget("day", None, 1_000)
MONTH = Budget("month", None, 5_000)
CHAT = Budget("day", "chat", 600)
ALL = (DAY, MONTH, CHAT)


def spending(micros: int, feature: str = "chat", *, at: float = NOW, tenant: str = "t") -> Spending:
    return Spending(tenant, feature, micros, at)


async def used(store: Store, *budgets: Budget, at: float = NOW, tenant: str = "t") -> list[int]:
    return [reached.used for reached in await store.counted(tenant, at, budgets)]


class BudgetsContract:
    """What every store does with budgets and their counters."""

    async def test_budgets_come_back_and_are_put_as_a_whole(self, store: Store) -> None:
        assert await store.budgets("t") == []
        await store.put_budgets("t", [MONTH, CHAT, DAY])
        assert await store.budgets("t") == [DAY, CHAT, MONTH]
        await store.put_budgets("t", [Budget("day", "é 名", 1)])
        assert await store.budgets("t") == [Budget("day", "é 名", 1)]
        assert await store.budgets("u") == []
        await store.put_budgets("t", [])
        assert await store.budgets("t") == []

    async def test_a_call_counts_in_its_day_and_month_for_its_feature_and_for_all(self, store: Store) -> None:
        assert await used(store, *ALL) == [0, 0, 0]
        counted = await store.count(spending(100), ALL)
        assert counted.refused is None
        assert counted.reached == tuple(Reached(b, 100, 0, 100) for b in ALL)
        await store.count(spending(30, "summary"))
        await store.count(spending(7, at=NOW - 86_400))
        assert await used(store, *ALL) == [130, 137, 100]
        assert await used(store, *ALL, at=NOW - 86_400) == [7, 137, 7]
        assert await used(store, *ALL, tenant="u") == [0, 0, 0]

    async def test_what_would_pass_a_limit_is_not_counted_at_all(self, store: Store) -> None:
        await store.count(spending(600), ALL)
        counted = await store.count(spending(1), ALL)
        assert counted.refused == CHAT
        assert counted.reached == (
            Reached(DAY, 600, 600, 600),
            Reached(MONTH, 600, 600, 600),
            Reached(CHAT, 600, 600, 600),
        )
        assert (await store.count(spending(401, "summary"), (DAY, MONTH))).refused == DAY
        assert (await store.count(spending(400, "summary"), (DAY, MONTH))).refused is None
        assert await used(store, *ALL) == [1_000, 1_000, 600]
        assert (await store.count(spending(9_999), ())).refused is None, "what is billed already is counted in any case"
        assert await used(store, *ALL) == [10_999, 10_999, 10_599]

    async def test_a_refusal_is_the_first_to_reach_the_limit_and_only_once(self, store: Store) -> None:
        await store.count(spending(590), ALL)
        first, second = await store.count(spending(20), (CHAT,)), await store.count(spending(20), (CHAT,))
        assert first.reached == (Reached(CHAT, 590, 590, 600),)
        assert second.reached == (Reached(CHAT, 590, 600, 600),)

    async def test_what_is_taken_back_leaves_the_peak(self, store: Store) -> None:
        await store.count(spending(500), ALL)
        counted = await store.count(spending(-400), ALL)
        assert counted.reached[0] == Reached(DAY, 100, 500, 500)
        await store.count(spending(-400))
        assert await used(store, *ALL) == [0, 0, 0], "never below nothing"
        assert (await store.count(spending(50), (DAY,))).reached == (Reached(DAY, 50, 500, 500),)

    async def test_of_those_who_race_for_the_last_cent_one_wins(self, store: Store) -> None:
        await store.count(spending(500), (CHAT,))
        answers = await asyncio.gather(*(store.count(spending(60 + n), (CHAT, DAY)) for n in range(30)))
        assert sum(a.refused is None for a in answers) == 1
        peaks = [r for a in answers for r in a.reached if r.budget == CHAT and r.before < 600 <= r.peak]
        assert len(peaks) == 1, "one of them is told that the limit is reached"

    async def test_a_call_of_the_next_day_begins_anew(self, store: Store) -> None:
        await store.count(spending(1_000), ())
        later = await store.count(spending(1_000, at=NOW + 86_400), (DAY,))
        assert later.refused is None
        assert later.reached == (Reached(DAY, 1_000, 0, 1_000),)
        assert await used(store, DAY, MONTH, at=NOW + 86_400) == [1_000, 2_000]
        await store.count(spending(1, at=NOW + 40 * 86_400))
        assert await used(store, DAY, MONTH, at=NOW + 40 * 86_400) == [1, 1]

    async def test_large_sums(self, store: Store) -> None:
        for _ in range(3):
            await store.count(spending(2**52))
        assert (await store.count(spending(2**52), (DAY,))).refused == DAY
        assert (await used(store, DAY))[0] >= 2**53 - 1
