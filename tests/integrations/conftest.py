"""One service over HTTP for all tests of the adapters, small limits, and a provider for each test."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from memsvc.app import App
from memsvc.client import BlockingClient, Client
from memsvc.config import Config
from memsvc.testing.provider import Provider
from tests.edges.api import serving
from tests.integrations.kit import SMALL


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Of a service in a thread of its own, so that callers without `await` do not hold it up."""
    told: queue.Queue[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = queue.Queue()

    async def serve() -> None:
        # Silent: other tests of this process look at what is written.
        app, end = App(Config(store="sqlite://:memory:", **SMALL), log=lambda event: None), asyncio.Event()
        await app.open()
        async with serving(app.memory) as api:
            told.put((api.url, asyncio.get_running_loop(), end))
            await end.wait()
        await app.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    url, loop, end = told.get(timeout=30)
    yield url
    loop.call_soon_threadsafe(end.set)
    thread.join()


@pytest.fixture
async def client(address: str) -> AsyncIterator[Client]:
    async with Client(address) as client:
        yield client


@pytest.fixture
def blocking(address: str) -> Iterator[BlockingClient]:
    with BlockingClient(address) as client:
        yield client


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider() as provider:
        yield provider
