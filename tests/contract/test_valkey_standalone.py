"""The contract over one Redis or Valkey server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import islice

import msgspec
import pytest
from msgspec.structs import fields
from redis.asyncio import Redis

from memsvc.core.model import Key, Part, Summary
from memsvc.errors import Conflict
from memsvc.ports import Store
from memsvc.stores import open_store
from memsvc.stores.redis import codec
from memsvc.stores.redis.census import STEP
from memsvc.stores.redis.keys import Keys
from tests.contract.census_contract import idle
from tests.contract.copies_contract import HEADER, TO, entry, stage
from tests.contract.making import KEY, batch, draft, line, must, say
from tests.contract.servers import Process
from tests.contract.store_contract import StoreContract


class TestValkeyStandalone(StoreContract):
    @pytest.fixture
    async def store(self, valkey: Process, prefix: str) -> AsyncIterator[Store]:
        opened = open_store(f"{valkey.url}?prefix={prefix}")
        await opened.open()
        yield opened
        await opened.close()

    @pytest.mark.parametrize("limit", [STEP // 2, 5 * STEP])
    async def test_idle_sessions_of_one_shard_are_told_once_however_many_share_a_moment(
        self, store: Store, prefix: str, limit: int
    ) -> None:
        keys = Keys(prefix)
        names = (f"s{n}" for n in range(1_000_000))
        mine = [*islice((n for n in names if not keys.place(Key("acme", n)).shard), 3 * STEP)]
        for n, name in enumerate(mine):
            await say(store, key=Key("acme", name), at=1.0 + max(0, n - 2 * STEP) // 50)
        assert sorted(await idle(store, 1e12, limit)) == sorted(mine)
        assert len(await idle(store, 2.0, limit)) == 2 * STEP + 50

    async def test_what_an_earlier_release_books_is_found_by_day(
        self, store: Store, valkey: Process, prefix: str
    ) -> None:
        """It knows nothing of the index of days: neither what was booked before there was one, nor beside it."""
        await say(store)
        await store.book(line("a", 7, at=1e6))
        place = Keys(prefix).place(KEY)
        async with Redis.from_url(valkey.url) as raw:
            await raw.delete(place.days)
            assert [s.micros for s in await store.spent(KEY.tenant, since=0, until=99)] == [7]
            day, feature = 12, "chat"
            cell = msgspec.msgpack.encode((day, feature, "p", "m"))
            await raw.hset(place.spent, mapping={b"\1" + cell: 1, b"\7" + cell: 5})
        await store.book(line("b", 8, at=1.1e6))
        found = await store.spent(KEY.tenant, since=0, until=99)
        assert [(s.day, s.feature, s.micros) for s in found] == [
            (11, "summary", 7),
            (12, "chat", 5),
            (12, "summary", 8),
        ]

    async def test_calls_of_a_session_that_an_earlier_release_deleted_are_no_later_ones(
        self, store: Store, valkey: Process, prefix: str
    ) -> None:
        """It does not know the index of a session's lines, and leaves it."""
        await say(store)
        await store.book(line("a", 7, at=1e6))
        place = Keys(prefix).place(KEY)
        index = f"{place.base}j:{place.name}"
        async with Redis.from_url(valkey.url) as raw:
            assert await raw.rename(index, f"{index}-")
            await store.delete(KEY)
            assert await raw.rename(f"{index}-", index)
        await say(store)
        await store.book(line("b", 8, at=1.1e6))
        assert [one.micros for one in (await store.calls(KEY, after=None, limit=9))[0]] == [8]

    @pytest.mark.parametrize("part", "eixspbo")
    async def test_a_copy_that_lost_a_part_to_the_server_is_not_shown(
        self, store: Store, valkey: Process, prefix: str, part: str
    ) -> None:
        await say(store, 2, key=TO)
        await stage(store)
        await store.stage(TO, "t", Part(6, (entry(7, raw=b'{"content":"' + b"QUJD" * 2_000 + b'"}'),)))
        async with Redis.from_url(valkey.url) as raw:
            place = Keys(prefix).place(TO)
            assert await raw.delete(f"{place.base}{part}:{place.name}!") == 1
        with pytest.raises(Conflict):
            await store.publish(TO, "t", HEADER, (3, 8), over=True)
        assert (await must(store, TO)).last_seq == 2

    async def test_law8_a_call_is_booked_though_somebody_died_between_its_mark_and_its_line(
        self, store: Store, valkey: Process, prefix: str
    ) -> None:
        keys, call = Keys(prefix), line("msg_1", key=TO, micros=7)
        _, index = keys.book("acme", call.id)
        other = (keys.place(TO).shard + 1) % 64
        async with Redis.from_url(valkey.url) as raw:
            await raw.hset(index, call.id, str(other))
        assert await store.book(call)
        assert not await store.book(call)
        assert [(x.id, x.micros) for x in (await store.lines(tenant="acme"))[0]] == [(call.id, 7)]

    async def test_records_of_appends_that_stored_nothing_go_too(
        self, store: Store, valkey: Process, prefix: str
    ) -> None:
        place = Keys(prefix).place(KEY)
        for n in range(20):
            await store.append(KEY, batch(draft("m", id="same"), at=1.0, idempotency_key=f"k{n}", digest=b""))
        async with Redis.from_url(valkey.url) as raw:
            old = await raw.lindex(f"{place.base}a:{place.name}", 0)
            await raw.lpush(f"{place.base}a:{place.name}", *[old] * 10_000)
            for n in range(3):
                late = batch(draft("m", id="same"), at=2e5, idempotency_key=f"late{n}", digest=b"")
                await store.append(KEY, late)
            assert await raw.llen(f"{place.base}a:{place.name}") == 10_000


async def test_a_fault_that_nobody_thought_of_leaves_nobody_waiting_and_no_connection_gone(
    valkey: Process, prefix: str
) -> None:
    store = open_store(f"{valkey.url}?prefix={prefix}")
    await store.open()
    for _ in range(3):  # more than there are connections
        bad = [store.book(line("\ud800", key=KEY)) for _ in range(8)]
        good = [store.head(Key("acme", f"s{n}")) for n in range(60)]
        async with asyncio.timeout(20.0):
            await asyncio.gather(*bad, *good, return_exceptions=True)
    async with asyncio.timeout(20.0):
        assert await asyncio.gather(*(store.head(KEY) for _ in range(50))) == [None] * 50
    await store.close()


def test_a_summary_of_an_older_release_is_read() -> None:
    made = Summary(2, 1, 5, "é", 3, "local", "forced", 4.0, 2, 0.5, None, 3, 9, 0.25)
    old = [getattr(made, f.name) for f in fields(Summary)][:-1]
    assert codec.summary_of(b"\0\0\0\2" + msgspec.msgpack.encode(old)) == made
    assert codec.summary_of(codec.packed_summary(made)) == made
