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
<<<<<<< HEAD


async def test_the_key(page: Page, serve: Serve, watch: Watch, tmp_path: Path) -> None:
    strange = "<img src=x onerror=alert(1)>"
    running = await serve(api_keys=json.dumps({"key-of-acme-0123456789": "acme", "key-of-strange-0123456789": strange}))
    async with Store(running.url, "key-of-strange-0123456789") as other:
        await other.chat("secret-name", 30)
        await other.usage("secret-name", "u-2", {"input_tokens": 100_000, "output_tokens": 5}, feature="espionage")
    async with Store(running.url, "key-of-acme-0123456789") as store:
        await store.chat("own-name", 30)
        await store.usage("own-name", "u-1", {"input_tokens": 1000, "output_tokens": 5})

    watch.allow("status 401", "status of 401")
    await page.goto(running.url)
    dialog = page.get_by_role("dialog", name="API key")
    field = dialog.get_by_label("Key", exact=True)
    await expect(dialog).to_be_visible()
    await expect(field).to_be_focused()
    await expect(dialog).to_contain_text("This service asks for a key.")
    await expect(dialog).to_contain_text("memsvc keys create --tenant NAME --scope read")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("alert")).to_contain_text("This did not work")
    await page.get_by_role("button", name="Try again").click()
    await field.fill("wrong")
    await dialog.get_by_role("button", name="Use this key").click()
    await expect(dialog).to_be_visible()
    await field.fill("key-of-acme-0123456789")
    await page.keyboard.press("Enter")

    recent = panel(page, "Latest compactions")
    await expect(recent).to_contain_text("own-name")
    await expect(page.locator("body")).not_to_contain_text("espionage")
    await expect(page.get_by_role("button", name="All tenants")).to_have_count(0)
    kept = await page.evaluate(
        "[JSON.stringify(sessionStorage), JSON.stringify(localStorage), document.cookie, location.href]"
    )
    assert "key-of-acme-0123456789" in kept[0]
    assert not any("key-of-acme-0123456789" in text for text in kept[1:])

    operator, reader = await asyncio.gather(key(tmp_path, "read,operator"), key(tmp_path, "read"))
    await use(page, operator)
    await page.get_by_role("button", name="All tenants").click()
    await expect(page.get_by_role("button", name="All tenants")).to_be_focused()
    await expect(page.get_by_role("table", name="Spend by tenant")).to_contain_text(strange)
    await expect(recent.locator("tbody tr")).to_have_count(2)
    await page.get_by_role("button", name="By tenant").click()
    await expect(panel(page, "Spend by day").locator(".legend")).to_contain_text(strange)
    text = await page.locator("main").inner_text()
    assert "secret-name" not in text
    assert "own-name" not in text

    await use(page, reader)
    await expect(recent).to_contain_text("own-name")
    await expect(page.get_by_role("button", name="All tenants")).to_have_count(0)
    await page.get_by_role("link", name="own-name").first.click()
    await expect(page.get_by_role("button", name="Export")).to_be_visible()
    await expect(page.locator(".message").first).to_be_attached()
    for name in ("Compact now", "Pin message 1", "Cut off after message 1"):  # reading is all that this key may
        await expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    await use(page, "key-of-acme-0123456789")
    await expect(page.get_by_role("button", name="Compact now")).to_be_visible()
    await expect(page.get_by_role("button", name="Pin message 1", exact=True)).to_be_attached()

    fresh = await page.context.new_page()  # another tab knows nothing of it
    await fresh.goto(running.url)
    await expect(fresh.get_by_role("dialog", name="API key")).to_be_visible()
    await fresh.close()


async def use(page: Page, key: str) -> None:
    """Change the key as a reader does."""
    await page.get_by_role("button", name="Key", exact=True).click()
    await page.get_by_role("dialog").get_by_label("Key", exact=True).fill(key)
    await page.keyboard.press("Enter")


async def key(folder: Path, scope: str) -> str:
    """A key of acme's, made by the command line for the store of `serve`."""
    store = f"sqlite:///{folder / 'own.db'}"
    made = ["keys", "create", "--tenant", "acme", "--scope", scope, "--store", store]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "memsvc", *made, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    return told.decode().strip()
=======
>>>>>>> e354afddbf5fd6c691bb13ce94837f07f81d3adc
