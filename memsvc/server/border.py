"""The application, and the one border between the outside and the handlers.

Whatever goes wrong inside leaves here as a problem document; nothing else leaves.
"""

from __future__ import annotations

import functools
import itertools
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from aiohttp import web
from multidict import istr

from memsvc.core.access import OWNER_SCOPES, Caller
from memsvc.core.model import Key
from memsvc.errors import Forbidden, MemsvcError, MethodNotAllowed, NotFound
from memsvc.gateway import Gateway
from memsvc.gateway.wishes import SESSION
from memsvc.observe import CURRENT, CurrentRequest, RequestFailed, Sink, log_sink, places, quiet_logger
from memsvc.ports import NO_SPANS
from memsvc.server import reply
from memsvc.server.asked import Asked, Headed
from memsvc.server.body import Bodies
from memsvc.server.front import FRONT, Straight, Ways, finished, told
from memsvc.server.gate import Gate
from memsvc.server.handlers import Handler, Handlers
from memsvc.server.pages import Pages
from memsvc.server.paths import name_in_path
from memsvc.server.rates import Rates
from memsvc.server.vendors import Doors, astray
from memsvc.server.watch import Watch, traced
from memsvc.wire import CALLS, Call, check_name

if TYPE_CHECKING:
    from memsvc.service import Memory

Entrance = Callable[[Asked], Awaitable[web.Response]]
R = TypeVar("R", bound=Headed)
S = TypeVar("S", bound=web.StreamResponse)
SCOPES = "x-memsvc-scopes"
"""Response header: the scopes of the key that asked, where more than one kind of answer hangs on them."""
_TELLING = frozenset({"get", "stats"})
"""Calls whose answers have it: those with which whoever draws buttons begins. Others are not slowed down by it."""
_NOBODY = Key("", "")
_SEEN = istr("If-None-Match")
_ASKED_ID = istr("x-request-id")
PROBES = ("healthz", "readyz")
"""Rows of the table that a process without an API has too."""
MOST_SHOWN = 200
"""Characters of a session's name; a longer one is none, and is refused later."""
_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")


def create_app(
    memory: Memory,
    *,
    gate: Gate,
    max_body_bytes: int,
    body_timeout_s: float = 60.0,
    rates: Rates | None = None,
    gateway: Gateway | None = None,
    watch: Watch | None = None,
) -> web.Application:
    """The HTTP application over `memory`. Run it with `access_log=None`.

    Args:
        gate: says who is asking.
        max_body_bytes: longer bodies are answered with 413.
        body_timeout_s: a body that takes longer to arrive is answered with 408.
        rates: how fast a tenant may ask; None = as fast as it likes.
        gateway: answers the vendors' own calls; None = their paths do not exist.
        watch: hears of failures, and of every request; None = the log hears of failures, and that is all.
    """
    bodies = Bodies(max_body_bytes, body_timeout_s)
    watch = watch or Watch()
    border = Border(gate, rates, bodies, watch.sink or log_sink(), watch)
    handlers = Handlers(memory, bodies)
    app = _rows(border, handlers, CALLS, watch)
    app[FRONT] = border.ways(handlers, memory)
    if gateway is not None:
        app[FRONT] = replace(app[FRONT], called=Doors(border, gateway, bodies).mount(app))
    Pages().mount(app, border.guarded)
    app.router.add_route("*", "/{path:.*}", border.guarded(_nowhere, None))
    return app


def create_probes(memory: Memory, *, gate: Gate, watch: Watch) -> web.Application:
    """What a process without an API answers: `/healthz`, `/readyz`, and `/metrics` where `watch` has a door."""
    bodies = Bodies(0, 1.0)
    border = Border(gate, None, bodies, watch.sink or log_sink(), watch)
    return _rows(border, Handlers(memory, bodies), [call for call in CALLS if call.name in PROBES], watch)


def _rows(border: Border, handlers: Handlers, calls: Iterable[Call], watch: Watch) -> web.Application:
    # Inflating is off altogether: even a refused body would be inflated while it is drained.
    app = web.Application(handler_args={"auto_decompress": False, "logger": quiet_logger("memsvc.http")})
    for call in calls:
        border.add(app, call, getattr(handlers, call.name))
    if watch.door is not None:
        app.router.add_route("GET", "/metrics", border.guarded(watch.door.metrics, None, name="metrics"))
    return app


