"""The list of sessions."""

from __future__ import annotations

import asyncio

from playwright.async_api import Page, expect

from tests.browser.filling import Store
from tests.browser.looking import open_view
from tests.browser.watching import Watch
from tests.processes.running import Running

HELLO = [{"role": "user", "content": "Hello"}]
ODD = [
    "odd/../a+b c/100%25?x=1&y=2#part",
    "odd/北京 旅行/\u202edesrever",
    "odd/<img src=x onerror=alert(1)>",
]


async def test_pages_and_names_that_begin_so(page: Page, server: Running, store: Store) -> None:
    names = [f"many/{number:03}" for number in range(113)]
    for at in range(0, len(names), 20):
        await asyncio.gather(*(store.append(name, HELLO) for name in names[at : at + 20]))
    await open_view(page, server.url, "sessions?prefix=many/")
    rows = page.get_by_role("table", name="Sessions").locator("tbody tr")
    await expect(rows).to_have_count(50)
    seen = set(await rows.get_by_role("link").all_inner_texts())
    await expect(page.get_by_role("button", name="Newer")).to_have_count(0)
    older = page.get_by_role("button", name="Older")
    await older.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Newer")).to_be_visible()
    await expect(older).to_be_focused()
    seen |= set(await rows.get_by_role("link").all_inner_texts())
    await older.click()
    await expect(rows).to_have_count(13)
    seen |= set(await rows.get_by_role("link").all_inner_texts())
    assert seen == set(names)
    await page.get_by_role("button", name="Newer").click()
    await expect(rows).to_have_count(50)

    field = page.get_by_role("searchbox", name="Name begins with")
    await field.fill("many/01")
    await expect(rows).to_have_count(10)
    await field.fill("many/nothing")
    await expect(page.get_by_text("No session's name begins so.")).to_be_visible()
    await field.fill("many/new")
    await store.append("many/new", HELLO)  # comes by itself
    link = page.get_by_role("link", name="many/new")
    await expect(link).to_be_visible()
    await link.focus()
    await store.append("many/new", HELLO)
    await expect(rows.first.locator("td").nth(2)).to_have_text("2")
    await expect(link).to_be_focused()


async def test_links_lead_into_sessions_of_any_name(page: Page, server: Running, store: Store) -> None:
    for at, name in enumerate(ODD):
        await store.append(name, [{"role": "user", "content": f"I am number {at}."}])
    await open_view(page, server.url, "sessions?prefix=odd/")
    links = page.get_by_role("table", name="Sessions").get_by_role("link")
    await expect(links).to_have_count(len(ODD))
    for at, name in enumerate(ODD):
        shown = name.replace("\u202e", "⟨202E⟩")
        await links.get_by_text(shown, exact=True).click()
        await expect(page.locator("article .said")).to_have_text(f"I am number {at}.")
        await expect(page.get_by_role("heading", level=1)).to_have_text(shown)
        await expect(page).to_have_title(f"{shown} · memsvc")
        await page.go_back()
    await page.go_forward()
    await page.reload()  # what stands in the address leads there too
    await expect(page.locator("article .said")).to_have_text("I am number 2.")


async def test_a_name_that_nobody_has(page: Page, server: Running, watch: Watch) -> None:
    watch.allow("status 404", "status of 404")
    await open_view(page, server.url, "session/nobody%2Fhas%20it")
    await expect(page.get_by_role("alert")).to_contain_text("Not found")
    await expect(page.get_by_role("alert").get_by_role("button", name="Try again")).to_be_visible()
