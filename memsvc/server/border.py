"""The application, and the one border between the outside and the handlers.

Whatever goes wrong inside leaves here as a problem document; nothing else leaves.
"""

from __future__ import annotations

import functools
import itertools
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from memsvc.core.model import Key
from memsvc.errors import MemsvcError, MethodNotAllowed, NotFound
from memsvc.observe import RequestFailed, Sink, log_sink, places, quiet_logger
from memsvc.server import reply
from memsvc.server.body import Bodies
from memsvc.server.gate import Gate, Keys, Loopback
from memsvc.server.handlers import Handler, Handlers
from memsvc.server.paths import name_in_path
from memsvc.wire import CALLS, Call, Scope, check_name

if TYPE_CHECKING:
    from memsvc.service import Memory

Entrance = Callable[[web.Request], Awaitable[web.StreamResponse]]
Caller = Callable[[web.Request], Key]
"""Says whose request it is, or refuses it."""

_NOBODY = Key("", "")
_BODY_UNREAD = (408, 413, 415)
_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")


def create_app(
    memory: Memory,
    *,
    keys: Mapping[str, str] | None,
    max_body_bytes: int,
    body_timeout_s: float = 60.0,
    clock_monotonic: Callable[[], float] = time.monotonic,
    sink: Sink | None = None,
) -> web.Application:
    """The HTTP application over `memory`. Run it with `access_log=None`.

    Args:
        keys: key -> tenant. None = no keys: one tenant, and only requests from this machine are
            answered. An empty mapping lets nobody in.
        max_body_bytes: longer bodies are answered with 413.
        body_timeout_s: a body that takes longer to arrive is answered with 408.
        clock_monotonic: seconds, for durations.
        sink: where failures are reported; None = the log.
    """
    gate: Gate = Loopback() if keys is None else Keys(keys)
    bodies = Bodies(max_body_bytes, body_timeout_s)
    border = Border(gate, bodies, clock_monotonic, sink or log_sink())
    # Inflating is off altogether: even a refused body would be inflated while it is drained.
    app = web.Application(handler_args={"auto_decompress": False, "logger": quiet_logger("memsvc.http")})
    handlers = Handlers(memory, bodies)
    for call in CALLS:
        border.add(app, call, getattr(handlers, call.name))
    app.router.add_route("*", "/{path:.*}", border.guarded(_nowhere, "?", _anybody))
    return app


class Border:
    """Credentials in, errors out."""

    def __init__(self, gate: Gate, bodies: Bodies, clock: Callable[[], float], sink: Sink) -> None:
        self._gate = gate
        self._bodies = bodies
        self._clock = clock
        self._sink = sink
        self._prefix = secrets.token_hex(6)
        self._numbers = itertools.count(1)
        # A conversation is asked for again and again: its name is checked once.
        self._key = functools.lru_cache(maxsize=4_096)(_checked_key)
        self._callers: dict[Scope, Caller] = {
            "public": _anybody,
            "tenant": self._tenant,
            "session": self._session,
        }

    def add(self, app: web.Application, call: Call, handler: Handler) -> None:
        """Make a row of the table a route."""
        # Anything but `/` may stand in a name; if something is wrong with it, `check_name` says what.
        path = re.sub(r"\{(\w+)\}", r"{\1:[^/]*}", call.path)
        entrance = self.guarded(handler, call.name, self._callers[call.scope])
        for method in ("GET", "HEAD") if call.method == "GET" else (call.method,):
            app.router.add_route(method, path, entrance, expect_handler=self._expected)

    def guarded(self, handler: Handler, name: str, caller: Caller) -> Entrance:
        """`handler` behind the border. A wrapper, no middleware: the hot path is one call shorter."""

        async def entrance(request: web.Request) -> web.StreamResponse:
            began = self._clock()
            request_id = self._request_id(request)
            try:
                return _signed(await handler(request, caller(request)), request_id)
            except MemsvcError as error:
                failure, bug = error, None
            except Exception as error:
                failure, bug = MemsvcError("The service failed; give its operator the request_id."), error
            if failure.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                self._report(request_id, name, failure, bug, self._clock() - began)
            return _refusal(failure, request_id)

        return entrance

    def _tenant(self, request: web.Request) -> Key:
        return Key(self._gate.tenant(request.headers), "")

    def _session(self, request: web.Request) -> Key:
        return self._key(self._gate.tenant(request.headers), name_in_path(request, "sid", "session"))

    async def _expected(self, request: web.Request) -> web.StreamResponse | None:
        """`Expect: 100-continue`: refuse before the body is sent, or ask for it."""
        try:
            self._bodies.refuse_early(request)
        except MemsvcError as error:
            return _refusal(error, self._request_id(request))
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            # What counts as output so far is the answer's, which has not begun.
            request.writer.output_size = 0
        return None

    def _request_id(self, request: web.Request) -> str:
        given = request.headers.get("x-request-id")
        if given is not None and _SANE_ID.fullmatch(given):
            return given
        return f"{self._prefix}-{next(self._numbers):x}"

    def _report(self, request_id: str, name: str, failure: MemsvcError, bug: Exception | None, seconds: float) -> None:
        error = failure.code if bug is None else type(bug).__name__
        where = () if bug is None else places(bug.__traceback__)
        self._sink(RequestFailed(request_id, name, failure.status, error, round(seconds, 6), where))


def _anybody(_request: web.Request) -> Key:
    return _NOBODY


def _signed(response: web.StreamResponse, request_id: str) -> web.StreamResponse:
    headers = response.headers
    headers["x-request-id"] = request_id
    headers["Server"] = reply.SERVER
    return response


def _refusal(failure: MemsvcError, request_id: str) -> web.StreamResponse:
    response = reply.problem(failure, request_id)
    if failure.status in _BODY_UNREAD:
        response.force_close()
    return _signed(response, request_id)


async def _nowhere(request: web.Request, _key: Key) -> web.Response:
    """Where requests go that match no row: 405 if another method would, else 404."""
    allowed: set[str] = set()
    for resource in request.app.router.resources():
        if resource.canonical != "/{path}":
            allowed |= (await resource.resolve(request))[1]
    if allowed:
        allow = ", ".join(sorted(allowed))
        raise MethodNotAllowed(f"This path takes {allow}, not {request.method[:20]}.", allow=allow)
    raise NotFound("There is no such path here; /openapi.json lists them all.", code="no_such_path")


def _checked_key(tenant: str, session: str) -> Key:
    return Key(tenant, check_name(session, "session"))
