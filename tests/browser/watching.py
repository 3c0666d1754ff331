"""Everything that goes wrong in a page without anybody looking: a test that uses it fails for each."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Dialog, Page, Request, Response, WebError

# The browser's own line on a violation may come late or not at all; the event does not.
_TELL = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`content security policy: ${event.violatedDirective} forbids ${event.blockedURI}`);
});
"""
_HERE = {"127.0.0.1", "localhost"}
_INSIDE = {"data", "blob", "about"}
_PATIENCE_S = 20.0


@dataclass
class Watch:
    """What went wrong in the pages of a profile.

    Attributes:
        faults: one line each: errors and warnings of the console, exceptions, requests that failed, were answered
            with 400 or more or went to another machine, what the content security policy forbade, dialogs, and
            pages that a page opened.
        allowed: patterns; a fault that one of them fits (`re.search`) is none.
    """

    faults: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def allow(self, *patterns: str) -> None:
        """Expect these faults, those that were seen already among them: for tests that cause one."""
        self.allowed += patterns

    @property
    def wrong(self) -> list[str]:
        """The faults that are not allowed."""
        return [fault for fault in self.faults if not any(re.search(p, fault) for p in self.allowed)]

    async def until(self, pattern: str) -> None:
        """Wait for a fault that the pattern fits."""
        async with asyncio.timeout(_PATIENCE_S):
            while not any(re.search(pattern, fault) for fault in self.faults):
                self._changed.clear()
                await self._changed.wait()

    async def add(self, context: BrowserContext) -> None:
        """Watch the pages of a profile, from their next document on."""
        await context.add_init_script(_TELL)
        context.on("console", self._console)
        context.on("dialog", self._dialog)
        context.on("page", self._opened)
        context.on("request", self._asked)
        context.on("requestfailed", self._failed)
        context.on("response", self._answered)
        context.on("weberror", self._thrown)

    def _fault(self, text: str) -> None:
        self.faults.append(text)
        self._changed.set()

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            where = message.location.get("url") or "inline"
            self._fault(f"console {message.type}: {message.text} ({where}:{message.location.get('lineNumber')})")

    async def _dialog(self, dialog: Dialog) -> None:
        self._fault(f"dialog: {dialog.type}: {dialog.message}")
        await dialog.dismiss()

    async def _opened(self, page: Page) -> None:
        if await page.opener() is not None:
            self._fault(f"page opened: {page.url}")

    def _asked(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme not in _INSIDE and url.hostname not in _HERE:
            self._fault(f"request to another machine: {request.method} {request.url}")

    def _failed(self, request: Request) -> None:
        if request.failure == "net::ERR_ABORTED":
            return  # called off by the page itself: its reader has gone on
        self._fault(f"request failed: {request.method} {request.url}: {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self._fault(f"status {response.status}: {response.request.method} {response.url}")

    def _thrown(self, error: WebError) -> None:
        self._fault(f"exception: {error.error}")
