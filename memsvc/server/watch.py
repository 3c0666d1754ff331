"""Who watches requests, and the door that an operator's own programs come through to metrics."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

from aiohttp import web

from memsvc.core.model import Key
from memsvc.errors import Forbidden, Unauthorized
from memsvc.observe import CURRENT, Sink, Watcher
from memsvc.ports import NO_SPANS, Spans
from memsvc.server.asked import Asked, Headed
from memsvc.server.gate import Gate, without_keys

R = TypeVar("R", bound=Headed)
S = TypeVar("S", bound=web.StreamResponse)
EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"
"""Content type of Prometheus' text format."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Who hears of requests.

    Attributes:
        sink: where failures are reported; None = the log.
        watchers: each is told how every request ended.
        spans: where each is a step of a trace.
        door: what answers `GET /metrics`; None = that path does not exist.
    """

    sink: Sink | None = None
    watchers: Sequence[Watcher] = ()
    spans: Spans = NO_SPANS
    door: MetricsDoor | None = None


class MetricsDoor:
    """Shows metrics to whoever may see them: they are about all tenants, so that no tenant's key opens them.

    Args:
        scrape: gives them in Prometheus' text format.
        gate: says whether keys are on; while they are off, programs of this machine may see them.
        token: what a scraper must send as `Authorization: Bearer`; None = there is none.
        public: whoever reaches the port may see them.
    """

    def __init__(
        self, scrape: Callable[[], Awaitable[bytes]], gate: Gate, *, token: str | None = None, public: bool = False
    ) -> None:
        self._scrape = scrape
        self._gate = gate
        self._token = None if token is None else _digest(token)
        self._public = public

    async def metrics(self, request: Asked, key: Key) -> web.Response:
        """All of them. Raises Unauthorized, Forbidden."""
        if not self._public:
            await self._check(request)
        return web.Response(
            body=await self._scrape(), headers={"Content-Type": EXPOSITION, "Cache-Control": "no-store"}
        )

    async def _check(self, request: Asked) -> None:
        if self._token is not None:
            scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
            if scheme.lower() == "bearer" and hmac.compare_digest(_digest(sent.strip()), self._token):
                return
            raise Unauthorized("Metrics need `Authorization: Bearer <metrics_token>`.")
        if not await self._at_home(request.headers):
            raise Forbidden(
                "Metrics are about all tenants, and no tenant's key opens them: set metrics_token"
                " (MEMSVC_METRICS_TOKEN), or metrics = public where only your own programs reach this port.",
                code="metrics_closed",
            )

    async def _at_home(self, headers: Mapping[str, str]) -> bool:
        """Whether a program of this machine asks while keys are off. With keys on a good key, a bad one and none are
        the same here: to say that a key is wanted would send people looking for one that opens nothing."""
        try:
            return without_keys(self._gate.caller(headers) or await self._gate.ask(headers))
        except Unauthorized:
            return False


def traced(spans: Spans, call: str, entrance: Callable[[R], Awaitable[S]]) -> Callable[[R], Awaitable[S]]:
    """An entrance each of whose requests is a step of a trace: of the caller's, if it names one."""

    async def stepped(request: R) -> S:
        told = {"http.request.method": str(getattr(request, "method", "")), "memsvc.call": call}
        with spans.span(call, told, kind="server", carrier=request.headers) as span:
            answer = await entrance(request)
            span.note({"http.response.status_code": answer.status, **_whom()})
            if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                span.fail(str(answer.status))
            return answer

    return stepped


def _whom() -> dict[str, str]:
    """Whom the current request was about."""
    current = CURRENT.get()
    if current is None or not current.tenant:
        return {}
    told = {"memsvc.tenant": current.tenant, "memsvc.request_id": current.id}
    return {**told, "gen_ai.conversation.id": current.session} if current.session else told


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
