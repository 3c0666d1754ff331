"""The contract over a primary that a sentinel names."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from memsvc.ports import Store
from memsvc.stores import open_store
from tests.contract.servers import Watched
from tests.contract.store_contract import StoreContract


class TestValkeySentinel(StoreContract):
    @pytest.fixture
    async def store(self, valkey_watched: Watched, prefix: str) -> AsyncIterator[Store]:
        opened = open_store(f"{valkey_watched.url}?prefix={prefix}")
        await opened.open()
        yield opened
        await opened.close()
