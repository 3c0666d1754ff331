"""Whoever the reader is: small screens, enlarged text, the keyboard alone, a screen reader, either scheme."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser.accessible import violations
from tests.browser.filling import SMALL, Store, turn
from tests.browser.looking import beside, message, open_session, open_view
from tests.processes.running import Running

NAME = "reach/" + "a-name-without-any-room-to-break-it-" * 4
LONG = "x" * 400


async def fill(store: Store) -> None:
    """A conversation with all that is wide or coloured; nothing where it is there already."""
    found = await store.call("GET", "/v1/sessions?prefix=reach/")
    if found["sessions"]:
        return
    await store.put(NAME, system="Be brief.", format="anthropic", model="claude-sonnet-5-5", policy=SMALL)
    await store.append(NAME, [m for number in range(30) for m in turn(number)])
    await store.compact(NAME)
    await store.append(NAME, [*turn(31), {"role": "user", "content": f"{LONG}\n\n{LONG}"}])
    await store.call("PUT", "/pins/60", session=NAME)
    await store.usage(NAME, "reach-1", {"input_tokens": 1_000, "output_tokens": 9}, feature=LONG[:90])
    await store.call("POST", "/truncate", {"after_seq": 62}, session=NAME)
    await store.call("PUT", "/v1/budgets", {"budgets": [{"period": "day", "limit_usd": 50}]})


async def go(page: Page, url: str, view: str) -> None:
    """Open a view with something in it."""
    if view == "session":
        await open_session(page, url, NAME)
        await expect(beside(page)).to_contain_text("cache mark C")
    else:
        await open_view(page, url, view)


async def test_no_scrolling_sideways(page: Page, server: Running, store: Store) -> None:
    await fill(store)
    for view in ("", "sessions", "session"):
        await go(page, server.url, view)
        for width in (320, 360, 640):  # 640 is 1280 at 200 %
            await page.set_viewport_size({"width": width, "height": 700})
            wide = await page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, (view, width, wide)
            if width == 320:
                outside = await page.locator("main button, main a, main input, main select").evaluate_all(
                    """all => all.filter(e => { const box = e.getBoundingClientRect();
                        return box.width && (box.right > innerWidth + 1 || box.left < -1) && !e.closest(".scroll"); })
                        .map(e => e.outerHTML.slice(0, 80))"""
                )
                assert outside == [], view
        await page.set_viewport_size({"width": 1280, "height": 800})


async def test_nothing_grave_for_whoever_sees_or_hears_differently(page: Page, server: Running, store: Store) -> None:
    await fill(store)
    for view in ("", "sessions", "session"):
        await go(page, server.url, view)
        assert await violations(page) == [], view
    await page.get_by_role("button", name="Key", exact=True).click()
    assert await violations(page, within="dialog") == []
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="Key", exact=True)).to_be_focused()


async def test_with_the_keyboard_alone(page: Page, server: Running, store: Store) -> None:
    await fill(store)
    await go(page, server.url, "session")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_be_focused()

    left = set(await page.locator("main").locator(CONTROLS).evaluate_all(NAMES))
    assert {
        "Compact now",
        "Export",
        "epoch",
        "Earlier epoch",
        "History",
        "Context",
        "Unpin message 60",
        "format",
    } <= left
    for _ in range(len(left) * 2 + 20):
        await page.keyboard.press("Tab")
        here, seen = await page.evaluate(HERE)
        left.discard(here)
        assert seen, here
        if not left:
            break
    assert not left

    await message(page, 60).get_by_role("button", name="Unpin").focus()
    await page.keyboard.press("Space")
    await expect(message(page, 60).get_by_role("button", name="Pin message 60")).to_be_focused()
    theme = page.get_by_role("button", name="Theme: auto")
    await theme.focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert await page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"


CONTROLS = "button:enabled, a[href], input:enabled, select:enabled, summary, [tabindex='0']"
_NAME = "(e => e.getAttribute('aria-label') || e.id || e.textContent)"
NAMES = f"all => all.filter(e => e.checkVisibility()).map({_NAME})"
HERE = f"""() => {{
    const e = document.activeElement, style = getComputedStyle(e);
    const shown = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
    const opaque = e.closest('.row-actions') ? getComputedStyle(e.closest('.row-actions')).opacity === '1' : true;
    return [{_NAME}(e), e === document.body || (shown && opaque)];
}}"""


async def test_what_a_screen_reader_says(page: Page, server: Running, store: Store) -> None:
    await fill(store)
    await go(page, server.url, "session")
    await expect(page.locator("body")).to_match_aria_snapshot("""
        - link "Skip to the content"
        - banner:
          - link "memsvc"
          - navigation "Views":
            - link "Overview"
            - link "Sessions"
          - status: Live
          - 'button "Theme: auto"'
          - button "Key"
        - main:
          - heading /reach/ [level=1]
          - button "Compact now"
          - button "Export"
          - heading "Epochs" [level=2]
          - img /Of 63 messages \\d+ stand behind the summary/
          - button "Earlier epoch"
          - slider "Epochs"
          - heading "History" [level=2]
          - region "History"
          - heading "Context" [level=2]
          - combobox "Format"
          - region "Context"
    """)
    await expect(page.get_by_role("link", name="Sessions")).to_have_attribute("aria-current", "page")
