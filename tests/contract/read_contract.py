"""What every store does on put, head, load, entries and listing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from memsvc.core.model import Batch, Draft, Key, Known, Session, Settings, System
from memsvc.errors import Conflict, InvalidRequest, NotFound
from memsvc.ports import Store
from tests.contract.making import KEY, OTHER, batch, compact, draft, log, must, say, sound

EVERY_SETTING = Settings(
    format="anthropic",
    model="m",
    system=System(b'[{"type":"text","text":"\xc3\xa9"}]', "developer"),
    tools=b"[{}]",
    policy=b'{"keep_tokens":1}',
    metadata=b'{"a":1}',
    user="né\x00x",
    system_tokens=11,
    tools_tokens=13,
)


def new(key: Key = KEY, **changed: Any) -> Session:
    """A header as a caller makes it."""
    return replace(Session(key, 0, 1.0, 1.0), **changed)


class HeaderContract:
    """Put and head."""

    async def test_put_creates_and_keeps_every_field(self, store: Store) -> None:
        assert await store.head(KEY) is None
        made = new(settings=EVERY_SETTING, revision=1, soft_tokens=5, factor=1.3, renderer=7)
        put = await store.put(KEY, lambda old: made if old is None else old, at=1.0)
        assert put.uid > 0
        assert put == replace(made, uid=put.uid) == await must(store)
        assert (await sound(store)).context_tokens == 24

    async def test_put_changes_what_is_stored_and_equal_writes_nothing(self, store: Store) -> None:
        session = (await say(store, 3)).session
        changed = replace(session, settings=EVERY_SETTING, updated_at=9.0, revision=2, last_reason="r", due_at=None)

        def change(old: Session | None) -> Session:
            assert old == session
            return changed

        assert await store.put(KEY, change, at=9.0) == changed == await must(store)
        assert await store.put(KEY, lambda old: replace(changed), at=10.0) == changed
        assert await sound(store) == changed

    async def test_put_sees_the_newest_header(self, store: Store) -> None:
        await say(store)

        def more(old: Session | None) -> Session:
            assert old is not None
            return replace(old, revision=old.revision + 1)

        await asyncio.gather(*(store.put(KEY, more, at=2.0) for _ in range(20)))
        assert (await must(store)).revision == 21

    async def test_a_refused_put_changes_nothing(self, store: Store) -> None:
        before = (await say(store)).session

        def refuse(old: Session | None) -> Session:
            raise InvalidRequest("no")

        for key in (KEY, OTHER):
            with pytest.raises(InvalidRequest):
                await store.put(key, refuse, at=2.0)
        assert await must(store) == before
        assert await store.head(OTHER) is None

    async def test_law1_a_put_after_a_delete_counts_from_nothing(self, store: Store) -> None:
        await say(store, 5)
        old = await compact(store, 3)
        await store.delete(KEY)
        again = await store.put(KEY, lambda stored: replace(old, settings=EVERY_SETTING), at=3.0)
        assert again.uid != old.uid
        assert (again.cut, again.last_seq, again.epoch, again.messages, again.log_revision) == (0, 0, 0, 0, 0)
        assert again.prefix_reason is None
        assert (await say(store)).seqs == (1,)
        assert len((await store.load(KEY)).entries) == 1
        await sound(store)

    async def test_a_lower_soft_mark_is_due_at_once(self, store: Store) -> None:
        await say(store, 10, soft_tokens=1000)
        changed = await store.put(KEY, lambda old: replace(old or new(), soft_tokens=99), at=4.0)
        assert (changed.state, changed.due_at, await store.next_due()) == ("queued", 4.0, 4.0)
        assert await must(store) == changed

    async def test_law9_the_same_name_under_another_tenant_is_another_session(self, store: Store) -> None:
        names = [Key("a", "b"), Key("A", "b"), Key("a", "B"), Key("a ", "b"), Key("a\x00", "b"), Key("", "ab")]
        for n, key in enumerate(names, start=1):
            assert await store.head(key) is None
            await say(store, n, key=key)
        assert [(await must(store, key)).messages for key in names] == [1, 2, 3, 4, 5, 6]
        assert len({(await must(store, key)).uid for key in names}) == len(names)


class LoadContract:
    """Windows, whole and partial, and pages of the log."""

    async def test_load_without_a_session(self, store: Store) -> None:
        for known in (None, Known(1, 0, 0)):
            with pytest.raises(NotFound):
                await store.load(KEY, known)

    async def test_a_partial_load_brings_only_what_is_new(self, store: Store) -> None:
        session = (await say(store, 5)).session
        known = Known(session.uid, 0, 5)
        same = await store.load(KEY, known)
        assert (same.session, same.summary, same.entries, same.partial) == (session, None, (), True)
        answer = await say(store, 2)
        window = await store.load(KEY, known)
        assert (window.session, window.partial, [e.seq for e in window.entries]) == (answer.session, True, [6, 7])

    async def test_a_reader_who_has_all_gets_its_own_header_or_an_equal_one(self, store: Store) -> None:
        session = (await say(store, 5)).session
        known = Known(session.uid, 0, 5, session)
        same = await store.load(KEY, known)
        assert (same.session, same.entries, same.partial) == (session, (), True)
        later = (await say(store)).session
        assert [e.seq for e in (await store.load(KEY, known)).entries] == [6]
        await store.truncate(KEY, after_seq=5, at=2.0)
        assert not (await store.load(KEY, Known(later.uid, 0, 6, later))).partial
        await store.delete(KEY)
        with pytest.raises(NotFound):
            await store.load(KEY, known)
        await say(store, 5)  # another session, at the same revision
        assert not (await store.load(KEY, known)).partial

    async def test_a_load_is_whole_when_the_prefix_moved(self, store: Store) -> None:
        session = (await say(store, 5)).session
        whole = await store.load(KEY)
        for known in (Known(session.uid + 1, 0, 5), Known(session.uid, 1, 5)):
            assert await store.load(KEY, known) == whole
        known = Known(session.uid, session.prefix_revision, 5)
        for move in (compact(store, 3), store.truncate(KEY, after_seq=4, at=2.0)):
            await move
            window = await store.load(KEY, known)
            assert window == await store.load(KEY)
            assert not window.partial
            known = Known(session.uid, window.session.prefix_revision, window.session.last_seq)
            assert (await store.load(KEY, known)).partial

    async def test_a_partial_load_after_a_deletion_is_whole(self, store: Store) -> None:
        session = (await say(store, 5)).session
        await store.delete(KEY)
        await say(store, 2)
        window = await store.load(KEY, Known(session.uid, 0, 1))
        assert (window.partial, len(window.entries)) == (False, 2)

    @pytest.mark.parametrize("size", [100, 40_000, 3_000_000])
    async def test_a_tail_of_any_size_is_one_reading(self, store: Store, size: int) -> None:
        session = (await say(store)).session
        await store.append(KEY, Batch(tuple(Draft(b"x" * size, "openai", 1, 1.0) for _ in range(4)), 1.0))
        whole = await store.load(KEY)
        part = await store.load(KEY, Known(session.uid, 0, 1))
        assert [len(e.raw) for e in part.entries] == [size] * 4
        assert (part.session, part.entries) == (whole.session, whole.entries[1:])

    async def test_law1_every_reading_is_consistent_while_others_write(self, store: Store) -> None:
        await say(store, 10)

        async def write() -> None:
            for n in range(15):
                await say(store, 2)
                head = await must(store)
                if n % 5 == 4:
                    await store.truncate(KEY, after_seq=head.last_seq - 1, at=2.0)
                elif n % 3 == 2:
                    await compact(store, head.last_seq - 3)

        writer = asyncio.create_task(write())
        known: Known | None = None
        while not writer.done():
            window = await store.load(KEY, known)
            session = window.session
            if not window.partial:
                assert sum(e.tokens for e in window.entries) == session.tail_tokens
                assert (window.summary.to_seq if window.summary else 0) == session.cut
            elif window.entries:
                assert known is not None
                assert [e.seq for e in window.entries] == list(range(known.last_seq + 1, session.last_seq + 1))
            known = Known(session.uid, session.prefix_revision, session.last_seq)
            await asyncio.sleep(0)
        await writer

    async def test_entries_are_given_in_pages(self, store: Store) -> None:
        await say(store, 10)
        await compact(store, 5)
        whole = await log(store)
        assert [e.seq for e in whole] == list(range(1, 11))
        assert await store.entries(KEY, after=2, limit=3) == whole[2:5]
        assert await store.entries(KEY, after=2, upto=4, limit=100) == whole[2:4]
        assert await store.entries(KEY, after=10, limit=5) == []
        assert await store.entries(KEY, after=0, limit=0) == []
        assert {e.epoch for e in whole} == {0}
        await say(store)
        newest = (await log(store))[-1]
        assert (newest.epoch, newest.revision) == (1, 3)
        with pytest.raises(NotFound):
            await store.entries(OTHER, after=0, limit=1)

    async def test_law9_sessions_side_by_side_keep_their_own(self, store: Store) -> None:
        keys = [Key(t, s) for t in ("a", "b") for s in ("x", "y")]
        for n in range(1, 4):
            for key in keys:
                await store.append(key, batch(draft(f"{key.tenant}{key.session}{n}")))
        for key in keys:
            mark = f"{key.tenant}{key.session}".encode()
            for found in (await log(store, key), (await store.load(key)).entries):
                assert [e.seq for e in found] == [1, 2, 3]
                assert all(mark in e.raw for e in found)


class ListContract:
    """Listing a tenant's sessions."""

    async def _names(self, store: Store, tenant: str = "t", *, limit: int = 2, **filters: Any) -> list[str]:
        names: list[str] = []
        after = None
        while True:
            page, after = await store.sessions(tenant, after=after, limit=limit, **filters)
            assert len(page) == limit or after is None
            names += [s.key.session for s in page]
            if after is None:
                return names

    async def test_the_newest_activity_comes_first_page_by_page(self, store: Store) -> None:
        for n in range(5):
            await say(store, key=Key("t", f"s{n}"), at=float(n))
        await say(store, key=Key("t", "s1"), at=10.0)
        for limit in (1, 2, 5, 6, 100):
            assert await self._names(store, limit=limit) == ["s1", "s4", "s3", "s2", "s0"]
        page, _ = await store.sessions("t", limit=1)
        assert page == [await must(store, Key("t", "s1"))]

    async def test_pages_are_stable_when_times_are_equal_and_others_write(self, store: Store) -> None:
        for n in range(10):
            await say(store, key=Key("t", f"s{n}"), at=0.1 + 0.2)
        first, after = await store.sessions("t", limit=4)
        await say(store, key=Key("t", "new"), at=9.0)
        await say(store, key=first[0].key, at=9.0)
        await store.delete(first[-1].key)  # the very session that the cursor names
        rest, end = await store.sessions("t", after=after, limit=100)
        assert end is None
        assert {s.key.session for s in first} | {s.key.session for s in rest} == {f"s{n}" for n in range(10)}
        assert len(first) + len(rest) == 10

    async def test_a_prefix_is_taken_word_for_word(self, store: Store) -> None:
        top = "\U0010ffff"
        names = ["a", "a%", "a%b", "ab", "a_", "a_b", "A_", f"a{top}{top}", "b", top]
        for name in names:
            await say(store, key=Key("t", name))
        for prefix in ["", "a", "a%", "a_", "a_b", "%", "_", "z", f"a{top}", top, top * 2, "a\ue000"]:
            found = await self._names(store, prefix=prefix)
            assert sorted(found) == sorted(n for n in names if n.startswith(prefix))
        for name in ("c\ud7ff", "c\ud7ff1", "c\ue000"):
            await say(store, key=Key("t", name))
        assert sorted(await self._names(store, prefix="c\ud7ff")) == ["c\ud7ff", "c\ud7ff1"]

    async def test_law9_a_listing_holds_the_tenants_own(self, store: Store) -> None:
        for tenant in ("t", "t2", "T"):
            for n in range(3):
                await say(store, key=Key(tenant, f"{tenant}-{n}"))
        for tenant in ("t", "t2", "T"):
            assert sorted(await self._names(store, tenant)) == [f"{tenant}-{n}" for n in range(3)]
        _, after = await store.sessions("t", limit=1)
        foreign, _ = await store.sessions("t2", after=after, limit=100)
        assert {s.key.tenant for s in foreign} <= {"t2"}
        assert await store.sessions("nobody", limit=5) == ([], None)

    async def test_sessions_of_one_user(self, store: Store) -> None:
        for n in range(6):
            key = Key("t", f"s{n}")
            tag = ("ann", "bob", None)[n % 3]
            await store.put(key, lambda old, key=key, tag=tag: new(key, settings=Settings(user=tag)), at=1.0)  # type: ignore[misc]
        assert sorted(await self._names(store, user="ann", limit=1)) == ["s0", "s3"]
        assert await self._names(store, user="ann", prefix="s3") == ["s3"]
        assert await self._names(store, user="an") == []
        assert len(await self._names(store)) == 6

    @pytest.mark.parametrize(
        "cursor",
        ["", "x", "é", "====", "bnVsbA", "WzFd", "WzEsMl0", "WyIxIiwyXQ", "WzEuNSwxZTQwMF0", "e30", "a" * 1000]
        # [1.5, 2 ** 64], [1.5, true], [1.5, -1] and a cursor with something behind it
        + ["WzEuNSwxODQ0Njc0NDA3MzcwOTU1MTYxNl0", "WzEuNSx0cnVlXQ", "WzEuNSwtMV0", "WzEuNSwyXQ!"],
    )
    async def test_a_cursor_that_was_not_given_is_refused(self, store: Store, cursor: str) -> None:
        await say(store)
        with pytest.raises(InvalidRequest) as refused:
            await store.sessions(KEY.tenant, after=cursor)
        assert refused.value.extra["field"] == "after"


