"""The contract over one Redis or Valkey server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from memsvc.ports import Store
from memsvc.stores import open_store
from tests.contract.servers import Process
from tests.contract.store_contract import StoreContract


class TestValkeyStandalone(StoreContract):
    @pytest.fixture
    async def store(self, valkey: Process, prefix: str) -> AsyncIterator[Store]:
        opened = open_store(f"{valkey.url}?prefix={prefix}")
        await opened.open()
        yield opened
        await opened.close()
