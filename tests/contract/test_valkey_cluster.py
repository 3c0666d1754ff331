"""The contract over a cluster of three nodes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from memsvc.ports import Store
from memsvc.stores import open_store
from tests.contract.servers import Nodes
from tests.contract.store_contract import StoreContract


class TestValkeyCluster(StoreContract):
    @pytest.fixture
    async def store(self, valkey_cluster: Nodes, prefix: str) -> AsyncIterator[Store]:
        opened = open_store(f"{valkey_cluster.url}?prefix={prefix}")
        await opened.open()
        yield opened
        await opened.close()