class CounterContract:
    """Counters always equal a recount."""

    async def test_counters_equal_a_recount_after_everything(self, store: Store) -> None:
        await store.append(KEY, batch(*(draft("x" * n, tokens=n) for n in range(1, 20)), soft_tokens=50))
        steps = [
            lambda: compact(store, 4, tokens=3),
            lambda: say(store, 3),
            lambda: store.truncate(KEY, after_seq=20, at=2.0),
            lambda: compact(store, 15, tokens=8),
            lambda: store.truncate(KEY, after_seq=10, at=2.0),
            lambda: store.append(KEY, batch(draft(id="i"), draft(id="j"))),
            lambda: store.append(KEY, batch(draft(id="i"), draft(id="k"))),
            lambda: store.pin(KEY, 2, True),
            lambda: compact(store, 24, tokens=1),
            lambda: store.truncate(KEY, after_seq=0, at=2.0),
            lambda: say(store, 1),
        ]
        for step in steps:
            await step()
            await sound(store)

    async def test_a_refused_write_leaves_the_counters(self, store: Store) -> None:
        before = (await say(store, 3)).session
        with pytest.raises(Conflict):
            await store.append(KEY, batch(draft(), if_log_revision=9))
        assert await sound(store) == before

    async def test_ping(self, store: Store) -> None:
        await store.ping()
        before = (await say(store)).session
        await store.ping()
        assert await sound(store) == before
