"""The providers that calls go to: addresses, credentials, connections."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from msgspec import Struct
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from memsvc.core.vendor_calls import Api
from memsvc.errors import InvalidRequest, Unauthorized, Unavailable
from memsvc.gateway.wishes import KEY, PREFIX

if TYPE_CHECKING:
    import aiohttp

STORED = "memsvc"
"""What a client sends as its key where keys are off and the stored one is to be used."""
PATHS: Mapping[Api, str] = {"messages": "/v1/messages", "chat": "/chat/completions", "responses": "/responses"}
"""Below a base address as each vendor's SDK takes it: OpenAI's ends with /v1."""
CREDENTIALS = ("authorization", "x-api-key", "api-key")
VIA = "1.1 memsvc"
"""By this a request that has come back is known."""
CONNECT_S = 10.0
_OPENAI = ("openai", "azure")
"""Providers that know every member of OpenAI's API."""
_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer"}
    | {"transfer-encoding", "upgrade", "host", "content-length", "content-encoding", "accept-encoding", "expect"}
    | {"x-request-id", "cookie", "set-cookie", "forwarded"}
)
"""Of one connection, or of this service's own address."""
_PLACE = frozenset({"alt-svc", "strict-transport-security", "clear-site-data", "location"})
"""What a provider says of its own address, and of this service's to whoever hears it from here. Nobody is sent on to
another address with the key for this service."""
_FORWARDED = re.compile(r"x-forwarded-|x-real-ip\Z|sec-fetch-|origin\Z|referer\Z")


class Upstream(Struct, frozen=True):
    """One provider.

    Attributes:
        vendor: whose API it speaks.
        url: its base address, as the vendor's SDK takes it; `{model}` in it stands for the model's name, and a query
            in it goes with every call.
        provider: its name in the price list and the books, and that of tenants' stored keys.
        auth: how a stored key is sent.
        own: on this machine or in a private network, so that nobody bills for it.
    """

    vendor: Literal["anthropic", "openai"]
    url: str
    provider: str
    auth: Literal["bearer", "api-key"] = "bearer"
    own: bool = False

    def address(self, path: str, model: str, query: str = "") -> str:
        """Where a call goes. Raises InvalidRequest for a model whose name is no part of an address."""
        base, _, told = self.url.partition("?")
        if "{model}" in base:
            if not re.fullmatch(r"(?!\.+\Z)[\w.:@+-]{1,200}", model, re.ASCII):
                raise InvalidRequest("`model` cannot stand in this provider's address.", field="model")
            base = base.replace("{model}", model)
        asked = "&".join(part for part in (told, query) if part)
        return base.rstrip("/") + path + (f"?{asked}" if asked else "")

    @property
    def caches_by_key(self) -> bool:
        """Whether it finds a session's cache again by a name that calls carry. Others refuse members that they do not
        know."""
        return self.provider in _OPENAI

    @property
    def old_names(self) -> bool:
        """Whether it may know the older names of members alone: whoever else speaks OpenAI's API."""
        return self.provider not in _OPENAI


def sent_key(headers: Mapping[str, str]) -> str:
    """The credential for the provider that a request brings in the vendors' own headers; "" = none. The key for this
    service is none, wherever it stands."""
    scheme, _, key = headers.get("Authorization", "").partition(" ")
    bearer = key.strip() if scheme.lower() == "bearer" else ""
    own = headers.get(KEY, "")
    return next((k for k in (bearer, headers.get("x-api-key", ""), headers.get("api-key", "")) if k and k != own), "")


