"""Pages for people: the dashboard, whose files ship with the package, and the API as a page.

They go out under policies that let no script of anybody else run, and hold nothing of a conversation: the dashboard
asks for that with its visitor's own key.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from importlib.resources import files

from aiohttp import web

from memsvc.core.model import Key
from memsvc.server.asked import Asked
from memsvc.server.reply import matches

TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}
"""What is served, by the end of its name."""
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        # No text can become markup or code by any way that a browser knows, whatever a page's script does with it.
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""Of the dashboard."""
HEADERS = {
    "Cache-Control": "no-cache",  # keep it, but ask: a release changes all files at once
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
FRONT = "index.html"


@dataclass(frozen=True, slots=True)
class File:
    """A file as it goes out: whole, squeezed, the name of these bytes, and what it may do in a browser."""

    type: str
    policy: str
    whole: bytes
    squeezed: bytes
    etag: str


class Pages:
    """What stands at which path."""

    def mount(self, app: web.Application, entrance: Callable[..., Callable[..., object]]) -> None:
        """Make them routes of `app`. `entrance` puts a handler behind the border."""
        found: dict[str, Callable[[], File]] = {"/docs": _api}
        for name in _files():
            found["/" if name == FRONT else f"/ui/{name}"] = functools.partial(_files().__getitem__, name)
        for path, file in found.items():
            for method in ("GET", "HEAD"):
                app.router.add_route(method, path, entrance(_page(file), None))  # type: ignore[arg-type]


def _page(file: Callable[[], File]) -> Callable[..., object]:
    async def page(request: Asked, _key: Key) -> web.Response:
        return _answer(file(), request)

    return page


def _answer(file: File, request: Asked) -> web.Response:
    headers = {**HEADERS, "Content-Security-Policy": file.policy, "ETag": file.etag, "Vary": "Accept-Encoding"}
    seen = request.headers.get("If-None-Match")
    if seen is not None and matches(seen, file.etag):
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    headers["Content-Type"] = file.type
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        return web.Response(body=file.squeezed, headers={**headers, "Content-Encoding": "gzip"})
    return web.Response(body=file.whole, headers=headers)


@functools.cache
def _files() -> dict[str, File]:
    folder = files("memsvc") / "dashboard"
    return {f.name: _file(f.name, f.read_bytes()) for f in folder.iterdir() if f.name.rpartition(".")[2] in TYPES}


@functools.cache
def _api() -> File:
    from memsvc.wire.apipage import CONTENT_POLICY, api_page

    return _file("docs.html", api_page().encode(), CONTENT_POLICY)


def _file(name: str, whole: bytes, policy: str = POLICY) -> File:
    tag = hashlib.sha256(whole).hexdigest()[:32]
    return File(TYPES[name.rpartition(".")[2]], policy, whole, gzip.compress(whole, mtime=0), f'"{tag}"')
