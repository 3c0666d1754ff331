"""A view that stays open: what others change, what overlaps, and what it leaves behind in the browser."""

from __future__ import annotations

from playwright.async_api import Page, Request, Route, expect

from tests.browser.filling import Store, turn
from tests.browser.looking import look_again, message, open_session, open_view, panel
from tests.browser.watching import Watch
from tests.processes.running import Running

GROWTH = "Tokens, message by message"


async def grown(page: Page) -> list[list[str]]:
    """The table beside the curve of tokens."""
    box = panel(page, GROWTH)
    if not await box.locator("tbody").count():
        await box.locator("summary").click()
        await expect(box.locator("tbody tr").last).to_be_attached()  # the table is made when it is wanted
    rows: list[list[str]] = await box.locator("tbody tr").evaluate_all(
        "rows => rows.map(r => [...r.cells].map(c => c.textContent))"
    )
    return rows


async def test_what_another_program_cuts_off_leaves_the_curves(page: Page, server: Running, store: Store) -> None:
    name = "keeps/cut"
    await store.append(name, [m for n in range(6) for m in turn(n)], format="openai")
    await open_session(page, server.url, name)
    await store.call("POST", "/truncate", {"after_seq": 4}, session=name)
    await store.append(name, turn(9))
    await expect(page.locator(".message[data-seq='14']")).to_be_visible()
    await expect(page.locator(".message[data-seq='9']")).to_have_attribute("data-dead", "superseded")
    doc = await store.call("GET", "", session=name)
    rows = await grown(page)
    assert rows[-1][:2] == ["14", f"{doc['tokens']['full']:,}"]


async def test_looks_that_overlap_count_nothing_twice(page: Page, server: Running, store: Store) -> None:
    name = "keeps/twice"
    await store.append(name, [m for n in range(3) for m in turn(n)], format="openai")
    await open_session(page, server.url, name)
    asked: set[Request] = set()
    page.on("request", lambda request: asked.add(request))
    page.on("requestfinished", lambda request: asked.discard(request))
    await store.append(name, [m for n in range(3, 8) for m in turn(n)])
    await page.evaluate("for (let n = 0; n < 5; n++) document.dispatchEvent(new Event('visibilitychange'))")
    await expect(page.locator(".message[data-seq='16']")).to_have_count(1)
    while asked:
        await page.wait_for_event("requestfinished")
    assert [row[0] for row in await grown(page)] == [str(seq) for seq in range(1, 17)]


async def test_a_question_goes_with_its_view(page: Page, server: Running, store: Store) -> None:
    name = "keeps/asked"
    await store.append(name, turn(0), format="openai")
    await open_view(page, server.url, "sessions")
    await open_session(page, server.url, name)
    await page.get_by_role("button", name="Cut off after message 1", exact=True).click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.go_back()
    await expect(page.get_by_role("heading", name="Sessions")).to_be_visible()
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_the_history_is_loaded_before_it_is_reached_and_after_a_failure(
    page: Page, server: Running, store: Store, watch: Watch
) -> None:
    name = "keeps/near"
    watch.allow("503")
    await store.append(name, [{"role": "user", "content": f"Word {n}"} for n in range(150)], format="openai")
    away = True

    async def answer(route: Route) -> None:
        if away:
            await route.fulfill(status=503, json={"detail": "The store is away."})
        else:
            await route.continue_()

    await page.route("**/history?after=50*", answer)
    await open_session(page, server.url, name)
    box = page.get_by_role("region", name="History")
    blocks = box.locator(".block")
    await box.evaluate("box => box.scrollTop += box.children[1].getBoundingClientRect().top - innerHeight - 300")
    await expect(blocks.nth(1)).to_contain_text("The store is away.")
    await expect(blocks.nth(1)).not_to_be_in_viewport()
    away = False
    await expect(message(page, 51)).to_have_count(1)
    await expect(blocks.nth(2).locator(".message")).to_have_count(0)


async def test_charts_that_are_gone_are_let_go(page: Page, server: Running, store: Store) -> None:
    name = "keeps/charts"
    await store.append(name, turn(0), format="openai")
    await open_session(page, server.url, name)
    for n in range(1, 7):
        await store.append(name, turn(n))
        await look_again(page)
        await expect(page.locator(f".message[data-seq='{2 * n + 2}']")).to_have_count(1)
    session = await page.context.new_cdp_session(page)
    await session.send("HeapProfiler.collectGarbage")
    kind = await session.send("Runtime.evaluate", {"expression": "HTMLCanvasElement.prototype"})
    found = await session.send("Runtime.queryObjects", {"prototypeObjectId": kind["result"]["objectId"]})
    length = await session.send(
        "Runtime.callFunctionOn",
        {
            "objectId": found["objects"]["objectId"],
            "functionDeclaration": "function() { return this.length }",
            "returnByValue": True,
        },
    )
    assert length["result"]["value"] <= 2