class Border:
    """Credentials in, errors out."""

    def __init__(self, gate: Gate, rates: Rates | None, bodies: Bodies, sink: Sink, watch: Watch | None = None) -> None:
        self._gate = gate
        self._rates = rates
        self._bodies = bodies
        self._clock = time.monotonic
        self._sink = sink
        self._watch = watch or Watch()
        self._prefix = secrets.token_hex(6)
        self._numbers = itertools.count(1)
        # A conversation is asked for again and again: its name is checked once.
        self._key = functools.lru_cache(maxsize=4_096)(_checked_key)

    def add(self, app: web.Application, call: Call, handler: Handler) -> None:
        """Make a row of the table a route."""
        # Anything but `/` may stand in a name; if something is wrong with it, `check_name` says what.
        path = re.sub(r"\{(\w+)\}", r"{\1:[^/]*}", call.path)
        entrance = self.guarded(handler, call)
        for method in ("GET", "HEAD") if call.method == "GET" else (call.method,):
            app.router.add_route(method, path, entrance, expect_handler=self.expected)

    def guarded(self, handler: Handler, call: Call | None, *, name: str = "?") -> Entrance:
        """`handler` behind the border; None = for what is no row of the table, by its `name`. A wrapper, no
        middleware: the hot path is one call shorter."""
        row = call if call is not None and call.scope != "public" else None
        told = row is not None and row.name in _TELLING

        async def work(request: Asked, request_id: str) -> web.Response:
            if row is None:
                return _signed(await handler(request, _NOBODY), request_id)
            caller = await self._caller(request)
            response = await handler(request, self._admitted(request, row, caller))
            if told:  # whoever may ask for more is not to find out by being refused
                response.headers[SCOPES] = ",".join(sorted(caller.scopes))
            return _signed(response, request_id)

        return self.watched(name if call is None else call.name, work, _refusal)

    def ways(self, handlers: Handlers, memory: Memory) -> Ways:
        """The short ways: the same look at who asks, and the same end to what goes wrong."""
        rows = {call.name: call for call in CALLS}
        row, append_row = rows["context"], rows["append"]

        async def fetch(request: Straight, request_id: str) -> web.StreamResponse:
            caller = await self._caller(request)
            self._let_in(row, caller)
            target = request.rel_url
            assert target.wanted is not None, "it is a fetch"
            found = await memory.context(self._session(caller, target.match_info["sid"]), target.wanted)
            return finished(found, request_id, request.headers.get(_SEEN))

        async def append(request: Straight, request_id: str) -> web.StreamResponse:
            caller = await self._caller(request)
            body = await handlers.appended(request, self._admitted(request, append_row, caller))
            return told(body, request_id)

        return Ways(self.watched(row.name, fetch, _refusal), self.watched(append_row.name, append, _refusal))

    def watched(
        self, name: str, work: Callable[[R, str], Awaitable[S]], refuse: Callable[[MemsvcError, str], S]
    ) -> Callable[[R], Awaitable[S]]:
        """`work` (a request and its id) with an end to all that goes wrong in it: what `refuse` makes of it.
        `name`: of the call, for the log. Whoever watches hears of the answer."""
        watchers = tuple(watcher(name) for watcher in self._watch.watchers)

        async def entrance(request: R) -> S:
            began = self._clock()
            request_id = self._request_id(request)
            CURRENT.set(CurrentRequest(request_id))
            try:
                answer = await work(request, request_id)
            except MemsvcError as error:
                answer = self._refused(refuse, (request_id, name, began), error, None)
            except Exception as error:
                failure = MemsvcError("The service failed; give its operator the request_id.")
                answer = self._refused(refuse, (request_id, name, began), failure, error)
            for ended in watchers:
                ended(answer.status, self._clock() - began)
            return answer

        return entrance if self._watch.spans is NO_SPANS else traced(self._watch.spans, name, entrance)

    def _refused(
        self,
        refuse: Callable[[MemsvcError, str], S],
        asked: tuple[str, str, float],
        failure: MemsvcError,
        bug: Exception | None,
    ) -> S:
        """The answer to a request (its id, its call and when it began) that failed."""
        request_id, name, began = asked
        if failure.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._report(request_id, name, failure, bug, self._clock() - began)
        return refuse(failure, request_id)

    async def writer(self, request: web.Request) -> Caller:
        """Who makes a call of a model. Raises Unauthorized, Forbidden, RateLimited."""
        caller = await self._caller(request)
        _now_of(caller.tenant, _shown(request.headers.get(SESSION, "")))
        if self._rates is not None:
            self._rates.take(caller.tenant)
        for scope in ("write", "read"):  # a model may be asked what was said
            if scope not in caller.scopes:
                raise _lacks(scope)
        return caller

    async def _caller(self, request: Headed) -> Caller:
        return self._gate.caller(request.headers) or await self._gate.ask(request.headers)

    def _admitted(self, request: Asked, call: Call, caller: Caller) -> Key:
        """Tenant and session ("" where a call is about none) that the request is about. Raises RateLimited,
        Forbidden, InvalidRequest."""
        self._let_in(call, caller)
        if call.needs_with and caller.scopes is not OWNER_SCOPES:
            _check_wishes(call, caller, request)
        if call.scope == "tenant":
            _now_of(caller.tenant, "")
            return Key(caller.tenant, "")
        return self._session(caller, name_in_path(request, "sid", "session"))

    def _let_in(self, call: Call, caller: Caller) -> None:
        if self._rates is not None:
            self._rates.take(caller.tenant)
        if caller.scopes is not OWNER_SCOPES and call.needs not in caller.scopes:
            raise _lacks(call.needs)

    def _session(self, caller: Caller, name: str) -> Key:
        key = self._key(caller.tenant, name)
        _now_of(key.tenant, key.session)
        return key

    async def expected(self, request: web.Request) -> web.StreamResponse | None:
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

    def _request_id(self, request: Headed) -> str:
        given = request.headers.get(_ASKED_ID)
        if given is not None and _SANE_ID.fullmatch(given):
            return given
        return f"{self._prefix}-{next(self._numbers):x}"

    def _report(self, request_id: str, name: str, failure: MemsvcError, bug: Exception | None, seconds: float) -> None:
        error = failure.code if bug is None else type(bug).__name__
        where = () if bug is None else places(bug.__traceback__)
        self._sink(RequestFailed(request_id, name, failure.status, error, round(seconds, 6), where))


