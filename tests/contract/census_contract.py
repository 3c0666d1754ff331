"""What every store tells of all that it holds."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from memsvc.core.model import Key, Part, Session
from memsvc.core.money import Line, Usage
from memsvc.errors import InvalidRequest
from memsvc.ports import Store
from tests.contract.making import KEY, line, must, say


async def every(store: Store, tenant: str | None = None, limit: int = 100) -> list[Session]:
    """All pages, as one list."""
    found: list[Session] = []
    after: str | None = None
    while True:
        page, after = await store.every(tenant=tenant, after=after, limit=limit)
        assert len(page) <= limit
        found += page
        if after is None:
            return found


async def lines(store: Store, tenant: str | None = None, limit: int = 100) -> list[Line]:
    """All pages, as one list."""
    found: list[Line] = []
    after: str | None = None
    while True:
        page, after = await store.lines(tenant=tenant, after=after, limit=limit)
        assert len(page) <= limit
        found += page
        if after is None:
            return found


async def idle(store: Store, before: float, limit: int = 100) -> list[str]:
    """The names of all idle sessions, page by page."""
    found: list[str] = []
    after: str | None = None
    while True:
        page, after = await store.idle("acme", before=before, after=after, limit=limit)
        assert len(page) <= limit
        found += [s.key.session for s in page]
        if after is None:
            return found


class IdleContract:
    """Sessions that nothing was written to since a time."""

    @pytest.mark.parametrize("limit", [1, 2, 100])
    async def test_they_are_told_once(self, store: Store, limit: int) -> None:
        for n, at in enumerate([5.0, 1.0, 3.0, 3.0, 9.0]):
            await say(store, key=Key("acme", f"s{n}"), at=at)
        await say(store, key=Key("other", "s1"), at=1.0)
        assert sorted(await idle(store, 5.0, limit)) == ["s1", "s2", "s3"]
        assert await idle(store, 1.0, limit) == []
        assert len(await idle(store, 1e12, limit)) == 5
        await say(store, key=Key("acme", "s2"), at=6.0)
        assert sorted(await idle(store, 5.0, limit)) == ["s1", "s3"]

    async def test_deletes_between_the_pages_hide_nobody(self, store: Store) -> None:
        for n in range(7):
            await say(store, key=Key("acme", f"s{n}"), at=1.0)
        after: str | None = None
        while True:
            page, after = await store.idle("acme", before=2.0, after=after, limit=2)
            assert all([await store.delete(s.key, before=2.0) for s in page])
            if after is None:
                break
        assert await every(store) == []

    async def test_law1_one_that_awoke_is_not_deleted(self, store: Store) -> None:
        await say(store, 3, at=1.0)
        await say(store, at=5.0)
        before = await must(store)
        assert not await store.delete(KEY, before=5.0)
        assert await must(store) == before
        assert await store.delete(KEY, before=5.5)
        assert not await store.delete(KEY, before=5.5)


class CensusContract(IdleContract):
    """Everything is told once."""

    @pytest.mark.parametrize("limit", [1, 2, 100])
    async def test_every_session_is_told_once(self, store: Store, limit: int) -> None:
        keys = {Key(tenant, f"s{n} é😀") for tenant in ("a", "b", "a b") for n in range(4)}
        for key in keys:
            await say(store, key=key)
        await store.delete(Key("a", "s0 é😀"))
        await store.stage(KEY, "t", Part())
        found = await every(store, limit=limit)
        assert sorted(s.key.session + s.key.tenant for s in found) == sorted(
            k.session + k.tenant for k in keys - {Key("a", "s0 é😀")}
        )
        assert all([s == await must(store, s.key) for s in found])
        mine = await every(store, "b", limit)
        assert {s.key for s in mine} == {k for k in keys if k.tenant == "b"}
        assert await every(store, "nobody") == []

    async def test_activity_between_the_pages_hides_nobody(self, store: Store) -> None:
        keys = [Key("a", f"s{n}") for n in range(6)]
        for key in keys:
            await say(store, key=key)
        seen, after = await store.every(limit=2)
        while after is not None:
            for key in keys:
                await say(store, key=key, at=1e9 + len(seen))
            page, after = await store.every(after=after, limit=2)
            seen += page
        assert sorted(s.key.session for s in seen) == [k.session for k in keys]

    @pytest.mark.parametrize("limit", [1, 2, 100])
    async def test_every_line_is_told_once(self, store: Store, limit: int) -> None:
        await say(store)
        rich = line("x/é", 2**50, revision=7, usage=Usage(9, 8, 7, 6, 5), held=False)
        told = [rich, line("y", None, usage=Usage(1, 2)), line("x/é", 3, key=Key("b", "gone"))]
        for one in told:
            assert await store.book(one)
        assert await store.hold(line("h", 5), most_micros=None, since=0.0)
        expected = [line("h", 5, held=True), rich, told[1], replace(told[2], key=Key("b", ""))]
        found = await lines(store, limit=limit)
        assert sorted(found, key=lambda one: one.micros or 0) == sorted(expected, key=lambda one: one.micros or 0)
        assert await lines(store, "b", limit) == [expected[3]]
        await store.delete(KEY)
        assert {one.key.session for one in await lines(store)} == {""}

    async def test_a_told_line_can_be_booked_elsewhere(self, store: Store) -> None:
        gone = line("g", 4, key=Key("acme", ""))
        assert await store.book(gone)
        assert not await store.book(gone)
        assert await lines(store) == [gone]
        held = line("h", 4, held=True)
        assert await store.book(held)
        await store.settle(replace(held, micros=3, held=False))
        assert [one.micros for one in await lines(store) if one.id == held.id] == [3]

    async def test_nobody_elses_cursor(self, store: Store) -> None:
        for cursor in ("", "x", "é", "bnVsbA==", "e30="):
            for ask in (store.every, store.lines):
                with pytest.raises(InvalidRequest):
                    await ask(after=cursor)
