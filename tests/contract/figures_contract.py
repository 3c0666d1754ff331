"""The contract of `ports.Figures` and `ports.Overview`."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from memsvc.core.figures import KEPT_DAYS, MOST_NOTED, DayFigure, Figure, Noted
from memsvc.core.model import Key
from memsvc.core.money import DAY_S
from memsvc.errors import InvalidRequest, NotFound
from memsvc.ports import Store
from tests.contract.making import KEY, OTHER, line, say

NOW = 1_795_000_000.0  # 2026-11-18
DAY = int(NOW // DAY_S)
DONE = Noted(KEY.tenant, KEY.session, NOW, 3, "forced", "local", 900, 100, 0.5, 2, 0.25)
FAILED = Noted(KEY.tenant, KEY.session, NOW + 1, attempts=4, error="summarizer_failed")


class FiguresContract:
    """What is counted as it happens."""

    async def test_figures_add_up_by_day_kind_and_name(self, store: Store) -> None:
        one = Figure("compacted", "forced", tokens=800, micros=70)
        await store.record("t", NOW, [one, Figure("broken", "é 名/x", micros=-5)])
        await store.record("t", NOW, [one])
        await store.record("t", NOW + DAY_S, [replace(one, name="cold")])
        await store.record("t", NOW - 200 * DAY_S, [one])
        assert await store.figures("t", since=DAY - 9, until=DAY + 2) == [
            DayFigure(DAY, "broken", "é 名/x", 1, 0, -5),
            DayFigure(DAY, "compacted", "forced", 2, 1600, 140),
            DayFigure(DAY + 1, "compacted", "cold", 1, 800, 70),
        ]
        assert len(await store.figures("t", since=DAY - 300, until=DAY + 2)) == 4
        assert await store.figures("t", since=DAY + 1, until=DAY + 1) == []

    async def test_many_who_count_at_once_lose_nothing(self, store: Store) -> None:
        await asyncio.gather(*(store.record("t", NOW, [Figure("failed", "x")], FAILED) for _ in range(30)))
        assert await store.figures("t", since=DAY, until=DAY + 1) == [DayFigure(DAY, "failed", "x", 30, 0, 0)]
        assert len(await store.noted("t", limit=99)) == 30

    async def test_law9_figures_are_a_tenants_own_and_can_be_told_of_all(self, store: Store) -> None:
        for key, count in ((KEY, 2), (OTHER, 3)):
            await say(store, key=key)
            await store.record(key.tenant, NOW, [Figure("failed", "x", count)], replace(DONE, tenant=key.tenant))
        for key, count in ((KEY, 2), (OTHER, 3)):
            assert [f.count for f in await store.figures(key.tenant, since=DAY, until=DAY + 1)] == [count]
            assert [n.tenant for n in await store.noted(key.tenant, limit=9)] == [key.tenant]
        assert await store.figures(None, since=DAY, until=DAY + 1) == [DayFigure(DAY, "failed", "x", 5, 0, 0)]
        assert {n.tenant for n in await store.noted(None, limit=9)} == {KEY.tenant, OTHER.tenant}
        assert await store.figures("nobody", since=0, until=DAY + 1) == []
        assert await store.noted("nobody", limit=9) == []

    async def test_compactions_come_back_newest_first(self, store: Store) -> None:
        await say(store)
        await store.record(KEY.tenant, NOW, [], DONE)
        await store.record(KEY.tenant, NOW, [], FAILED)
        assert await store.noted(KEY.tenant, limit=9) == [FAILED, DONE]
        assert await store.noted(KEY.tenant, limit=1) == [FAILED]
        assert await store.noted(None, limit=1) == [FAILED]

    async def test_old_ones_go(self, store: Store) -> None:
        await say(store)
        for n in range(MOST_NOTED + 3):
            await store.record(KEY.tenant, NOW, [], replace(FAILED, attempts=n))
        found = await store.noted(KEY.tenant, limit=999)
        assert [n.attempts for n in found] == list(range(MOST_NOTED + 2, 2, -1))

    async def test_a_session_that_is_gone_has_no_name(self, store: Store) -> None:
        await say(store, at=NOW - 5)
        await store.record(KEY.tenant, NOW, [], DONE)
        assert [n.session for n in await store.noted(KEY.tenant, limit=9)] == [KEY.session]
        await store.delete(KEY)
        assert await store.noted(KEY.tenant, limit=9) == [replace(DONE, session="")]
        await say(store, at=NOW + 5)
        assert [n.session for n in await store.noted(KEY.tenant, limit=9)] == [""], "another one of the same name"
        await store.record(KEY.tenant, NOW + 6, [], replace(DONE, at=NOW + 6))
        assert [n.session for n in await store.noted(None, limit=9)] == [KEY.session, ""]
        await store.record("late", NOW, [], replace(DONE, tenant="late"))
        assert [n.session for n in await store.noted("late", limit=9)] == [""], "deleted before it was written down"

    async def test_figures_of_days_long_ago_go(self, store: Store) -> None:
        await store.record("t", NOW, [Figure("failed", "x")])
        await store.record("t", NOW + (KEPT_DAYS + 40) * DAY_S, [Figure("failed", "x")])
        kept = await store.figures("t", since=DAY + 1, until=DAY + KEPT_DAYS + 99)
        assert len(kept) == 1  # the older one goes at once or when its time is over


class OverviewContract:
    """What is told of a whole store."""

    async def test_what_everybody_spent(self, store: Store) -> None:
        assert await store.spent_by_all(since=0, until=10**6) == ([], {})
        for key in (KEY, OTHER):
            await say(store, key=key)
            for n in range(3):
                await store.book(line(f"r{n}", 10 + n, key=key, at=NOW + n * DAY_S))
        await store.book(line("more", 5, key=OTHER, at=NOW, feature="chat", model="x"))
        by_day, by_tenant = await store.spent_by_all(since=DAY, until=DAY + 2)
        assert [(s.day, s.feature, s.calls, s.micros, s.usage.input) for s in by_day] == [
            (DAY, "chat", 1, 5, 10),
            (DAY, "summary", 2, 20, 20),
            (DAY + 1, "summary", 2, 22, 20),
        ]
        assert [(name, s.calls, s.micros) for name, s in by_tenant.items()] == [
            (KEY.tenant, 2, 21),
            (OTHER.tenant, 3, 26),
        ]

    async def test_sums_of_long_ago_follow_what_is_booked_late(self, store: Store) -> None:
        for key in (KEY, OTHER):
            await say(store, key=key)
            for n in range(0, 100, 7):
                await store.book(line(f"r{n}", 1, key=key, at=NOW - n * DAY_S))
        assert await store.hold(line("h", 50, at=NOW - 60 * DAY_S), most_micros=None, since=0.0)
        for late in (1, 2):
            for _ in range(2):
                found = await store.spent(KEY.tenant, since=DAY - 99, until=DAY + 1)
                assert sum(s.micros for s in found) == {1: 65, 2: 28}[late]
                assert [s.day for s in found] == sorted(s.day for s in found)
                by_day, by_tenant = await store.spent_by_all(since=DAY - 99, until=DAY + 1)
                assert sum(s.micros for s in by_day) == {1: 80, 2: 43}[late]
                assert by_tenant[OTHER.tenant].micros == 15
            await store.book(line("late", 5, at=NOW - 90 * DAY_S))
            await store.settle(line("h", 8, at=NOW - 50 * DAY_S))
        assert sum(s.calls for s in await store.spent(KEY.tenant, since=DAY - 70, until=DAY - 20)) == 9

    async def test_the_books_by_day_follow_holds_and_settlements(self, store: Store) -> None:
        await say(store)
        held = line("h", 500, at=NOW)
        assert await store.hold(held, most_micros=None, since=0.0)
        assert await store.hold(replace(held, id=held.id + "2"), most_micros=None, since=0.0)
        (day,) = await store.spent(KEY.tenant, since=DAY, until=DAY + 1)
        assert (day.calls, day.held, day.micros, day.held_micros) == (2, 2, 1000, 1000)
        assert await store.settle(replace(held, micros=20, at=NOW + DAY_S, model="other"))
        assert await store.release(KEY, held.id + "2")
        (day,) = await store.spent(KEY.tenant, since=DAY - 99, until=DAY + 99)
        assert (day.day, day.model, day.calls, day.held, day.micros, day.held_micros) == (DAY + 1, "other", 1, 0, 20, 0)

    async def test_a_sessions_calls_oldest_first_page_by_page(self, store: Store) -> None:
        await say(store)
        await say(store, key=OTHER)
        with pytest.raises(NotFound):
            await store.calls(Key(KEY.tenant, "nowhere"), after=None, limit=9)
        assert await store.calls(KEY, after=None, limit=9) == ([], None)
        lines = [line(f"r{n:02}", n, at=NOW + n // 5, revision=n) for n in range(12)]
        for one in reversed(lines):
            await store.book(one)
        await store.book(line("r00", key=OTHER))
        found, after = [], None
        for _ in range(4):
            page, after = await store.calls(KEY, after=after, limit=3)
            found += page
        assert found == lines
        assert after is None
        with pytest.raises(InvalidRequest):
            await store.calls(KEY, after="nonsense", limit=3)

    async def test_a_sessions_calls_follow_the_books(self, store: Store) -> None:
        await say(store)
        for name in ("a", "b", "c"):
            assert await store.hold(line(name, 500, at=NOW), most_micros=None, since=0.0)
        assert await store.settle(line("a", 5, at=NOW + 9))
        assert await store.settle(line("d", 6, at=NOW + 8), held=line("b").id)
        assert await store.release(KEY, line("c").id)
        found, _ = await store.calls(KEY, after=None, limit=9)
        assert [(one.id, one.micros, one.held) for one in found] == [(line("d").id, 6, False), (line("a").id, 5, False)]
        await store.delete(KEY)
        await say(store)
        assert await store.calls(KEY, after=None, limit=9) == ([], None), "of another one of that name"

    async def test_the_queue_as_it_is(self, store: Store) -> None:
        second = Key(KEY.tenant, "second")
        for key, due in ((KEY, 10.0), (second, 20.0), (OTHER, 5.0)):
            await say(store, key=key)
            await store.enqueue(key, due_at=due)
        queued = await store.queued(None, now=12.0, limit=9)
        assert (queued.waiting, queued.due, queued.running, queued.oldest_due_at) == (3, 2, 0, 5.0)
        assert [(j.key, j.state, j.due_at) for j in queued.jobs] == [
            (OTHER, "queued", 5.0),
            (KEY, "queued", 10.0),
            (second, "queued", 20.0),
        ]
        mine = await store.queued(KEY.tenant, now=12.0, limit=1)
        assert (mine.waiting, mine.due, mine.oldest_due_at) == (2, 1, 10.0)
        assert [j.key for j in mine.jobs] == [KEY]
        job = await store.take(KEY, now=12.0, lease_s=30.0)
        assert job is not None
        mine = await store.queued(KEY.tenant, now=12.0, limit=9)
        assert (mine.waiting, mine.due, mine.running, mine.oldest_due_at) == (1, 0, 1, None)
        assert [(j.key, j.state) for j in mine.jobs] == [(second, "queued"), (KEY, "running")]
        await store.finish(job, state="backoff", reason="budget_exceeded", error="a text", retry_at=15.0)
        mine = await store.queued(KEY.tenant, now=12.0, limit=9)
        assert [(j.key, j.state, j.due_at, j.attempts, j.error) for j in mine.jobs] == [
            (KEY, "backoff", 15.0, 1, "budget_exceeded"),
            (second, "queued", 20.0, 0, None),
        ]

    async def test_a_job_whose_worker_died_is_due(self, store: Store) -> None:
        await say(store)
        assert await store.take(KEY, now=12.0, lease_s=30.0) is not None
        queued = await store.queued(KEY.tenant, now=50.0, limit=9)
        assert (queued.waiting, queued.due, queued.running, queued.oldest_due_at) == (1, 1, 0, 42.0)

    async def test_how_many_sessions(self, store: Store) -> None:
        assert await store.session_count(None) == 0
        for name in ("a", "b"):
            await say(store, key=Key(KEY.tenant, name))
        await say(store, key=OTHER)
        assert [await store.session_count(t) for t in (KEY.tenant, OTHER.tenant, "nobody", None)] == [2, 1, 0, 3]