def _signed(response: web.Response, request_id: str) -> web.Response:
    headers = response.headers
    headers["x-request-id"] = request_id
    headers["Server"] = reply.SERVER
    return response


def _refusal(failure: MemsvcError, request_id: str) -> web.Response:
    response = reply.problem(failure, request_id)
    if failure.status in reply.BODY_UNREAD:
        response.force_close()
    return _signed(response, request_id)


async def _nowhere(request: Asked, _key: Key) -> web.Response:
    """Where requests go that match no row: 405 if another method would, else 404."""
    assert isinstance(request, web.Request), "only a router sends requests here"
    allowed: set[str] = set()
    for resource in request.app.router.resources():
        if resource.canonical != "/{path}":
            allowed |= (await resource.resolve(request))[1]
    if allowed:
        allow = ", ".join(sorted(allowed))
        raise MethodNotAllowed(f"This path takes {allow}, not {request.method[:20]}.", allow=allow)
    told = astray(request.path)
    raise NotFound(told, code="no_such_path", message=told)  # `message` is what OpenAI's SDK prints of an error


def _check_wishes(call: Call, caller: Caller, request: Asked) -> None:
    for asked, scope in call.needs_with.items():
        name, _, value = asked.partition("=")
        if scope not in caller.scopes and name in request.query and value in ("", request.query[name]):
            raise _lacks(scope)


def _shown(name: str) -> str:
    """A session's name for the log and traces, where nobody has looked at it yet: bytes that are no UTF-8 too."""
    return name[:MOST_SHOWN].encode("utf-8", "replace").decode()


def _now_of(tenant: str, session: str) -> None:
    """Note whom the current request is about."""
    current = CURRENT.get()
    if current is not None:
        current.tenant, current.session = tenant, session


def _lacks(scope: str) -> Forbidden:
    return Forbidden(f"This key lacks the scope `{scope}`, which this call needs.", code="scope_missing", scope=scope)


def _checked_key(tenant: str, session: str) -> Key:
    return Key(tenant, check_name(session, "session"))
