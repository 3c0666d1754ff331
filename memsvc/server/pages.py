"""Pages for people, as finished HTML: no key is needed, since they hold nothing of anybody's."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from aiohttp import web

from memsvc.core.model import Key
from memsvc.server.asked import Asked
from memsvc.wire.apipage import CONTENT_POLICY, api_page

if TYPE_CHECKING:
    from memsvc.server.border import Border

_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class Pages:
    """Makes a route of each page."""

    def __init__(self, border: Border) -> None:
        self._border = border
        self._api_page = functools.cache(lambda: api_page().encode())

    def mount(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/docs", self._border.guarded(self._docs, None))

    async def _docs(self, request: Asked, _key: Key) -> web.Response:
        return web.Response(body=self._api_page(), headers=_HEADERS)
