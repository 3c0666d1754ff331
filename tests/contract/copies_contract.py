"""What every store does for copies: put together out of sight, shown in one step."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from memsvc.core.model import TOMBSTONE, Entry, Key, Part, Session, Settings, System
from memsvc.errors import Conflict, NotFound
from memsvc.ports import Store
from tests.contract.making import KEY, OTHER, batch, compact, draft, line, log, must, say, sound, summary

TO = Key("acme", "copy")
HEADER = Session(
    TO,
    0,
    3.0,
    4.0,
    Settings(format="anthropic", system=System(b'"s"', "developer"), tools=b"[]", user="u", system_tokens=3),
    revision=40,
    log_revision=30,
    epoch=9,
    prefix_reason="tools_changed",
    prefix_revision=33,
    bound_revision=22,
    factor=1.25,
    anchor_tokens=50,
    anchor_raw=40,
    anchor_revision=39,
    renderer=7,
    last_reason="threshold",
)


def entry(seq: int, **fields: object) -> Entry:
    made = Entry(seq, b'{"content":"c%d"}' % seq, "anthropic", 10, seq + 0.5, f"id{seq}", seq // 2, seq)
    return replace(made, **fields)  # type: ignore[arg-type]


ENTRIES = (
    entry(1),
    entry(2, superseded=True),
    entry(3, id=None, format="responses", raw=b'{"x": "\xc3\xa9\\u0000"}'),
    entry(4),
    entry(5, raw=TOMBSTONE, tokens=0, superseded=True, redacted=True),
    entry(6, at=1e9 + 0.25),
)
SHORT = replace(HEADER, cut=0)
OLD = replace(summary(SHORT, 1, tokens=4, text="old"), epoch=3)
DEAD = replace(summary(replace(SHORT, cut=1), 2, tokens=4, text="dead"), epoch=5)
NOW = replace(summary(replace(SHORT, cut=1), 4, tokens=6, text="now"), epoch=8, request_seq=3, cost_usd=0.5)
NOW = replace(NOW, refused=("model: it was cut short",))


async def stage(store: Store, token: str = "t", key: Key = TO) -> None:
    await store.stage(key, token, Part(0, ENTRIES[:2]))
    await store.stage(key, token, Part(2, ENTRIES[2:], summaries=(OLD, DEAD)))
    await store.stage(key, token, Part(6, summaries=(NOW,), pins=(1, 6)))


class CopiesContract:
    """A copy is seen whole or not at all."""

    async def test_what_was_staged_is_what_is_shown(self, store: Store) -> None:
        await stage(store)
        made = await store.publish(TO, "t", HEADER, (3, 8))
        counted = {
            "last_seq": 6,
            "messages": 4,
            "live_tokens": 40,
            "tail_tokens": 10,
            "tail_bytes": len(ENTRIES[5].raw),
        }
        pointed = {"cut": 4, "summary_epoch": 8, "summary_tokens": 6}
        assert made == replace(HEADER, uid=made.uid, **counted, **pointed)
        assert made.uid
        assert await sound(store, TO) == made
        assert tuple(await log(store, TO)) == ENTRIES
        assert await store.summaries(TO) == [OLD, DEAD, NOW]
        assert [e.seq for e in await store.pins(TO)] == [1, 6]
        assert (await store.load(TO)).summary == NOW

    async def test_it_lives_on_like_any_other(self, store: Store) -> None:
        await stage(store)
        await store.publish(TO, "t", HEADER, (3, 8))
        assert (await store.append(TO, batch(draft("again", id="id4")))).seqs == (4,)
        assert (await store.append(TO, batch(draft("new")))).seqs == (7,)
        assert (await store.truncate(TO, after_seq=3, at=9.0)).summary_epoch == 3
        assert (await compact(store, 3, key=TO)).epoch == 11
        assert (await store.redact(TO, 1, at=9.0)).summary_epoch == 0
        await sound(store, TO)
        found, _ = await store.sessions("acme", user="u")
        assert [s.key for s in found] == [TO]

    async def test_nobody_sees_it_before(self, store: Store) -> None:
        await stage(store)
        assert await store.head(TO) is None
        assert await store.sessions("acme") == ([], None)
        assert await store.next_due() is None
        for asked in (store.load(TO), store.entries(TO, after=0, limit=9), store.pins(TO)):
            with pytest.raises(NotFound):
                await asked
        assert not await store.delete(TO)

    async def test_an_empty_session_can_be_copied(self, store: Store) -> None:
        await store.stage(TO, "t", Part())
        made = await store.publish(TO, "t", HEADER, ())
        assert (made.last_seq, made.messages, made.cut, made.settings) == (0, 0, 0, HEADER.settings)
        assert await sound(store, TO) == made

    async def test_a_part_that_comes_twice_counts_once(self, store: Store) -> None:
        for _ in range(2):
            await store.stage(TO, "t", Part(0, ENTRIES[:2]))
        for _ in range(2):
            await store.stage(TO, "t", Part(2, ENTRIES[2:], summaries=(OLD, NOW), pins=(1,)))
        await store.publish(TO, "t", HEADER, (3, 8))
        assert tuple(await log(store, TO)) == ENTRIES
        assert await store.summaries(TO) == [OLD, NOW]

    async def test_parts_follow_each_other(self, store: Store) -> None:
        with pytest.raises(Conflict):
            await store.stage(TO, "t", Part(2, ENTRIES[2:]))
        await store.stage(TO, "t", Part(0, ENTRIES[:1]))
        with pytest.raises(Conflict):
            await store.stage(TO, "t", Part(2, ENTRIES[2:]))
        with pytest.raises(Conflict):
            await store.publish(TO, "other", HEADER, ())

    async def test_the_next_attempt_begins_anew(self, store: Store) -> None:
        await stage(store, "dead")
        await store.stage(TO, "t", Part(0, ENTRIES[:1]))
        for late in (store.stage(TO, "dead", Part(6, pins=(3,))), store.publish(TO, "dead", HEADER, ())):
            with pytest.raises(Conflict):
                await late
        await store.discard(TO, "dead")
        made = await store.publish(TO, "t", HEADER, ())
        assert (made.last_seq, await store.summaries(TO), await store.pins(TO)) == (1, [], [])
        assert await sound(store, TO) == made

    async def test_one_that_was_given_up(self, store: Store) -> None:
        await stage(store)
        await store.discard(TO, "t")
        await store.discard(TO, "t")
        with pytest.raises(Conflict):
            await store.publish(TO, "t", HEADER, (3, 8))
        assert await store.head(TO) is None

    async def test_a_delete_reaches_what_is_staged(self, store: Store) -> None:
        await stage(store)
        await store.delete(TO)
        with pytest.raises(Conflict):
            await store.publish(TO, "t", HEADER, (3, 8))

    async def test_a_name_that_is_taken(self, store: Store) -> None:
        await say(store, 2, key=TO)
        before = await must(store, TO), await log(store, TO)
        await stage(store)
        with pytest.raises(Conflict) as refused:
            await store.publish(TO, "t", HEADER, (3, 8))
        assert refused.value.code == "session_exists"
        assert (await must(store, TO), await log(store, TO)) == before

    async def test_over_one_that_is_there(self, store: Store) -> None:
        old = (await say(store, 9, key=TO, soft_tokens=20)).session
        await compact(store, 5, key=TO)
        await store.pin(TO, 9, True)
        assert await store.book(line("a", key=TO, micros=70))
        await stage(store)
        made = await store.publish(TO, "t", HEADER, (3, 8), over=True)
        assert made.uid != old.uid
        assert tuple(await log(store, TO)) == ENTRIES
        assert [e.seq for e in await store.pins(TO)] == [1, 6]
        assert await store.next_due() is None
        assert not await store.hold(line("b", key=TO, micros=70), most_micros=100, since=0.0)
        assert [x.key.session for x in (await store.lines(tenant="acme"))[0]] == [TO.session]
        found, _ = await store.sessions("acme")
        assert found == [made]
        assert await sound(store, TO) == made

    async def test_a_call_that_was_held_before_another_took_the_place_is_settled_after(self, store: Store) -> None:
        await say(store, key=TO)
        assert await store.hold(line("memsvc-a", key=TO, micros=90), most_micros=100, since=0.0)
        for token in ("t", "u"):
            await stage(store, token)
            await store.publish(TO, token, HEADER, (3, 8), over=True)
        await store.settle(line("memsvc-a", key=TO, micros=10))
        assert [(x.key.session, x.micros) for x in (await store.lines(tenant="acme"))[0]] == [(TO.session, 10)]
        assert await store.hold(line("memsvc-b", key=TO, micros=90), most_micros=100, since=0.0)

    async def test_what_is_too_much_is_due_at_once(self, store: Store) -> None:
        await stage(store)
        made = await store.publish(TO, "t", replace(HEADER, soft_tokens=5, state="running"), (3, 8))
        assert (made.state, made.due_at) == ("queued", HEADER.updated_at)
        job = await store.claim(now=9.0, lease_s=1.0)
        assert job is not None
        assert job.key == TO

    async def test_law9_copies_of_one_name_under_two_tenants(self, store: Store) -> None:
        await say(store, 3)
        other = Key("other", TO.session)
        await stage(store, "t")
        await store.stage(other, "t", Part(0, ENTRIES[:1]))
        made = await store.publish(TO, "t", HEADER, (3, 8))
        assert await store.head(other) is None
        assert (await store.publish(other, "t", HEADER, ())).last_seq == 1
        assert await sound(store, TO) == made
        assert [s.key for s in (await store.sessions("other"))[0]] == [other]
        assert await store.head(OTHER) is None
        await sound(store, KEY)
