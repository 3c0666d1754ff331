"""What every store does on redact: one message goes for good, the rest stays whole."""

from __future__ import annotations

import pytest

from memsvc.core.model import TOMBSTONE
from memsvc.errors import Conflict, NotFound
from memsvc.ports import Store
from tests.contract.making import KEY, OTHER, batch, commit, compact, draft, log, must, say, sound, summary

LAST = 2**32 - 1


class RedactContract:
    """A redacted message keeps its place, its id and its time; nothing made from its text stays."""

    async def test_its_text_goes_and_its_place_stays(self, store: Store) -> None:
        await store.append(KEY, batch(draft("a"), draft("secret", id="x", at=7.0, tokens=30), draft("c")))
        after = await store.redact(KEY, 2, at=9.0)
        assert (after.epoch, after.revision, after.log_revision, after.last_seq) == (1, 2, 2, 3)
        assert (after.messages, after.live_tokens, after.tail_tokens) == (2, 20, 20)
        assert (after.prefix_reason, after.prefix_revision, after.bound_revision) == ("edited", 2, 2)
        assert after.updated_at == 9.0
        gone = (await log(store))[1]
        assert (gone.seq, gone.id, gone.at, gone.raw, gone.tokens) == (2, "x", 7.0, TOMBSTONE, 0)
        assert (gone.redacted, gone.superseded) == (True, True)
        assert [e.redacted for e in await log(store)] == [False, True, False]
        assert await sound(store) == after

    async def test_a_second_time_changes_nothing(self, store: Store) -> None:
        await say(store, 3)
        once = await store.redact(KEY, 2, at=9.0)
        assert await store.redact(KEY, 2, at=10.0) == once
        assert await must(store) == once

    async def test_only_what_was_written_can_be_redacted(self, store: Store) -> None:
        for key in (KEY, OTHER):
            await say(store, 3, key=key)
        before = await must(store), await log(store), await must(store, OTHER), await log(store, OTHER)
        for seq in (-(2**70), -1, 0, 4, LAST, LAST + 1, 2**63, 2**70):
            with pytest.raises(NotFound):
                await store.redact(KEY, seq, at=9.0)
        assert (await must(store), await log(store), await must(store, OTHER), await log(store, OTHER)) == before
        await store.delete(KEY)
        with pytest.raises(NotFound):
            await store.redact(KEY, 1, at=9.0)

    async def test_every_summary_that_covers_it_goes(self, store: Store) -> None:
        await say(store, 12)
        for to in (3, 6, 9):
            await compact(store, to, tokens=to)
        after = await store.redact(KEY, 5, at=9.0)
        assert (after.epoch, after.cut, after.summary_epoch, after.summary_tokens) == (4, 3, 1, 3)
        assert after.bound_revision == after.prefix_revision == after.revision == 5
        assert [s.epoch for s in await store.summaries(KEY)] == [1]
        window = await store.load(KEY)
        assert [e.seq for e in window.entries] == [4, 6, 7, 8, 9, 10, 11, 12]
        assert await sound(store) == after
        assert (await compact(store, 8)).epoch == 5
        assert (await store.redact(KEY, 1, at=9.0)).summary_epoch == 0
        assert await store.summaries(KEY) == []
        await sound(store)

    async def test_the_end_of_a_summary_belongs_to_it(self, store: Store) -> None:
        await say(store, 6)
        await compact(store, 3)
        assert (await store.redact(KEY, 4, at=9.0)).cut == 3
        assert (await store.redact(KEY, 3, at=9.0)).cut == 0

    async def test_a_summary_that_an_edit_put_aside_goes_too(self, store: Store) -> None:
        await say(store, 6)
        await compact(store, 5)
        await store.truncate(KEY, after_seq=3, at=8.0)
        assert len(await store.summaries(KEY)) == 1
        before = await must(store)
        after = await store.redact(KEY, 4, at=9.0)
        assert await store.summaries(KEY) == []
        assert (after.messages, after.live_tokens, after.tail_tokens) == (3, 30, 30)
        assert (after.epoch, after.log_revision) == (before.epoch + 1, before.log_revision + 1)
        assert after.bound_revision == before.bound_revision
        assert (await log(store))[3].redacted
        await sound(store)

    async def test_nothing_behind_the_newest_message_is_bound(self, store: Store) -> None:
        await say(store, 3)
        after = await store.redact(KEY, 3, at=9.0)
        assert (after.prefix_revision, after.bound_revision) == (2, 0)
        assert (await say(store)).seqs == (4,)
        await sound(store)

    async def test_its_pin_goes(self, store: Store) -> None:
        await say(store, 3)
        for seq in (1, 2):
            await store.pin(KEY, seq, True)
        await store.redact(KEY, 2, at=9.0)
        assert [e.seq for e in await store.pins(KEY)] == [1]
        with pytest.raises(NotFound):
            await store.pin(KEY, 2, True)

    async def test_law7_a_retry_does_not_bring_it_back(self, store: Store) -> None:
        sent = batch(draft("a", tokens=3), draft("b", tokens=4), idempotency_key="k", digest=b"d")
        named = batch(draft("c", id="x"), draft("d"), idempotency_key="l", digest=b"d")
        for one in (sent, named):
            await store.append(KEY, one)
        for seq in (2, 3):
            await store.redact(KEY, seq, at=9.0)
        before = await must(store), await log(store)
        again = await store.append(KEY, sent)
        assert (again.seqs, again.duplicate, again.tokens) == ((1, 2), True, 3)
        other = batch(draft("something else"), idempotency_key="k", digest=b"other")
        assert (await store.append(KEY, other)).duplicate
        assert (await store.append(KEY, named)).seqs == (3, 4)
        assert (await store.append(KEY, batch(draft("c", id="x")))).duplicate
        assert (await must(store), await log(store)) == before

    async def test_law7_other_keys_still_compare(self, store: Store) -> None:
        await store.append(KEY, batch(draft("a"), idempotency_key="k", digest=b"d"))
        await store.append(KEY, batch(draft("b"), idempotency_key="l", digest=b"d"))
        await store.redact(KEY, 2, at=9.0)
        with pytest.raises(Conflict):
            await store.append(KEY, batch(draft("c"), idempotency_key="k", digest=b"other"))

    async def test_law6_a_commit_that_read_it_loses(self, store: Store) -> None:
        before = (await say(store, 10)).session
        after = await store.redact(KEY, 8, at=9.0)  # not even among what it covers
        with pytest.raises(Conflict):
            await commit(store, before, summary(before, 5))
        assert await must(store) == after

    async def test_what_is_too_much_again_is_due_at_once(self, store: Store) -> None:
        before = (await say(store, 20, soft_tokens=100)).session
        await commit(store, before, summary(before, 20), soft_tokens=100)
        job = await store.claim(now=2.0, lease_s=60)
        assert job is not None
        await store.finish(job)
        after = await store.redact(KEY, 1, at=9.0)
        assert (after.context_tokens, after.state, after.due_at) == (190, "queued", 9.0)
        assert await must(store) == after

    async def test_an_edit_after_it(self, store: Store) -> None:
        await say(store, 6)
        await store.redact(KEY, 4, at=9.0)
        after = await store.truncate(KEY, after_seq=2, at=9.0)
        assert (after.messages, after.tail_tokens) == (2, 20)
        assert [e.redacted for e in await log(store)] == [False, False, False, True, False, False]
        await sound(store)
