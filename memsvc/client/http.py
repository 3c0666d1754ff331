"""Requests over HTTP: one pool of connections a client, each try with its own timeout."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from memsvc import __version__
from memsvc.client.transport import Answer, NoAnswer, Request

if TYPE_CHECKING:
    import aiohttp

POOL = 100
"""Connections at once."""
CONNECT_S = 10.0
"""The longest to wait for a connection."""
JSON = "application/json"
LARGE_BYTES = 500_000
"""A body from here on is sent piece by piece, so that the event loop can do other things in between."""


class HttpTransport:
    """A service at an address such as `http://127.0.0.1:8080`; a path before `/v1` is kept. Raises ValueError for
    what is no such address.

    Args:
        api_key: sent with each request; None = the service asks for none.
    """

    def __init__(self, url: str, *, api_key: str | None = None, pool: int = POOL) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"{parts.scheme or url!r}: a client needs an address such as http://127.0.0.1:8080")
        self._base = url.rstrip("/")
        self._headers = {"Accept": JSON, "User-Agent": f"memsvc-python/{__version__}"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._pool = pool
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the pool; connections are made when they are needed."""
        import aiohttp

        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._pool),
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            middlewares=(self._once,),
        )

    async def send(self, request: Request, timeout_s: float) -> Answer:
        """The answer. Raises NoAnswer."""
        import aiohttp
        from yarl import URL

        assert self._session is not None, "opened first"
        url = f"{self._base}{request.path}" + (f"?{request.query}" if request.query else "")
        headers = {**request.headers, "Content-Type": JSON} if request.body is not None else request.headers
        try:
            async with self._session.request(
                request.row.method,
                URL(url, encoded=True),
                data=_sent(request.body),
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=min(CONNECT_S, timeout_s)),
                allow_redirects=False,
            ) as response:
                return Answer(response.status, response.headers, await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError) as trouble:
            raise self._no_answer(trouble, timeout_s) from trouble

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def _once(self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        """aiohttp repeats some requests by itself, and says nothing of it; who counts tries must know of each."""
        import aiohttp

        try:
            return await send(request)
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as trouble:
            raise self._no_answer(trouble, 0.0) from trouble

    def _no_answer(self, trouble: Exception, timeout_s: float) -> NoAnswer:
        import aiohttp

        where = urlsplit(self._base).netloc.rpartition("@")[2]
        if isinstance(trouble, aiohttp.ClientSSLError):
            return NoAnswer(f"No safe connection to {where}: {trouble}.", sent=False, again=False)
        if isinstance(trouble, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            return NoAnswer(f"No connection to {where}: {trouble}.", sent=False)
        if isinstance(trouble, TimeoutError):
            return NoAnswer(f"No answer from {where} within {timeout_s:g} seconds.", sent=True)
        return NoAnswer(f"The answer of {where} was lost: {trouble or type(trouble).__name__}.", sent=True)


def _sent(body: bytes | None) -> bytes | io.BytesIO | None:
    return body if body is None or len(body) < LARGE_BYTES else io.BytesIO(body)
