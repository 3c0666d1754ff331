"""What the other tests of this folder lean on: a fault in a page is seen, whatever kind it is of."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Page, expect

from tests.browser.accessible import violations
from tests.browser.filling import Store
from tests.browser.watching import Watch
from tests.processes.running import Running

POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src *; img-src 'self'"
HEAD = "<!doctype html><html lang=en><head><title>t</title><link rel=icon href=/icon.png>"
PAGES = {
    "/clean": HEAD + "<link rel=stylesheet href=/dark.css></head><body><main><h1>Clean</h1><p>Words.</p></main>",
    "/inline": HEAD + "</head><body><script>window.ran = true</script>",
    "/missing": HEAD + "</head><body><img src=/nothing.png alt=x>",
    "/throws": HEAD + "</head><body><script src=/throws.js></script>",
    "/warns": HEAD + "</head><body><script src=/warns.js></script>",
    "/asks": HEAD + "</head><body><script src=/asks.js></script>",
    "/opens": HEAD + "</head><body><script src=/opens.js></script>",
    "/leaves": HEAD + "</head><body><script src=/leaves.js></script>",
    "/nameless": HEAD + "</head><body><main><h1>Form</h1><button></button></main>",
    "/pale": HEAD + "<link rel=stylesheet href=/pale.css></head><body><main><h1>Pale</h1></main>",
}
FILES = {
    "/throws.js": ("text/javascript", "null.x"),
    "/warns.js": ("text/javascript", "console.warn('careful')"),
    "/asks.js": ("text/javascript", "alert('hello')"),
    "/opens.js": ("text/javascript", "window.open('about:blank')"),
    "/leaves.js": ("text/javascript", "fetch('http://elsewhere.example/x').catch(() => {})"),
    "/icon.png": ("image/png", ""),
    "/dark.css": ("text/css", "@media (prefers-color-scheme: dark) { body { background: #000; color: #fff } }"),
    "/pale.css": ("text/css", "@media (prefers-color-scheme: dark) { body { background: #000; color: #222 } }"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site() -> AsyncIterator[str]:
    """Small pages with one fault each."""

    async def answer(request: web.Request) -> web.Response:
        headers = {"content-security-policy": POLICY}
        if request.path in PAGES:
            return web.Response(text=PAGES[request.path], content_type="text/html", headers=headers)
        kind, text = FILES.get(request.path, ("", ""))
        return web.Response(text=text, content_type=kind) if kind else web.Response(status=404)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_a_clean_page_has_no_fault(page: Page, site: str, watch: Watch) -> None:
    await page.goto(f"{site}/clean")
    assert watch.faults == []
    assert await violations(page) == []


@pytest.mark.parametrize(
    ("path", "faults"),
    [
        ("inline", ["content security policy: script-src-elem forbids inline"]),
        ("missing", [r"status 404: GET .*/nothing\.png", r"console error: Failed to load .*/nothing\.png"]),
        ("throws", ["exception: .*null"]),
        ("warns", [r"console warning: careful .*/warns\.js"]),
        ("asks", ["dialog: alert: hello"]),
        ("opens", ["page opened: about:blank"]),
        (
            "leaves",
            [
                r"request to another machine: GET http://elsewhere\.example/x",
                r"request failed: GET http://elsewhere\.example/x: net::ERR_NAME_NOT_RESOLVED",
            ],
        ),
    ],
)
async def test_each_fault_is_seen(page: Page, site: str, watch: Watch, path: str, faults: list[str]) -> None:
    await page.goto(f"{site}/{path}")
    for fault in faults:
        await watch.until(fault)
    assert watch.wrong
    watch.allow(".")
    assert not watch.wrong


async def test_accessibility_is_looked_at_in_both_schemes(page: Page, site: str) -> None:
    await page.goto(f"{site}/nameless")
    assert [(v.rule, v.scheme, v.where) for v in await violations(page)] == [
        ("button-name", "light", ("button",)),
        ("button-name", "dark", ("button",)),
    ]
    await page.goto(f"{site}/pale")
    assert [(v.rule, v.scheme) for v in await violations(page)] == [("color-contrast", "dark")]


async def test_a_server_with_a_store_is_there(page: Page, server: Running, store: Store, watch: Watch) -> None:
    name = "fills/ü & <b>"
    made = await store.chat(name, 30)
    assert made["epoch"] == 1
    assert (await store.usage(name, "call-1", {"input_tokens": 10, "output_tokens": 5}))["booked"]
    watch.allow(r"/favicon\.ico")
    await page.goto(f"{server.url}/healthz")
    await expect(page.locator("body")).to_contain_text("ok")
