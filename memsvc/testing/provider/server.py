"""The server: routes, keys, records of what came in."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

from aiohttp import web

from memsvc.testing.provider.batch_endpoints import BatchEndpoints
from memsvc.testing.provider.behaviours import Chooser, UnknownBehaviour
from memsvc.testing.provider.calls import CLIENT_LEFT, KEPT_HEADERS, Call, key_of, vendor_of
from memsvc.testing.provider.endpoints import Endpoints, Handler, Refused, refusal
from memsvc.testing.provider.engine import Engine
from memsvc.testing.provider.outcome import Fault
from memsvc.testing.provider.tokens import Counter

BAD_KEY = "bad-key"
"""The one key that is refused; any other that is not empty is good."""
MOST_BYTES = 32 * 1024 * 1024
_CALL = web.RequestKey("call", Call)
_Entrance = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Provider:
    """Both vendors' APIs on one port, answered by no model at all.

    Attributes:
        calls: every request so far, oldest first; no more than `keep_calls`.
        delay_s: how long the behaviour `slow` waits; None = until `release`.

    Args:
        windows: tokens of prompt by model name; also makes a name known to both APIs.
        tokens_per_raw: a model's tokens for one o200k token, over 1.35 for Claude and 1.0 for others.
        clock: seconds since 1970; caches and batches age by it.
        count: raw tokens of a text; None = o200k.
        delay_s: see above.
        new_account: made since August 2026, when bound thinking began to be enforced on every bound model.
        batch_s: seconds from making a batch to its results.
        salt: goes into the ids of replies, which are otherwise the same at every start.
        keep_calls: how many requests are remembered, the newest; None = all.
    """

    def __init__(
        self,
        *,
        windows: Mapping[str, int] | None = None,
        tokens_per_raw: Mapping[str, float] | None = None,
        clock: Callable[[], float] = time.time,
        count: Callable[[str], int] | None = None,
        delay_s: float | None = None,
        new_account: bool = True,
        batch_s: float = 0.0,
        salt: str = "",
        keep_calls: int | None = None,
    ) -> None:
        self._engine = Engine(
            windows or {}, tokens_per_raw or {}, clock, Counter(count), new_account, delay_s=delay_s, salt=salt
        )
        self._batches = BatchEndpoints(self._engine, lambda: self.url, batch_s)
        self._changed = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._host, self._port = "127.0.0.1", 0
        self._keep, self._number = keep_calls, 0
        self.calls: list[Call] = []

    async def start(self, port: int = 0, host: str = "127.0.0.1") -> None:
        """Listen; port 0 = any free one. Raises OSError if the port is taken."""
        app = web.Application(middlewares=[self._entrance], client_max_size=MOST_BYTES)
        for method, path, handler in [*self._batches.routes(), *Endpoints(self._engine, self._changed.set).routes()]:
            app.router.add_route(method, path, self._recorded(handler))
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.5, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        try:
            await site.start()
        except OSError:
            await self.close()
            raise
        self._host, self._port = host, self._runner.addresses[0][1]

    async def close(self) -> None:
        """Stop listening; what still waits is let go."""
        self.release()
        self._batches.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Provider:
        if self._runner is None:
            await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def url(self) -> str:
        """Where it listens, without a path."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def anthropic_url(self) -> str:
        """The base URL for the Anthropic SDK."""
        return self.url

    @property
    def openai_url(self) -> str:
        """The base URL for the OpenAI SDK."""
        return f"{self.url}/v1"

    @property
    def delay_s(self) -> float | None:
        """How long the behaviour `slow` waits, in seconds; None = until `release`."""
        return self._engine.delay_s

    @delay_s.setter
    def delay_s(self, seconds: float | None) -> None:
        """For the replies to come."""
        self._engine.delay_s = seconds

    def script(self, names: Sequence[str]) -> None:
        """Play these behaviours, one for each call of a model from now on; the last one stays.

        Raises UnknownBehaviour.
        """
        self._engine.script.play(names)

    def behave(self, chooser: Chooser | None) -> None:
        """Let a function choose for each call: a name, an Answer, a Fault, or None for `ok`. None = the script."""
        self._engine.script.ask(chooser)

    def release(self) -> None:
        """Let all `slow` replies go, those to come as well."""
        self._engine.gate.set()

    def hold(self) -> None:
        """Make `slow` replies wait again."""
        self._engine.gate.clear()

    async def until(self, true: Callable[[Sequence[Call]], bool]) -> None:
        """Wait until something holds of the calls: that one has come in, is being answered, is over."""
        while not true(self.calls):
            self._changed.clear()
            await self._changed.wait()

    def forget_caches(self) -> None:
        """Empty the prompt caches."""
        self._engine.cache.forget()

    @web.middleware
    async def _entrance(self, request: web.Request, handler: _Entrance) -> web.StreamResponse:
        self._number += 1
        call = Call(
            self._number,
            vendor_of(request),
            request.method,
            request.path,
            {name: request.headers[name] for name in KEPT_HEADERS if name in request.headers},
        )
        self.calls.append(call)
        if self._keep is not None:
            del self.calls[: -self._keep]
        request[_CALL] = call
        try:
            response = await self._answered(request, handler, call)
            call.status = response.status
        except asyncio.CancelledError:
            call.status = CLIENT_LEFT
            raise
        finally:
            self._changed.set()
        return response

    async def _answered(self, request: web.Request, handler: _Entrance, call: Call) -> web.StreamResponse:
        try:
            await self._admit(request, call)
            return await handler(request)
        except Refused as refused:
            return refusal(call, refused.fault)
        except UnknownBehaviour as unknown:
            return refusal(call, Fault("invalid", str(unknown)))
        except web.HTTPRequestEntityTooLarge:
            return refusal(call, Fault("too_large", "Request exceeds the maximum size"))
        except web.HTTPException as wrong:  # no such path or method
            return refusal(call, Fault("not_found", f"{call.method} {call.path}: {wrong.reason}"))

    async def _admit(self, request: web.Request, call: Call) -> None:
        """Check key and version, read the body."""
        key = key_of(request)
        if not key or key == BAD_KEY:
            raise Refused(Fault("auth", "invalid x-api-key" if key else "x-api-key header is required"))
        if call.vendor == "anthropic" and "anthropic-version" not in call.headers:
            raise Refused(Fault("invalid", "anthropic-version: header is required"))
        if request.method == "POST" and not request.content_type.startswith("multipart/"):
            raw = await request.read()
            try:
                call.body = json.loads(raw) if raw else None
            except (ValueError, RecursionError):
                raise Refused(Fault("invalid", "The request body is not valid JSON.")) from None
            if isinstance(call.body, dict):
                call.model = str(call.body.get("model", ""))

    def _recorded(self, handler: Handler) -> _Entrance:
        async def with_call(request: web.Request) -> web.StreamResponse:
            return await handler(request, request[_CALL])

        return with_call


async def start(port: int = 0, host: str = "127.0.0.1", **options: Any) -> Provider:
    """A running Provider; `options` are its own. Raises OSError if the port is taken."""
    provider = Provider(**options)
    await provider.start(port, host)
    return provider
