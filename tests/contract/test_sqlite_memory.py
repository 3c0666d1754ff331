"""The contract over SQLite in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from memsvc.ports import Store
from memsvc.stores import open_store
from tests.contract.store_contract import StoreContract


class TestSQLiteMemory(StoreContract):
    @pytest.fixture
    async def store(self) -> AsyncIterator[Store]:
        opened = open_store("sqlite://:memory:")
        await opened.open()
        yield opened
        await opened.close()
