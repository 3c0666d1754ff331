"""The contract over one Redis or Valkey server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import islice

import pytest

from memsvc.core.model import Key
from memsvc.ports import Store
from memsvc.stores import open_store
from memsvc.stores.redis.census import STEP
from memsvc.stores.redis.keys import Keys
from tests.contract.census_contract import idle
from tests.contract.making import say
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