def onward(headers: CIMultiDictProxy[str], upstream: Upstream, stored: str | None) -> CIMultiDict[str]:
    """The headers of the call: the caller's, without what is not the provider's business; `stored`: the key that
    takes the place of the caller's credential (None = that goes on)."""
    kept: CIMultiDict[str] = CIMultiDict()
    hop, own = _HOP | _named(headers), headers.get(KEY, "")
    for name, value in headers.items():
        lower = name.lower()
        if lower in hop or lower.startswith(PREFIX) or _FORWARDED.match(lower):
            continue
        if lower in CREDENTIALS and (stored is not None or (own and own in value)):
            continue
        kept.add(name, value)
    if stored:
        if upstream.auth == "api-key":
            kept["api-key"] = stored
        elif upstream.vendor == "anthropic" and "anthropic-version" in headers and _older(headers):
            kept["x-api-key"] = stored
        else:
            kept["Authorization"] = f"Bearer {stored}"
    kept["Accept-Encoding"] = "identity"  # the stream is listened to
    kept["Content-Type"] = "application/json"
    kept["Via"] = VIA
    return kept


def _named(headers: Mapping[str, str]) -> set[str]:
    """Headers that are of one connection because it says so itself."""
    return {name.strip().lower() for name in headers.get("Connection", "").split(",")}


def _older(headers: Mapping[str, str]) -> bool:
    """Before 2026-10-21 the Messages API took keys in a header of its own."""
    return headers.get("anthropic-version", "") < "2026"


def backward(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    """The headers of a reply as they go on to the client."""
    kept: CIMultiDict[str] = CIMultiDict()
    dropped = (_HOP | _PLACE | _named(headers)) - {"x-request-id"}
    for name, value in headers.items():
        lower = name.lower()
        if lower not in dropped and not lower.startswith("access-control-"):
            kept.add(name, value)
    return kept


class Connections:
    """HTTP connections to providers, kept open between calls.

    Attributes:
        idle_s: a provider that sends nothing for so long is given up.
    """

    def __init__(self, idle_s: float) -> None:
        self.idle_s = idle_s
        self._session: aiohttp.ClientSession | None = None
        self._proxies: dict[str, str | None] = {}

    async def post(self, url: str, headers: CIMultiDict[str], body: bytes) -> aiohttp.ClientResponse:
        """Send a call; gives the reply with its body still to come. Raises Unavailable."""
        return await self._send("POST", url, headers, body)

    async def get(self, url: str, headers: CIMultiDict[str]) -> aiohttp.ClientResponse:
        """Ask for something. Raises Unavailable."""
        return await self._send("GET", url, headers, None)

    async def _send(
        self, method: str, url: str, headers: CIMultiDict[str], body: bytes | None
    ) -> aiohttp.ClientResponse:
        import aiohttp

        try:
            return await self._open().request(
                method,
                URL(url, encoded=True),
                headers=headers,
                data=body,
                allow_redirects=False,
                proxy=self._proxy(url),
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as failed:
            # Whoever was reached may have begun to answer, and bill.
            sure = isinstance(failed, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
            raise Unavailable(
                f"The provider at {urlsplit(url).hostname} cannot be reached ({type(failed).__name__}); try again.",
                code="upstream_unreachable" if sure else "upstream_broke_off",
                retry_after=1,
            ) from None

    def _proxy(self, url: str) -> str | None:
        """The proxy that the environment names for an address. aiohttp would look for one too, but with it for
        credentials in ~/.netrc, and send those in the place of none."""
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        place = f"{parts.scheme}://{host}"
        if place not in self._proxies:
            found = None if proxy_bypass(host) else getproxies_environment().get(parts.scheme)
            self._proxies[place] = found if not found or "://" in found else f"http://{found}"
        return self._proxies[place]

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            import aiohttp

            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=self.idle_s),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=True,
            )
        return self._session

    async def close(self) -> None:
        """Let go of all connections."""
        if self._session is not None:
            await self._session.close()


def no_key(provider: str) -> Unauthorized:
    """There is nothing to call a provider with."""
    return Unauthorized(
        f"This tenant has no key for {provider!r}: store one with `memsvc provider-keys`, or send the provider's key as"
        f" the SDK's and the key for this service as `{KEY}`.",
        code="provider_key_missing",
    )
