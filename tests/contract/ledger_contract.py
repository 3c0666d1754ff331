"""What every store does with the books, and with the size of what was sent."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from msgspec.structs import replace

from memsvc.core.model import Key, Known
from memsvc.core.money import OWN, Sent, Spent, Usage
from memsvc.errors import NotFound
from memsvc.ports import Store
from tests.contract.making import KEY, OTHER, batch, compact, draft, line, must, say, summary, system

MANY = 2**63 - 1


async def check_spent(store: Store, micros: int, *, key: Key = KEY, feature: str = "summary") -> None:
    """The lines of a session come to `micros`: a call for nothing fits under that limit, and under no lower one."""
    for most, fits in ((micros, True), (micros - 1, False)):
        probe = line(f"probe-{uuid.uuid4()}", 0, key=key, feature=feature)
        assert await store.hold(probe, most_micros=most, since=0.0) is fits


async def books(store: Store) -> tuple[int, int, int]:
    """Of the tenant: calls, micros, calls that are held."""
    found = await store.spent(KEY.tenant, since=0, until=10**6)
    calls = sum(s.calls for s in found)
    return calls, sum(s.micros for s in found), sum(s.held for s in found)


class LedgerContract:
    """Booked once, held at the worst, never less than the bill."""

    async def test_law8_a_report_is_booked_once(self, store: Store) -> None:
        await say(store)
        assert await store.book(line("r"))
        assert not await store.book(line("r"))
        assert not await store.book(line("r", 999, feature="chat"))
        await check_spent(store, 100)

    async def test_law8_of_many_that_report_the_same_call_one_books_it(self, store: Store) -> None:
        await say(store)
        answers = await asyncio.gather(*(store.book(line("r", 100 + n)) for n in range(20)))
        assert sum(answers) == 1
        await check_spent(store, 100 + answers.index(True))

    async def test_law8_once_per_tenant_whichever_session_it_names(self, store: Store) -> None:
        await say(store)
        second = Key(KEY.tenant, "second")
        await say(store, key=second)
        assert await store.book(line("r"))
        assert not await store.book(line("r", key=second))
        await check_spent(store, 0, key=second)

    async def test_law9_tenants_have_books_of_their_own(self, store: Store) -> None:
        for key in (KEY, OTHER):
            await say(store, key=key)
        assert await store.book(line("r", 100))
        assert await store.book(line("r", 70, key=OTHER))
        await check_spent(store, 100)
        await check_spent(store, 70, key=OTHER)
        assert await store.hold(line("h", 5, key=OTHER), most_micros=75, since=0.0)
        await store.settle(line("h", 1))  # another tenant's id says nothing
        await check_spent(store, 75, key=OTHER)

    async def test_law8_what_is_held_counts_at_its_worst_until_it_is_settled(self, store: Store) -> None:
        await say(store)
        assert await store.hold(line("h", 60), most_micros=100, since=0.0)
        assert not await store.hold(line("i", 50), most_micros=100, since=0.0)
        await store.settle(line("h", 20, usage=Usage(7, 3, 1, 2, 0)))
        await check_spent(store, 20)
        assert await store.hold(line("i", 80), most_micros=100, since=0.0)
        assert not await store.hold(line("j", 1), most_micros=100, since=0.0)

    async def test_law8_a_call_that_was_never_settled_stays_at_its_worst(self, store: Store) -> None:
        await say(store)
        assert await store.hold(line("h", 60), most_micros=None, since=0.0)
        await check_spent(store, 60)  # nobody came back to it

    async def test_law8_of_many_that_hold_at_once_only_those_that_fit_do(self, store: Store) -> None:
        await say(store)
        asked = (store.hold(line(f"h{n}", 30), most_micros=100, since=0.0) for n in range(20))
        assert sum(await asyncio.gather(*asked)) == 3
        await check_spent(store, 90)

    async def test_a_hold_may_take_the_limit_to_the_last(self, store: Store) -> None:
        await say(store)
        assert not await store.hold(line("h", 101), most_micros=100, since=0.0)
        assert await store.hold(line("h", 100), most_micros=100, since=0.0)
        assert await store.hold(line("free", 0), most_micros=100, since=0.0)
        assert await store.hold(line("unknown", None), most_micros=100, since=0.0)

    async def test_a_hold_looks_at_its_session_feature_and_time_alone(self, store: Store) -> None:
        second = Key(KEY.tenant, "second")
        for key in (KEY, second):
            await say(store, key=key)
        await store.book(line("old", 100, at=9.99))
        await store.book(line("chat", 100, feature="chat"))
        await store.book(line("other", 100, key=second))
        assert await store.hold(line("h", 100), most_micros=100, since=10.0)
        assert not await store.hold(line("i", 100), most_micros=100, since=10.0)

    async def test_an_id_that_is_booked_cannot_be_held(self, store: Store) -> None:
        await say(store)
        assert await store.book(line("r", 5))
        assert not await store.hold(line("r", 50), most_micros=None, since=0.0)
        assert await store.hold(line("h", 50), most_micros=None, since=0.0)
        assert not await store.hold(line("h", 1), most_micros=None, since=0.0)
        assert not await store.book(line("h", 1))
        await check_spent(store, 55)

    async def test_what_was_not_held_is_booked_when_it_is_settled(self, store: Store) -> None:
        await say(store)
        await store.settle(line("h", 40))
        await store.settle(line("h", 99))  # it is settled already
        await check_spent(store, 40)

    async def test_a_settled_call_of_unknown_price(self, store: Store) -> None:
        await say(store)
        assert await store.hold(line("h", 40), most_micros=None, since=0.0)
        await store.settle(line("h", None))
        await check_spent(store, 0)

    async def test_a_deleted_session_leaves_its_bill_and_not_its_name(self, store: Store) -> None:
        await say(store)
        assert await store.book(line("r", 10))
        assert await store.hold(line("h", 20), most_micros=None, since=0.0)
        await store.delete(KEY)
        await say(store)
        await check_spent(store, 0)  # the new session of that name has spent nothing
        assert not await store.book(line("r", 10))  # but the call is in the books
        await store.settle(line("h", 5))
        await check_spent(store, 0)  # and does not come back under the name

    async def test_lines_without_a_session_are_nobodys(self, store: Store) -> None:
        nobody = Key("", "")
        assert await store.book(line("r", 10))
        assert await store.hold(line("h", 20, key=nobody), most_micros=None, since=0.0)
        await say(store)
        await check_spent(store, 0)

    async def test_nothing_is_held_for_a_session_that_is_gone(self, store: Store) -> None:
        await say(store)
        await store.delete(KEY)
        with pytest.raises(NotFound):
            await store.hold(line("h", 20), most_micros=None, since=0.0)
        assert await store.book(line("h", 20)), "nothing was booked either"

    async def test_what_callers_report_does_not_use_up_the_limit(self, store: Store) -> None:
        await say(store)
        for name in ("r", OWN[:-1], OWN.upper() + "x", "n" + OWN):
            assert await store.book(replace(line(), id=name, micros=1_000))
        await check_spent(store, 0)

    @pytest.mark.parametrize("session", [KEY.session, ""])
    async def test_law8_a_call_whose_id_was_not_known_when_it_was_held(self, store: Store, session: str) -> None:
        await say(store)
        key = Key(KEY.tenant, session)
        call = replace(line(micros=20, key=key), id="msg_1")
        assert await store.hold(line("h", 60, key=key), most_micros=100, since=0.0)
        assert await books(store) == (1, 60, 1)
        assert await store.settle(call, held=OWN + "h")
        assert await books(store) == (1, 20, 0)
        for report in (call, replace(call, key=Key(KEY.tenant, "second"))):
            assert not await store.book(report), "booked once, whichever way it arrives"
        assert not await store.settle(call, held=OWN + "h")
        assert await books(store) == (1, 20, 0)
        assert [one.id for one in (await store.lines(tenant=KEY.tenant))[0]] == ["msg_1"]
        assert await store.hold(line("h", 60, key=key), most_micros=100, since=0.0), "that id is free"

    async def test_law8_a_call_that_was_reported_before_it_is_settled_is_booked_once(self, store: Store) -> None:
        await say(store)
        for n in range(8):  # in a cluster some lie elsewhere than what is held
            call = replace(line(micros=20), id=f"msg_{n}")
            assert await store.hold(line(f"h{n}", 60), most_micros=None, since=0.0)
            assert await store.book(replace(call, key=Key(KEY.tenant, f"other {n}")))
            assert not await store.settle(call, held=f"{OWN}h{n}")
            assert await books(store) == (n + 1, 20 * (n + 1), 0)
        await check_spent(store, 0)

    async def test_law8_of_a_report_and_a_settling_at_once_one_books_it(self, store: Store) -> None:
        await say(store)
        for n in range(8):
            await store.hold(line(f"h{n}", 60), most_micros=None, since=0.0)
        calls = [replace(line(micros=20), id=f"msg_{n}") for n in range(8)]
        settling = [store.settle(call, held=f"{OWN}h{n}") for n, call in enumerate(calls)]
        reports = [store.book(replace(call, key=Key(KEY.tenant, "other"))) for call in calls]
        answers = await asyncio.gather(*settling, *reports)
        assert [a + b for a, b in zip(answers[:8], answers[8:], strict=True)] == [1] * 8
        assert await books(store) == (8, 160, 0)

    async def test_what_was_held_under_an_id_that_nobody_knows_is_booked_all_the_same(self, store: Store) -> None:
        assert await store.settle(replace(line(micros=20), id="msg_1"), held=OWN + "h")
        assert await books(store) == (1, 20, 0)

    @pytest.mark.parametrize("session", [KEY.session, ""])
    async def test_a_call_that_was_not_billed_leaves_no_line(self, store: Store, session: str) -> None:
        await say(store)
        key = Key(KEY.tenant, session)
        assert not await store.release(key, OWN + "h")
        assert await store.hold(line("h", 60, key=key), most_micros=100, since=0.0)
        assert await store.release(key, OWN + "h")
        assert not await store.release(key, OWN + "h")
        assert await books(store) == (0, 0, 0)
        assert await store.lines(tenant=KEY.tenant) == ([], None)
        await check_spent(store, 0)

    async def test_law8_what_is_settled_cannot_be_released(self, store: Store) -> None:
        await say(store)
        assert await store.hold(line("h", 60), most_micros=None, since=0.0)
        await store.settle(line("h", 20))
        assert not await store.release(KEY, OWN + "h")
        assert await store.settle(replace(line(micros=5), id="msg_1"), held=OWN + "h")
        assert not await store.book(line("h", 20)), "its id is still taken"
        assert await books(store) == (2, 25, 0)

    async def test_what_was_held_is_released_when_its_session_is_gone(self, store: Store) -> None:
        await say(store)
        for name in ("a", "b"):
            assert await store.hold(line(name, 60), most_micros=None, since=0.0)
        await store.delete(KEY)
        await say(store)
        assert await store.settle(replace(line(micros=5), id="msg_1"), held=OWN + "a")
        assert await store.release(KEY, OWN + "b")
        assert await books(store) == (1, 5, 0)

    async def test_figures_of_any_size(self, store: Store) -> None:
        await say(store)
        for number, size in enumerate((MANY, 2**70, -5, 0)):
            used = Usage(size, size, size, size, size)
            assert await store.book(line(f"r{number}", size, usage=used, revision=size))
        assert await store.book(line("x", MANY))  # their sum is more than an integer holds
        assert not await store.hold(line("h", 1), most_micros=2**62, since=0.0)


class SentContract:
    """The size of the context as it was at an earlier revision."""

    async def test_every_revision_of_a_growing_log(self, store: Store) -> None:
        sizes = [0]
        for n in range(1, 6):
            session = (await say(store, n, tokens=n)).session
            sizes.append(session.context_tokens)
        for revision, tokens in enumerate(sizes):
            assert await store.sent(KEY, revision) == Sent(session.uid, 0, revision, tokens)
        for unknown in (-1, 6, 2**40, 2**70):
            assert await store.sent(KEY, unknown) is None

    async def test_system_prompt_and_summary_are_part_of_it(self, store: Store) -> None:
        await store.append(KEY, batch(draft(), **system("Be brief.", tokens=7)))
        assert (await store.sent(KEY, 1)) == Sent((await must(store)).uid, 0, 1, 17)
        await say(store, 4)
        session = await compact(store, 3, tokens=5)
        await say(store, 2)
        for revision, tokens in ((session.revision, 7 + 5 + 20), (session.revision + 1, 7 + 5 + 40)):
            assert await store.sent(KEY, revision) == Sent(session.uid, session.revision, revision, tokens)

    async def test_what_was_sent_under_another_prefix_is_not_known(self, store: Store) -> None:
        await say(store, 5)
        compacted = await compact(store, 3)
        assert await store.sent(KEY, compacted.revision - 1) is None
        edited = await store.truncate(KEY, after_seq=4, at=2.0)
        assert await store.sent(KEY, compacted.revision) is None
        assert (await store.sent(KEY, edited.revision)) == Sent(edited.uid, edited.revision, edited.revision, 15)

    async def test_superseded_messages_are_not_part_of_it(self, store: Store) -> None:
        for _ in range(3):
            await say(store, 2)
        edited = await store.truncate(KEY, after_seq=3, at=2.0)
        after = (await say(store, 1)).session
        for revision, tokens in ((edited.revision, 30), (after.revision, 40)):
            found = await store.sent(KEY, revision)
            assert found is not None
            assert found.tokens == tokens

    async def test_nobody_sent_anything_of_a_session_that_is_not_there(self, store: Store) -> None:
        with pytest.raises(NotFound):
            await store.sent(KEY, 1)

    async def test_a_report_is_part_of_the_header_until_the_next_epoch(self, store: Store) -> None:
        await say(store, 10, soft_tokens=200)
        anchor = {"anchor_tokens": 160, "anchor_raw": 100, "anchor_revision": 1}
        for move in ("commit", "truncate"):
            reported = await store.put(KEY, lambda s: replace(s, **anchor), at=3.0)  # type: ignore[type-var]
            assert (reported.anchor_tokens, reported.anchor_raw, reported.anchor_revision) == (160, 100, 1)
            assert await must(store) == reported
            if move == "commit":
                made = summary(reported, 4)
                place = {"expect_epoch": reported.epoch, "expect_cut": 0, "renderer": 1}
                new = await store.commit(KEY, made, soft_tokens=150, factor=None, **place)
                assert new.soft_tokens == 150
            else:
                new = await store.truncate(KEY, after_seq=9, at=4.0)
            assert (new.factor, new.anchor_tokens, new.anchor_raw, new.anchor_revision) == (1.6, 0, 0, 0)
            assert await must(store) == new

    async def test_a_reader_that_keeps_up_hears_of_a_report(self, store: Store) -> None:
        await say(store, 3)
        window = await store.load(KEY)
        known = Known(window.session.uid, 0, 3, window.session)
        changed = await store.put(KEY, lambda s: replace(s, anchor_tokens=9, anchor_raw=30), at=3.0)  # type: ignore[type-var]
        assert (await store.load(KEY, known)).session == changed

    async def test_a_report_that_passes_the_soft_mark_queues_the_job_in_the_same_write(self, store: Store) -> None:
        await say(store, 3)
        changed = await store.put(KEY, lambda s: replace(s, anchor_tokens=9, soft_tokens=29), at=3.0)  # type: ignore[type-var]
        assert (changed.state, changed.due_at) == ("queued", 3.0)
        assert await store.next_due() == 3.0

    async def test_what_was_spent_is_told_by_day_feature_and_model(self, store: Store) -> None:
        await say(store)
        day = 20_000
        usage = Usage(100, 7, 40, 30, 10)
        for n in range(3):
            await store.book(line(f"a{n}", 5, at=day * 86_400 + n, usage=usage, feature="chat"))
        await store.book(line("b", None, at=day * 86_400 + 86_399, feature="chat", model="other"))
        await store.book(line("c", 9, at=(day + 1) * 86_400, feature="chat"))
        await store.book(line("d", 11, at=(day + 2) * 86_400, feature="chat"))
        await store.book(line("e", 13, at=day * 86_400 - 1, feature="chat"))
        await store.book(line("f", 1, at=day * 86_400, feature="chat", key=Key("other", "s")))
        assert await store.spent("acme", since=day, until=day + 2) == [
            Spent(day, "chat", "anthropic", "claude", 3, Usage(300, 21, 120, 90, 30), 15, 0, 0, 0),
            Spent(day, "chat", "anthropic", "other", 1, Usage(10, 5, 0, 0, 0), 0, 1, 0, 0),
            Spent(day + 1, "chat", "anthropic", "claude", 1, Usage(10, 5, 0, 0, 0), 9, 0, 0, 0),
        ]
        assert await store.spent("nobody", since=0, until=10**6) == []

    async def test_law8_what_is_held_is_spent_at_its_worst_until_it_is_settled(self, store: Store) -> None:
        await say(store)
        held = line("h", 100, at=86_400.0, usage=Usage(50, 50))
        assert await store.hold(held, most_micros=None, since=0.0)
        assert await store.hold(line("x", 70, at=86_400.0), most_micros=None, since=0.0)
        (worst,) = await store.spent("acme", since=1, until=2)
        assert (worst.calls, worst.micros, worst.held, worst.held_micros) == (2, 170, 2, 170)
        for _ in range(2):
            await store.settle(replace(held, micros=30, usage=Usage(40, 3, 8), model="dated"))
        await store.settle(line("late", 4, at=2 * 86_400.0))
        assert [
            (s.day, s.model, s.calls, s.usage.input, s.micros, s.held, s.held_micros)
            for s in await store.spent("acme", since=0, until=9)
        ] == [(1, "claude", 1, 10, 70, 1, 70), (1, "dated", 1, 40, 30, 0, 0), (2, "claude", 1, 10, 4, 0, 0)]

    async def test_law8_spent_outlives_the_session_and_figures_beyond_all_measure(self, store: Store) -> None:
        await say(store)
        for n in range(3):
            await store.book(line(f"m{n}", MANY, at=86_400.0, usage=Usage(MANY, 1)))
        await store.delete(KEY)
        (one,) = await store.spent("acme", since=1, until=2)
        assert one.calls == 3
        assert one.micros >= 2.9 * MANY
