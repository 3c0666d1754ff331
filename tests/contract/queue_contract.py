"""What every store does with due compactions."""

from __future__ import annotations

import asyncio

import pytest

from memsvc.core.model import Backlog, Job, Key
from memsvc.errors import NotFound
from memsvc.ports import Store
from tests.contract.making import KEY, OTHER, must, say


async def _claimed(store: Store, *, now: float = 10.0, lease_s: float = 60.0) -> Job:
    job = await store.claim(now=now, lease_s=lease_s)
    assert job is not None
    return job


class QueueContract:
    """At most one job a session; a claim pushes the due time; the lease is the proof."""

    async def test_an_empty_queue(self, store: Store) -> None:
        assert await store.claim(now=1e12, lease_s=60) is None
        assert await store.next_due() is None
        with pytest.raises(NotFound):
            await store.enqueue(KEY, due_at=1.0)

    async def test_a_job_is_claimed_when_due_and_by_one(self, store: Store) -> None:
        await say(store)
        await store.enqueue(KEY, due_at=10.0)
        assert (await must(store)).state == "queued"
        assert await store.claim(now=9.99, lease_s=60) is None
        claims = await asyncio.gather(*(store.claim(now=10.0, lease_s=60) for _ in range(10)))
        jobs = [job for job in claims if job is not None]
        assert jobs == [Job(KEY, 70.0, 1)]
        assert (await must(store)).state == "running"
        assert await store.next_due() == 70.0

    async def test_how_much_waits(self, store: Store) -> None:
        assert await store.backlog(now=1e12) == Backlog(0, 0, 0.0)
        for n, due in enumerate((30.0, 10.0, 20.0)):
            await say(store, key=Key("t", f"{n}"))
            await store.enqueue(Key("t", f"{n}"), due_at=due)
        assert await store.backlog(now=9.0) == Backlog(0, 3, 0.0)
        assert await store.backlog(now=25.0) == Backlog(2, 3, 15.0)
        job = await _claimed(store, now=25.0)
        assert await store.backlog(now=25.0) == Backlog(1, 3, 5.0)
        assert await store.backlog(now=90.0) == Backlog(3, 3, 70.0)  # a lease that ran out is due
        assert await store.finish(job)
        assert await store.backlog(now=25.0) == Backlog(1, 2, 5.0)

    async def test_the_job_that_is_due_longest_goes_first(self, store: Store) -> None:
        for n, due in enumerate((30.0, 10.0, 20.0)):
            await say(store, key=Key("t", f"{n}"))
            await store.enqueue(Key("t", f"{n}"), due_at=due)
        assert await store.next_due() == 10.0
        assert [(await _claimed(store, now=50.0)).key.session for _ in range(3)] == ["1", "2", "0"]

    async def test_a_note_waits_for_the_next_claim_and_an_earlier_request_counts(self, store: Store) -> None:
        await say(store, soft_tokens=1_000)
        await store.enqueue(KEY, due_at=10.0)
        job = await _claimed(store, now=10.0)
        assert job.note == ""
        assert await store.finish(job, state="queued", retry_at=500.0, note="batch é 7")
        assert ((await must(store)).state, await store.next_due()) == ("queued", 500.0)
        await store.enqueue(KEY, due_at=20.0)
        again = await _claimed(store, now=20.0)
        assert (again.note, again.attempts) == ("batch é 7", 1)
        await store.enqueue(KEY, due_at=25.0)  # while it is claimed
        assert await store.finish(again, state="queued", retry_at=600.0, note="batch é 7")
        failed = await _claimed(store, now=25.0)
        assert await store.finish(failed, state="backoff", error="x", retry_at=30.0)
        last = await _claimed(store, now=30.0)
        assert (last.note, last.attempts) == ("batch é 7", 2)
        assert await store.finish(last)
        await store.enqueue(KEY, due_at=40.0)
        assert (await _claimed(store, now=40.0)).note == "", "a job that ended leaves nothing"

    async def test_one_job_a_session_and_the_earlier_request_stands(self, store: Store) -> None:
        await say(store)
        for due in (20.0, 10.0, 15.0):
            await store.enqueue(KEY, due_at=due)
        assert ((await must(store)).due_at, await store.next_due()) == (10.0, 10.0)
        await _claimed(store)
        assert await store.claim(now=50.0, lease_s=60) is None

    async def test_finish_ends_the_job(self, store: Store) -> None:
        await say(store)
        await store.enqueue(KEY, due_at=10.0)
        job = await _claimed(store)
        before = await must(store)
        assert await store.finish(job, reason="threshold")
        after = await must(store)
        assert (after.state, after.due_at, after.last_reason, after.last_error) == ("idle", None, "threshold", None)
        assert (after.revision, after.updated_at) == (before.revision, before.updated_at)
        assert await store.next_due() is None
        assert not await store.finish(job)

    async def test_what_was_said_of_the_last_compaction_stands_until_something_else_is(self, store: Store) -> None:
        await say(store)
        await store.enqueue(KEY, due_at=10.0)
        assert await store.finish(await _claimed(store), state="failed", reason="timeout", error="it took too long")
        failed = await must(store)
        assert (failed.state, failed.last_reason, failed.last_error) == ("failed", "timeout", "it took too long")
        await store.enqueue(KEY, due_at=11.0)
        assert (await must(store)).last_error == "it took too long"
        assert await store.finish(await _claimed(store, now=11.0))
        ended = await must(store)
        assert (ended.state, ended.last_reason, ended.last_error) == ("idle", "timeout", None)

    async def test_a_crashed_workers_job_becomes_due_by_itself_and_is_fenced(self, store: Store) -> None:
        await say(store)
        await store.enqueue(KEY, due_at=10.0)
        dead = await _claimed(store, now=10.0, lease_s=5.0)
        assert await store.claim(now=14.9, lease_s=5.0) is None
        heir = await _claimed(store, now=15.0, lease_s=5.0)
        assert (heir.attempts, dead.attempts) == (2, 1)
        running = await must(store)
        assert not await store.finish(dead, state="failed", error="late")
        assert await must(store) == running
        assert await store.finish(heir)

    async def test_a_lease_that_is_extended_keeps_the_job(self, store: Store) -> None:
        await say(store)
        await store.enqueue(KEY, due_at=10.0)
        job = await _claimed(store, now=10.0, lease_s=5.0)
        assert await store.extend(job, now=14.0, lease_s=5.0)
        assert await store.next_due() == 19.0
        assert await store.claim(now=18.9, lease_s=5.0) is None
        assert (await must(store)).state == "running"
        assert await store.extend(job, now=14.5, lease_s=5.0)  # the first answer may have been lost
        assert await store.finish(job)

    async def test_a_lease_that_ran_out_can_be_extended_until_another_takes_the_job(self, store: Store) -> None:
        await say(store)
        await store.enqueue(KEY, due_at=10.0)
        slow = await _claimed(store, now=10.0, lease_s=5.0)
        assert await store.extend(slow, now=16.0, lease_s=5.0)
        heir = await _claimed(store, now=21.0, lease_s=5.0)
        assert not await store.extend(slow, now=22.0, lease_s=5.0)
        assert await store.next_due() == heir.lease
        assert await store.finish(heir)
        assert not await store.extend(heir, now=22.0, lease_s=5.0)

    async def test_a_lease_ends_with_its_session(self, store: Store) -> None:
        await say(store)
        await store.enqueue(KEY, due_at=10.0)
        job = await _claimed(store, now=10.0, lease_s=5.0)
        await store.delete(KEY)
        await say(store)
        assert not await store.extend(job, now=11.0, lease_s=5.0)

    async def test_what_is_asked_for_while_a_lease_is_extended_is_not_lost(self, store: Store) -> None:
        await say(store)
        await store.enqueue(KEY, due_at=10.0)
        job = await _claimed(store, now=10.0, lease_s=5.0)
        await store.enqueue(KEY, due_at=12.0)
        assert await store.extend(job, now=14.0, lease_s=5.0)
        assert await store.finish(job)
        assert (await must(store)).due_at == 12.0

    async def test_no_two_leases_are_alike(self, store: Store) -> None:
        await say(store)
        await store.enqueue(KEY, due_at=0.0)
        first = await _claimed(store, now=10.0, lease_s=5.0)
        second = await _claimed(store, now=15.0, lease_s=0.0)  # would end at the same moment
        assert first.lease != second.lease
        assert not await store.finish(first)
        assert await store.finish(second, state="backoff", retry_at=20.0)
        third = await _claimed(store, now=20.0, lease_s=-5.0)  # the same moment, another claim
        assert third.lease == first.lease
        assert not await store.finish(first)
        assert await store.finish(third)

    async def test_backoff_stands_whatever_is_asked_meanwhile(self, store: Store) -> None:
        await say(store)
        await store.enqueue(KEY, due_at=10.0)
        assert await store.finish(await _claimed(store), state="backoff", error="away", retry_at=40.0)
        await store.enqueue(KEY, due_at=11.0)
        await say(store, 5, soft_tokens=1)
        session = await must(store)
        assert (session.state, session.due_at, session.last_error) == ("backoff", 40.0, "away")
        assert await store.claim(now=39.0, lease_s=60) is None
        assert (await _claimed(store, now=40.0)).attempts == 2

    async def test_attempts_begin_anew_after_an_end(self, store: Store) -> None:
        await say(store)
        for _ in range(2):
            await store.enqueue(KEY, due_at=10.0)
            job = await _claimed(store)
            assert job.attempts == 1
            await store.finish(job)

    async def test_what_is_asked_while_running_is_not_lost(self, store: Store) -> None:
        await say(store)
        await store.enqueue(KEY, due_at=10.0)
        job = await _claimed(store)
        for due in (30.0, 12.0, 20.0):
            await store.enqueue(KEY, due_at=due)
        assert (await must(store)).state == "running"
        assert await store.finish(job, reason="threshold")
        session = await must(store)
        assert (session.state, session.due_at, session.last_reason) == ("queued", 12.0, "threshold")
        assert (await _claimed(store, now=12.0)).attempts == 1

    async def test_an_append_while_running_is_not_lost(self, store: Store) -> None:
        await say(store, 5, soft_tokens=1, at=10.0)
        job = await _claimed(store)
        assert (await say(store, 5, at=11.0)).due
        await store.finish(job)
        assert (await must(store)).due_at == 11.0

    async def test_what_is_asked_for_later_stands_when_a_worker_dies(self, store: Store) -> None:
        await say(store)
        await store.enqueue(KEY, due_at=10.0)
        await _claimed(store, now=10.0, lease_s=5.0)
        await store.enqueue(KEY, due_at=12.0)  # the heir sees to this one
        await store.enqueue(KEY, due_at=12.0)
        await store.finish(await _claimed(store, now=20.0, lease_s=5.0))
        assert await store.next_due() is None
        await store.enqueue(KEY, due_at=30.0)
        await _claimed(store, now=30.0, lease_s=5.0)
        await store.enqueue(KEY, due_at=500.0)  # this one not
        await store.finish(await _claimed(store, now=40.0, lease_s=5.0))
        assert await store.next_due() == 500.0

    async def test_a_retry_takes_in_what_was_asked_while_running(self, store: Store) -> None:
        await say(store)
        await store.enqueue(KEY, due_at=10.0)
        job = await _claimed(store)
        await store.enqueue(KEY, due_at=11.0)
        assert await store.finish(job, state="backoff", retry_at=70.0)
        assert await store.next_due() == 70.0
        await store.finish(await _claimed(store, now=70.0))
        assert await store.next_due() is None

    async def test_a_clock_set_back_does_not_hold_a_dead_workers_job_for_ever(self, store: Store) -> None:
        await say(store)
        await store.enqueue(KEY, due_at=0.0)
        dead = await _claimed(store, now=10_000.0, lease_s=60.0)
        assert await store.claim(now=9_990.0, lease_s=60.0) is None  # readings may differ by a little
        heir = await _claimed(store, now=100.0, lease_s=60.0)
        assert not await store.finish(dead)
        assert await store.claim(now=101.0, lease_s=60.0) is None
        assert await store.finish(heir)

    async def test_a_clock_set_back_does_not_hold_an_append_back(self, store: Store) -> None:
        await say(store, 5, soft_tokens=1, at=10_000.0)
        await say(store, 1, at=100.0)
        assert (await _claimed(store, now=100.0)).key == KEY

    async def test_a_session_can_be_taken_due_or_not(self, store: Store) -> None:
        with pytest.raises(NotFound):
            await store.take(KEY, now=10.0, lease_s=5.0)
        await say(store)
        first = await store.take(KEY, now=10.0, lease_s=5.0)  # nobody has asked for it
        assert first == Job(KEY, 15.0, 1)
        assert (await must(store)).state == "running"
        assert await store.finish(first)
        await store.enqueue(KEY, due_at=100.0)
        second = await store.take(KEY, now=20.0, lease_s=5.0)
        assert second == Job(KEY, 25.0, 1)
        assert await store.finish(second, state="backoff", retry_at=90.0)
        third = await store.take(KEY, now=30.0, lease_s=5.0)
        assert third == Job(KEY, 35.0, 2)
        assert await store.finish(third)
        assert await store.next_due() is None
        assert (await must(store)).state == "idle"

    async def test_what_another_holds_cannot_be_taken_until_its_lease_ends(self, store: Store) -> None:
        await say(store)
        await store.enqueue(KEY, due_at=10.0)
        held = await _claimed(store, now=10.0, lease_s=5.0)
        assert await store.take(KEY, now=14.9, lease_s=5.0) is None
        heir = await store.take(KEY, now=15.0, lease_s=5.0)
        assert heir is not None
        assert not await store.finish(held)
        assert await store.claim(now=19.0, lease_s=5.0) is None
        assert await store.extend(heir, now=19.0, lease_s=5.0)
        await store.enqueue(KEY, due_at=22.0)
        assert await store.finish(heir)
        assert await store.next_due() == 22.0

    async def test_of_many_that_take_a_session_one_gets_it(self, store: Store) -> None:
        await say(store)
        asked = await asyncio.gather(*(store.take(KEY, now=10.0, lease_s=60.0) for _ in range(10)))
        assert sum(1 for job in asked if job is not None) == 1

    async def test_delete_ends_the_job_of_the_session(self, store: Store) -> None:
        for key in (KEY, OTHER):
            await say(store, key=key)
            await store.enqueue(key, due_at=10.0)
        job = await _claimed(store)
        await store.delete(job.key)
        assert not await store.finish(job)
        await say(store, key=job.key)
        assert not await store.finish(job)
        assert (await _claimed(store)).key != job.key
        assert await store.claim(now=1e9, lease_s=60) is not None  # the other one's
