"""A real Chromium in front of a real `memsvc serve`: one of each for a process of tests, a new profile for a test."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from pytest_asyncio import is_async_test

from benchmarks import chromium
from tests.browser.filling import Store
from tests.browser.watching import Watch
from tests.processes.running import Running, memsvc

REQUIRE = "MEMSVC_TEST_BROWSER"
"""Set to `require`, these tests fail where there is no Chromium; else they are skipped."""
HERE = Path(__file__).parent
Serve = Callable[..., Awaitable[Running]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One event loop for all tests of this folder, since a browser belongs to the loop that started it; all of them
    skipped where there is no browser, unless one is required."""
    absent = chromium.found() is None and os.environ.get(REQUIRE) != "require"
    for item in (i for i in items if HERE in i.path.parents):
        if absent:
            item.add_marker(pytest.mark.skip(reason=chromium.MISSING))
        if is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Where this machine has Chromium; a failure where it has none."""
    path = chromium.found()
    if path is None:
        pytest.fail(f"{chromium.MISSING}; {REQUIRE} wants one", pytrace=False)
    return path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium_path: str) -> AsyncIterator[Browser]:
    """The one browser of this process of tests."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**chromium.options(chromium_path))
        yield browser
        await browser.close()


@pytest.fixture
def watch() -> Watch:
    """What goes wrong in `page`; `watch.allow(pattern)` expects it."""
    return Watch()


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A profile of its own: no cookies, no storage, English, UTC, 1280 x 800, light, no animations."""
    context = await browser.new_context(
        viewport={"width": 1280, "height": 800},
        locale="en-US",
        timezone_id="UTC",
        color_scheme="light",
        reduced_motion="reduce",
    )
    context.set_default_timeout(20_000)
    yield context
    await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext, watch: Watch) -> AsyncIterator[Page]:
    """A page that fails its test for everything in `watch.wrong`."""
    await watch.add(context)
    page = await context.new_page()
    yield page
    if not page.is_closed():
        await page.evaluate("0")  # what the page has said by now comes before the answer
    assert not watch.wrong, "\n".join(watch.wrong)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server(chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """A `memsvc serve` without keys that tests share: name sessions so that no other test has them."""
    store = f"sqlite:///{tmp_path_factory.mktemp('served') / 'memsvc.db'}"
    async with memsvc("serve", port=0, store=store) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def serve(chromium_path: str, tmp_path: Path) -> AsyncIterator[Serve]:
    """Starts a `memsvc serve` of the test's own: `await serve(store=..., api_keys=...)`. Its store is an empty
    file unless one is named."""
    async with AsyncExitStack() as stack:

        async def start(**settings: Any) -> Running:
            given = {"store": f"sqlite:///{tmp_path / 'own.db'}", "port": 0, **settings}
            return await stack.enter_async_context(memsvc("serve", **given))

        yield start


@pytest_asyncio.fixture(loop_scope="session")
async def store(server: Running) -> AsyncIterator[Store]:
    """Fills the store of the shared server over HTTP."""
    async with Store(server.url) as store:
        yield store
