"""What every store does on commit, truncate, pin and delete."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from memsvc.core.model import Known, Session
from memsvc.errors import Conflict, NotFound
from memsvc.ports import Store
from tests.contract.making import KEY, OTHER, batch, commit, compact, draft, log, must, say, sound, summary

LAST = 2**32 - 1
ODD_SEQS = (-(2**70), -(2**32), -1, 0, LAST, LAST + 1, 2**63, 2**70)


class CommitContract:
    """Compaction moves a pointer, by compare-and-set, and deletes nothing."""

    async def test_law6_commit_makes_the_summary_current(self, store: Store) -> None:
        before = (await say(store, 10, soft_tokens=50, at=3.0)).session
        made = replace(
            summary(before, 6, tokens=9),
            attempts=3,
            cost_usd=0.25,
            predicted_saving_usd=-1.5,
            replaced_tokens=321,
            predecessor_saving_usd=0.5,
            request_seq=4,
            text="é😀",
            refused=('a: no "end"', "b: é😀"),
        )
        after = await commit(store, before, made, soft_tokens=77, factor=1.3, renderer=4)
        assert (after.epoch, after.cut, after.summary_epoch, after.summary_tokens) == (1, 6, 1, 9)
        assert (after.revision, after.log_revision, after.last_seq) == (2, 1, 10)
        assert (after.prefix_reason, after.prefix_revision, after.bound_revision) == ("compacted", 2, 2)
        assert (after.soft_tokens, after.factor, after.renderer, after.updated_at) == (77, 1.3, 4, 3.0)
        assert (after.messages, after.live_tokens, after.tail_tokens) == (10, 100, 40)
        assert await sound(store) == after
        window = await store.load(KEY)
        assert (window.summary, window.partial) == (made, False)
        assert await store.summaries(KEY) == [made]
        assert len(await log(store)) == 10

    async def test_law6_commit_is_compare_and_set(self, store: Store) -> None:
        before = (await say(store, 10)).session
        await compact(store, 5)
        won = await must(store)
        for seen in (before, replace(before, epoch=1), replace(before, cut=5)):
            with pytest.raises(Conflict):
                await commit(store, seen, summary(seen, 7))
        good = summary(won, 7)
        for seen in (replace(won, epoch=0), replace(won, cut=4), replace(won, epoch=0, cut=0)):
            with pytest.raises(Conflict):
                await commit(store, seen, good)  # it would fit, but its maker saw something else
        assert await must(store) == won
        assert len(await store.summaries(KEY)) == 1
        assert (await commit(store, won, good, expect_uid=won.uid)).cut == 7

    async def test_law6_a_commit_for_a_deleted_session_does_not_hit_its_successor(self, store: Store) -> None:
        before = (await say(store, 5)).session
        await store.delete(KEY)
        after = (await say(store, 5)).session
        with pytest.raises(Conflict):
            await commit(store, before, summary(before, 4), expect_uid=before.uid)
        assert await sound(store) == after

    async def test_law6_of_twenty_racing_commits_one_wins_and_the_rest_change_nothing(self, store: Store) -> None:
        before = (await say(store, 30)).session
        offers = [summary(before, n + 1, tokens=n, text=f"s{n}") for n in range(20)]
        answers = await asyncio.gather(*(commit(store, before, s) for s in offers), return_exceptions=True)
        won = [a for a in answers if isinstance(a, Session)]
        assert len(won) == 1
        assert all(isinstance(a, Conflict) for a in answers if a is not won[0])
        winner = offers[answers.index(won[0])]
        assert await store.summaries(KEY) == [winner]
        after = await sound(store)
        assert (after, after.revision) == (won[0], before.revision + 1)

    async def test_law6_appends_never_conflict_with_a_commit(self, store: Store) -> None:
        before = (await say(store, 5)).session
        writes = [store.append(KEY, batch(draft(f"n{n}"))) for n in range(20)]
        done = await asyncio.gather(*writes[:10], commit(store, before, summary(before, 4)), *writes[10:])
        assert len(done) == 21
        after = await sound(store)
        assert (after.last_seq, after.cut, after.tail_tokens) == (25, 4, 210)

    async def test_law1_committed_ranges_are_contiguous(self, store: Store) -> None:
        before = (await say(store, 10)).session
        good = summary(before, 5)
        wrong = [
            replace(good, from_seq=2),
            replace(good, from_seq=0),
            replace(good, to_seq=0),
            replace(good, to_seq=11),
            replace(good, epoch=2),
        ]
        for one in wrong:
            with pytest.raises(Conflict):
                await commit(store, before, one)
        assert await must(store) == before
        for to in (3, 4, 10):
            await compact(store, to)
            await sound(store)
        assert [(s.from_seq, s.to_seq) for s in await store.summaries(KEY)] == [(1, 3), (4, 4), (5, 10)]
        assert (await store.load(KEY)).entries == ()

    async def test_summaries_are_given_by_epoch(self, store: Store) -> None:
        await say(store, 10)
        for to in range(1, 6):
            await compact(store, to)
        assert [s.epoch for s in await store.summaries(KEY, after=2, limit=2)] == [3, 4]
        assert await store.summaries(KEY, after=5) == []
        assert await store.summaries(KEY, after=2**70) == []
        assert len(await store.summaries(KEY, after=-1)) == 5

    async def test_commit_without_a_session(self, store: Store) -> None:
        seen = (await say(store)).session
        await store.delete(KEY)
        with pytest.raises(NotFound):
            await commit(store, seen, summary(seen, 1))


class ShadowContract:
    """Compactions that are made and not served: pointers move, the prefix stays."""

    async def test_a_commit_in_the_shadow_leaves_the_prefix(self, store: Store) -> None:
        await say(store, 10, soft_tokens=500)
        await compact(store, 2)
        before = await store.put(KEY, lambda s: replace(s or Session(KEY, 0, 0.0, 0.0), shadow=1), at=3.0)
        assert before.shadow == 1
        seen = Known(before.uid, before.prefix_revision, before.last_seq, before, mark=(await store.load(KEY)).mark)
        after = await commit(store, before, summary(before, 6, tokens=9), renderer=7, soft_tokens=77)
        assert (after.epoch, after.cut, after.summary_tokens, after.tail_tokens) == (2, 6, 9, 40)
        assert (after.revision, after.soft_tokens) == (before.revision + 1, 77)
        kept = ("prefix_reason", "prefix_revision", "bound_revision", "renderer", "shadow")
        assert [getattr(after, n) for n in kept] == [getattr(before, n) for n in kept]
        window = await store.load(KEY, seen)
        assert (window.partial, window.entries, window.session) == (True, (), after), "the reader's prefix holds"
        assert await sound(store) == after
        back = await store.revert(KEY, 0, at=9.0)
        assert [getattr(back, n) for n in kept] == [getattr(before, n) for n in kept]
        assert (back.cut, back.revision) == (0, after.revision + 1)

    async def test_what_was_sent_in_the_shadow_was_the_full_history(self, store: Store) -> None:
        first = (await say(store, 10)).session
        await store.put(KEY, lambda s: replace(s or first, shadow=1), at=3.0)
        await compact(store, 6)
        now = (await say(store, 2)).session
        for revision, tokens in ((first.revision, 100), (now.revision - 1, 100), (now.revision, 120)):
            sent = await store.sent(KEY, revision)
            assert sent is not None
            assert sent.tokens == tokens

    async def test_what_stands_before_the_tail_is_the_same_after_an_edit_in_the_shadow(self, store: Store) -> None:
        """Unless it is a message itself that is gone."""
        first = (await say(store, 10)).session
        bound = (await store.put(KEY, lambda s: replace(s or first, shadow=1), at=3.0)).bound_revision
        await compact(store, 6)
        shorter = await store.truncate(KEY, after_seq=4, at=3.0)
        assert (shorter.cut, shorter.prefix_reason, shorter.bound_revision) == (0, "edited", bound)
        await compact(store, 4)
        newest = await store.redact(KEY, 4, at=4.0)
        assert (newest.cut, newest.bound_revision) == (0, bound)
        oldest = await store.redact(KEY, 1, at=5.0)
        assert oldest.bound_revision == oldest.revision

    async def test_a_long_tail_is_of_one_piece_however_commits_go_on_in_the_shadow(self, store: Store) -> None:
        first = (await say(store, 3_000)).session
        await store.put(KEY, lambda s: replace(s or first, shadow=1), at=3.0)
        for number in range(1, 9):
            window, _ = await asyncio.gather(store.load(KEY), compact(store, number * 100))
            assert [e.seq for e in window.entries] == list(range(window.session.cut + 1, 3_001))


class TruncateContract:
    """Edit and regenerate: what comes later leaves the context, and nothing is forgotten."""

    async def test_truncate_supersedes_what_comes_later(self, store: Store) -> None:
        await say(store, 10)
        after = await store.truncate(KEY, after_seq=6, at=9.0)
        assert (after.epoch, after.revision, after.log_revision, after.last_seq) == (1, 2, 2, 10)
        assert (after.messages, after.live_tokens, after.tail_tokens) == (6, 60, 60)
        assert (after.prefix_reason, after.prefix_revision, after.bound_revision) == ("edited", 2, 0)
        assert (after.updated_at, after.summary_epoch) == (9.0, 0)
        assert [e.superseded for e in await log(store)] == [False] * 6 + [True] * 4
        assert await sound(store) == after

    async def test_truncate_is_compare_and_set_where_it_is_asked_to_be(self, store: Store) -> None:
        await say(store, 4)
        before = (await say(store, 4)).session
        for wrong in (0, 1, 3):
            for seq in (2, 8):  # also where there is nothing to cut
                with pytest.raises(Conflict) as caught:
                    await store.truncate(KEY, after_seq=seq, at=9.0, if_log_revision=wrong)
                assert (caught.value.code, caught.value.extra) == ("log_revision_mismatch", {"log_revision": 2})
        assert await must(store) == before
        assert await store.truncate(KEY, after_seq=8, at=9.0, if_log_revision=2) == before
        after = await store.truncate(KEY, after_seq=6, at=9.0, if_log_revision=2)
        assert (after.log_revision, after.messages) == (3, 6)
        assert await sound(store) == after

    async def test_a_seq_is_never_used_twice(self, store: Store) -> None:
        await say(store, 10)
        await store.truncate(KEY, after_seq=0, at=9.0)
        answer = await say(store, 2)
        assert answer.seqs == (11, 12)
        assert [e.seq for e in (await store.load(KEY)).entries] == [11, 12]
        assert len(await log(store)) == 12
        await sound(store)

    async def test_nothing_to_cut_changes_nothing(self, store: Store) -> None:
        before = (await say(store, 3)).session
        assert await store.truncate(KEY, after_seq=3, at=9.0) == before
        await store.truncate(KEY, after_seq=2, at=9.0)
        cut = await must(store)
        assert await store.truncate(KEY, after_seq=2, at=10.0) == cut
        assert await must(store) == cut

    async def test_the_summary_stands_while_it_covers_nothing_cut(self, store: Store) -> None:
        await say(store, 10)
        await compact(store, 5)
        after = await store.truncate(KEY, after_seq=5, at=9.0)
        assert (after.epoch, after.cut, after.summary_epoch, after.messages) == (2, 5, 1, 5)
        assert (after.revision, after.prefix_revision, after.bound_revision) == (3, 3, 2)
        assert await sound(store) == after

    async def test_an_older_summary_becomes_current_again(self, store: Store) -> None:
        await say(store, 10)
        for to in (3, 6, 9):
            await compact(store, to, tokens=to)
        after = await store.truncate(KEY, after_seq=7, at=9.0)
        assert (after.epoch, after.cut, after.summary_epoch, after.summary_tokens) == (4, 6, 2, 6)
        assert after.bound_revision == after.prefix_revision == after.revision
        assert await sound(store) == after
        assert (await store.truncate(KEY, after_seq=2, at=9.0)).summary_epoch == 0
        window = await store.load(KEY)
        assert window.summary is None
        assert [e.seq for e in window.entries] == [1, 2]
        assert len(await store.summaries(KEY)) == 3

    async def test_law1_a_summary_of_superseded_messages_never_becomes_current_again(self, store: Store) -> None:
        await say(store, 10)
        await compact(store, 3)
        await compact(store, 8)
        await store.truncate(KEY, after_seq=5, at=9.0)  # the second one covers 6..8, which are gone
        await say(store, 10)
        after = await store.truncate(KEY, after_seq=15, at=9.0)
        assert (after.summary_epoch, after.cut) == (1, 3)
        again = await compact(store, 12)
        assert (again.epoch, again.summary_epoch) == (5, 5)
        assert [(s.epoch, s.from_seq, s.to_seq) for s in await store.summaries(KEY)] == [
            (1, 1, 3),
            (2, 4, 8),
            (5, 4, 12),
        ]
        back = await store.truncate(KEY, after_seq=11, at=9.0)
        assert (back.summary_epoch, back.cut) == (1, 3)
        await sound(store)

    async def test_law6_a_commit_that_did_not_see_the_edit_loses(self, store: Store) -> None:
        before = (await say(store, 10)).session
        after = await store.truncate(KEY, after_seq=5, at=9.0)
        with pytest.raises(Conflict):
            await commit(store, before, summary(before, 8))
        assert await must(store) == after

    async def test_an_edit_that_leaves_too_much_is_due_at_once(self, store: Store) -> None:
        before = (await say(store, 20, soft_tokens=100)).session
        await commit(store, before, summary(before, 20), soft_tokens=100)
        job = await store.claim(now=2.0, lease_s=60)
        assert job is not None
        await store.finish(job)
        after = await store.truncate(KEY, after_seq=15, at=9.0)
        assert (after.context_tokens, after.state, after.due_at) == (150, "queued", 9.0)
        assert await must(store) == after

    async def test_law9_no_seq_reaches_into_another_session(self, store: Store) -> None:
        for key in (KEY, OTHER):
            await say(store, 3, key=key)
        before = await log(store), await log(store, OTHER)
        for seq in ODD_SEQS:
            await store.append(OTHER, batch(draft(id=f"{seq}")))
            await store.truncate(OTHER, after_seq=seq, at=2.0)
            await sound(store, OTHER)
            whole = await log(store, OTHER)
            assert await store.entries(OTHER, after=seq, limit=100) == [e for e in whole if e.seq > seq]
            assert await store.entries(OTHER, after=0, upto=seq, limit=100) == [e for e in whole if e.seq <= seq]
            for pinned in (True, False):
                with pytest.raises(NotFound):
                    await store.pin(OTHER, seq, pinned)
        assert await log(store) == before[0]
        await sound(store)


class RevertContract:
    """Back to an earlier summary: a pointer moves, and nothing is forgotten."""

    async def test_an_earlier_summary_becomes_current_again(self, store: Store) -> None:
        await say(store, 10)
        for to in (3, 6, 9):
            await compact(store, to, tokens=to)
        before = await must(store)
        after = await store.revert(KEY, 2, at=9.0)
        assert (after.epoch, after.summary_epoch, after.cut, after.summary_tokens) == (4, 2, 6, 6)
        assert (after.revision, after.log_revision, after.updated_at) == (5, 1, before.updated_at)
        assert (after.prefix_reason, after.prefix_revision, after.bound_revision) == ("compacted", 5, 5)
        assert (after.last_reason, after.tail_tokens) == ("reverted", 40)
        assert await sound(store) == after
        window = await store.load(KEY)
        assert window.summary is not None
        assert (window.summary.epoch, [e.seq for e in window.entries]) == (2, [7, 8, 9, 10])
        assert len(await store.summaries(KEY)) == 3

    async def test_to_none(self, store: Store) -> None:
        await say(store, 5)
        await compact(store, 3)
        after = await store.revert(KEY, 0, at=9.0)
        assert (after.epoch, after.summary_epoch, after.cut, after.tail_tokens) == (2, 0, 0, 50)
        assert await sound(store) == after
        assert (await compact(store, 4)).summary_epoch == 3
        assert [(s.epoch, s.from_seq) for s in await store.summaries(KEY)] == [(1, 1), (3, 1)]

    async def test_to_the_present_one_changes_nothing(self, store: Store) -> None:
        before = (await say(store, 5)).session
        assert await store.revert(KEY, 0, at=9.0) == before
        await compact(store, 3)
        await compact(store, 4)
        now = await must(store)
        assert await store.revert(KEY, 2, at=9.0) == now == await must(store)

    async def test_only_what_the_present_one_builds_on(self, store: Store) -> None:
        await say(store, 10)
        for to in (3, 8):
            await compact(store, to)
        await store.truncate(KEY, after_seq=5, at=9.0)  # leaves the second one
        await compact(store, 5)
        before = await must(store)
        for epoch in (2, 3, 5, 9, -1, 2**40):
            with pytest.raises(Conflict) as refused:
                await store.revert(KEY, epoch, at=9.0)
            assert refused.value.code == "epoch_not_in_force"
        assert await must(store) == before
        assert (await store.revert(KEY, 1, at=9.0)).cut == 3
        with pytest.raises(Conflict):
            await store.revert(KEY, 4, at=9.0)
        with pytest.raises(NotFound):
            await store.revert(OTHER, 0, at=9.0)

    async def test_what_is_too_much_again_is_due_at_once(self, store: Store) -> None:
        before = (await say(store, 20, soft_tokens=100)).session
        await commit(store, before, summary(before, 20), soft_tokens=100)
        job = await store.claim(now=2.0, lease_s=60)
        assert job is not None
        await store.finish(job)
        after = await store.revert(KEY, 0, at=9.0)
        assert (after.context_tokens, after.state, after.due_at) == (200, "queued", 9.0)
        assert await must(store) == after

    async def test_law6_a_commit_that_did_not_see_it_loses(self, store: Store) -> None:
        await say(store, 10)
        await compact(store, 3)
        before = await must(store)
        after = await store.revert(KEY, 0, at=9.0)
        with pytest.raises(Conflict):
            await commit(store, before, summary(before, 8))
        assert await must(store) == after


class PinContract:
    """Pins hang on live messages."""

    async def test_pins_are_given_in_order_and_once(self, store: Store) -> None:
        await say(store, 5)
        for seq in (4, 2, 4):
            await store.pin(KEY, seq, True)
        assert await store.pins(KEY) == [e for e in await log(store) if e.seq in (2, 4)]
        await store.pin(KEY, 4, False)
        await store.pin(KEY, 4, False)
        assert [e.seq for e in await store.pins(KEY)] == [2]

    async def test_pins_stand_after_a_compaction(self, store: Store) -> None:
        await say(store, 5)
        await store.pin(KEY, 2, True)
        await compact(store, 4)
        await store.pin(KEY, 3, True)
        assert [e.seq for e in await store.pins(KEY)] == [2, 3]

    async def test_only_a_live_message_can_be_pinned(self, store: Store) -> None:
        await say(store, 5)
        await store.pin(KEY, 5, True)
        await store.truncate(KEY, after_seq=3, at=9.0)
        assert await store.pins(KEY) == []
        for seq in (4, 5, 6):
            for pinned in (True, False):
                with pytest.raises(NotFound):
                    await store.pin(KEY, seq, pinned)
        with pytest.raises(NotFound):
            await store.pin(OTHER, 1, True)
        with pytest.raises(NotFound):
            await store.pins(OTHER)

    async def test_law9_pins_are_the_sessions_own(self, store: Store) -> None:
        for key in (KEY, OTHER):
            await say(store, 3, key=key)
        await store.pin(KEY, 2, True)
        assert await store.pins(OTHER) == []


class DeleteContract:
    """A deleted session is gone; one of the same name is another one."""

    async def test_delete_and_create_again(self, store: Store) -> None:
        sent = batch(draft(id="a"), idempotency_key="k", digest=b"d", soft_tokens=1)
        old = (await store.append(KEY, sent)).session
        await say(store, 4)
        await store.pin(KEY, 2, True)
        await compact(store, 3)
        assert await store.delete(KEY)
        assert not await store.delete(KEY)
        assert await store.head(KEY) is None
        assert await store.next_due() is None
        for asked in (store.load(KEY), store.entries(KEY, after=0, limit=1), store.summaries(KEY), store.pins(KEY)):
            with pytest.raises(NotFound):
                await asked
        answer = await store.append(KEY, sent)
        assert (answer.seqs, answer.duplicate) == ((1,), False)
        new = await sound(store)
        assert new.uid not in (0, old.uid)
        assert (new.epoch, new.cut, new.revision, new.last_seq) == (0, 0, 1, 1)
        assert (await store.summaries(KEY), await store.pins(KEY)) == ([], [])

    async def test_a_uid_is_never_used_again(self, store: Store) -> None:
        seen = set()
        for _ in range(5):
            seen.add((await say(store)).session.uid)
            await store.delete(KEY)
        assert len(seen) == 5

    async def test_law9_delete_leaves_all_others(self, store: Store) -> None:
        for key in (KEY, OTHER):
            await say(store, 3, key=key, soft_tokens=1)
            await store.pin(key, 1, True)
            await compact(store, 2, key=key)
        before = await must(store, OTHER)
        await store.delete(KEY)
        assert await sound(store, OTHER) == before
        assert len(await store.pins(OTHER)) == len(await store.summaries(OTHER)) == 1

    async def test_truncate_and_delete_without_a_session(self, store: Store) -> None:
        with pytest.raises(NotFound):
            await store.truncate(KEY, after_seq=1, at=1.0)
        assert not await store.delete(KEY)
