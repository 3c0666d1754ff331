"""A service with keys, and one that has nothing to tell yet."""

from __future__ import annotations

import json
import time
from pathlib import Path

from playwright.async_api import Page, expect

from memsvc.core.access import Access
from memsvc.service.keyring import Keyring
from memsvc.stores import open_store
from memsvc.testing.provider import Provider
from tests.browser.conftest import Serve
from tests.browser.filling import Store
from tests.browser.looking import beside, figure, look_again, panel
from tests.browser.watching import Watch

EMPTY = {
    "Spend by day": "No call is in the books in this period.",
    "Provider cache": "No reported call in this period says what was cached.",
    "Saved by compaction: predicted against actual": "No compaction in this period.",
    "Compactions by trigger": "No compaction in this period.",
    "Compactions under way": "Nothing is waiting.",
    "Budgets": "No budget is set",
    "Latest compactions": "No compaction yet.",
    "Spend by model": "No call.",
    "Spend by feature": "No call.",
}
USED = {"input_tokens": 100, "output_tokens": 50, "cache_read_input_tokens": 900}
STRANGE = "<img src=x onerror=alert(1)>"
ACME, OTHER = "key-of-acme-0123456789", "key-of-another-0123456789"


async def test_the_key(page: Page, serve: Serve, watch: Watch, tmp_path: Path) -> None:
    async with Provider() as provider:
        provider.script(["injected"])
        models = {"summarizers": "openai:gpt-5-mini", "openai_base_url": provider.openai_url}
        running = await serve(api_keys=json.dumps({ACME: "acme", OTHER: STRANGE}), openai_api_key="sk-any", **models)
        async with Store(running.url, OTHER) as other:
            await other.chat("secret-name", 30)
            await other.usage("secret-name", "u-2", {"input_tokens": 100_000, "output_tokens": 5}, feature="espionage")

        watch.allow("status 401", "status of 401")
        await page.goto(running.url)
        await is_asked_for(page)
        async with Store(running.url, ACME) as store:
            await from_nothing_to_something(page, store)
    await away_and_back(page, watch)
    await operators_see_all(page, await keys(tmp_path, "read", "operator"))
    await readers_read(page, await keys(tmp_path, "read"), watch)

    fresh = await page.context.new_page()  # another tab knows nothing of it
    await fresh.goto(running.url)
    await expect(fresh.get_by_role("dialog", name="API key")).to_be_visible()
    await fresh.close()


async def is_asked_for(page: Page) -> None:
    """Said no to, given wrongly, given, and kept nowhere else."""
    dialog = page.get_by_role("dialog", name="API key")
    field = dialog.get_by_label("Key", exact=True)
    await expect(field).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("alert")).to_contain_text("This did not work")
    await page.get_by_role("button", name="Try again").click()
    await field.fill("wrong")
    await dialog.get_by_role("button", name="Use this key").click()
    await expect(field).to_have_value("wrong")
    await expect(field).to_be_focused()
    await field.fill(ACME)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    places = "[JSON.stringify(sessionStorage), JSON.stringify(localStorage), document.cookie, location.href]"
    kept: list[str] = await page.evaluate(places)
    assert [ACME in text for text in kept] == [True, False, False, False]


async def from_nothing_to_something(page: Page, store: Store) -> None:
    """What an empty store looks like, and that what comes is seen without a reload."""
    for title, sentence in EMPTY.items():
        await expect(panel(page, title)).to_contain_text(sentence)
    await expect(figure(page, "Cache hit ratio")).to_have_text("–")
    await expect(page.get_by_role("button", name="All tenants")).to_have_count(0)
    await store.chat("own-name", 30, format="anthropic", model="claude-sonnet-5-5")
    await store.usage("own-name", "u-1", USED)
    await expect(figure(page, "Compactions")).to_have_text("1")
    await expect(panel(page, "Spend by feature")).to_contain_text("90.0 %")
    # What the summarizer wrote obeyed a stranger, and was not taken.
    await expect(page.get_by_role("table", name="Summarizer failures")).to_contain_text("openai-compatible:gpt-5-mini")
    await expect(page.locator("body")).not_to_contain_text("espionage")


async def away_and_back(page: Page, watch: Watch) -> None:
    """A service that is not reached is said to be so, its last figures stay, and it is found again."""
    watch.allow("ERR_INTERNET_DISCONNECTED")
    live = page.get_by_role("status")
    await page.context.set_offline(True)
    await look_again(page)
    await expect(live).to_have_text("The service cannot be reached; trying again")
    await page.get_by_role("button", name="30 days").click()
    await expect(live).to_have_text("Not up to date: The service cannot be reached.")
    await expect(figure(page, "Compactions")).to_have_text("1")
    await page.context.set_offline(False)
    await expect(live).to_have_text("Live")


async def operators_see_all(page: Page, key: str) -> None:
    """Every tenant's figures, nobody's names."""
    await use(page, key)
    await page.get_by_role("button", name="All tenants").click()
    await expect(page.get_by_role("button", name="All tenants")).to_be_focused()
    await expect(page.get_by_role("table", name="Spend by tenant")).to_contain_text(STRANGE)
    await expect(panel(page, "Latest compactions").locator("tbody tr")).to_have_count(2)
    await expect(page.locator("main img")).to_have_count(0)
    text = await page.locator("main").inner_text()
    assert "secret-name" not in text
    assert "own-name" not in text


async def readers_read(page: Page, key: str, watch: Watch) -> None:
    """A key that may only read is not shown what operators are, and is told why it may not do the rest."""
    await use(page, key)
    await expect(page.get_by_role("button", name="All tenants")).to_have_count(0)
    watch.allow("status 403", "status of 403")
    await panel(page, "Latest compactions").get_by_role("link", name="own-name").click()
    await expect(beside(page)).to_contain_text("Summary of messages 1 to")
    await page.get_by_role("button", name="Compact now").click()
    await expect(page.locator(".news")).to_contain_text("scope")


async def use(page: Page, key: str) -> None:
    """Change the key as a reader does."""
    await page.get_by_role("button", name="Key", exact=True).click()
    await page.get_by_role("dialog").get_by_label("Key", exact=True).fill(key)
    await page.keyboard.press("Enter")
    await expect(panel(page, "Latest compactions").get_by_role("link", name="own-name")).to_be_visible()


async def keys(folder: Path, *scopes: Access) -> str:
    """A key of acme's in the store of `serve`."""
    store = open_store(f"sqlite:///{folder / 'own.db'}")
    await store.open()
    key, _ = await Keyring(store, clock=time.time).create("acme", scopes)
    await store.close()
    return key
