"""A view of the dashboard as a reader sees it."""

from __future__ import annotations

import re
from urllib.parse import quote

from playwright.async_api import Locator, Page, expect

DRAWN = "body[data-ready=true]"


async def open_view(page: Page, url: str, view: str = "") -> None:
    """Go to a view of the dashboard (`""`, `sessions`) and wait until it is drawn."""
    await page.goto(f"{url}/#/{view}")
    await page.wait_for_selector(DRAWN)


async def open_session(page: Page, url: str, name: str) -> None:
    """Go to the view of one session and wait until it is drawn."""
    await open_view(page, url, f"session/{quote(name, safe='')}")
    await expect(page.get_by_role("heading", level=1)).to_be_visible()


async def look_again(page: Page) -> None:
    """Come back to the tab: what is new is asked for at once, not at the next stroke of the page's clock."""
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def panel(page: Page, title: str) -> Locator:
    """The panel or tile under a heading."""
    heading = page.get_by_role("heading", name=title, exact=True)
    return page.locator("section.panel, .tile").filter(has=heading)


def figure(page: Page, title: str) -> Locator:
    """The large figure of a tile."""
    return panel(page, title).locator(".figure")


def message(page: Page, seq: int) -> Locator:
    """A message in the history."""
    history = page.get_by_role("region", name="History", exact=True)
    return history.get_by_role("article", name=re.compile(rf"^Message {seq},"))


def beside(page: Page) -> Locator:
    """The context beside the history."""
    return page.get_by_role("region", name="Context", exact=True)
