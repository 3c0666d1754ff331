"""A real service behind a real socket: SQLite in memory, the local summarizer, a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from memsvc.app import default_policy
from memsvc.config import Config
from memsvc.llm import LocalSummarizer
from memsvc.ports import Counter, Prices, Store
from memsvc.prices import GenaiPrices
from memsvc.service import Memory
from memsvc.stores import open_store
from memsvc.tokens import build_counter
from tests.edges.api import Api, serving

NOW = 1_800_000_000.0


@pytest.fixture(scope="session")
def counter() -> Counter:
    """Loading the vocabulary takes half a second: once."""
    return build_counter("auto")


@pytest.fixture(scope="session")
def prices() -> Prices:
    """The price list takes as long: once."""
    return GenaiPrices()


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    """An empty store."""
    store = open_store("sqlite://:memory:")
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def memory(store: Store, counter: Counter, prices: Prices) -> AsyncIterator[Memory]:
    """A service with an empty store and no worker."""
    summarizers = [LocalSummarizer(counter.count)]
    defaults = default_policy(Config())
    memory = Memory(store, counter, summarizers, defaults=defaults, clock=lambda: NOW, prices=prices)
    yield memory
    await memory.drain()


@pytest.fixture
async def api(memory: Memory) -> AsyncIterator[Api]:
    """That service, served without keys."""
    async with serving(memory) as api:
        yield api
