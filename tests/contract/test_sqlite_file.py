"""The contract over an SQLite file, and what only a file can do wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from memsvc.ports import Store
from memsvc.stores import open_store
from tests.contract.store_contract import StoreContract


class TestSQLiteFile(StoreContract):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[Store]:
        opened = open_store(f"sqlite:///{tmp_path}/memory.db")
        await opened.open()
        yield opened
        await opened.close()
