"""The door of the gateway: the vendors' own paths, and errors in their shapes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from memsvc.core.access import Caller
from memsvc.core.vendor_calls import LISTS, Api
from memsvc.errors import InvalidRequest, MemsvcError
from memsvc.gateway import Asker, Gateway
from memsvc.gateway.refusals import body_of, status_of
from memsvc.gateway.wishes import REQUEST_ID
from memsvc.server import reply
from memsvc.server.body import Bodies, members, parse
from memsvc.server.gate import taken

if TYPE_CHECKING:
    from memsvc.server.border import Border

Entrance = Callable[[web.Request], Awaitable[web.StreamResponse]]
Work = Callable[[web.Request, Caller, str], Awaitable[web.StreamResponse]]
"""What answers a request, given who asks and the request's id."""
CALLS: tuple[tuple[str, Api], ...] = (
    ("/v1/messages", "messages"),
    ("/v1/chat/completions", "chat"),
    ("/v1/responses", "responses"),
)
"""Paths of model calls, as the vendors have them."""
PASSED: tuple[tuple[str, str, Api], ...] = (
    ("POST", "/v1/messages/count_tokens", "messages"),
    ("POST", "/v1/responses/input_tokens", "responses"),
    ("GET", "/v1/models", "chat"),
    ("GET", "/v1/models/{model}", "chat"),
)
"""(method, path, shape of errors) of what else SDKs ask, which goes on as it is."""
_PLACES = tuple(path.removeprefix("/v1") for path, _ in CALLS) + ("/models", "/embeddings")


def astray(path: str) -> str:
    """What to tell whoever asks for a path that is not here: most often it is an SDK with a wrong address."""
    below = path.removeprefix("/v1").removeprefix("/v1")
    if path.startswith("/v1/v1/"):
        return f"There is no path {path[:100]} here: the address that Anthropic's SDK takes has no /v1 at its end."
    if not path.startswith("/v1/") and below.startswith(_PLACES):
        return f"There is no path {path[:100]} here: the address that OpenAI's SDK takes ends with /v1."
    return (
        "There is no such path here; /openapi.json lists them all. Of the vendors' own the gateway has messages,"
        " chat/completions, responses and models: for others call the provider."
    )


class Doors:
    """Makes routes of the vendors' paths."""

    def __init__(self, border: Border, gateway: Gateway, bodies: Bodies) -> None:
        self._border = border
        self._gateway = gateway
        self._bodies = bodies

    def mount(self, app: web.Application) -> dict[str, Entrance]:
        """Add the routes; gives those of calls of models by their paths."""
        called: dict[str, Entrance] = {}
        for path, api in CALLS:
            entrance = called[path] = self._guarded(path, api, self._called(api))
            app.router.add_route("POST", path, entrance, expect_handler=self._border.expected)
        for method, path, api in PASSED:
            entrance = self._guarded(path, api, self._passed)
            app.router.add_route(method, path, entrance, expect_handler=self._border.expected)
        return called

    def _called(self, api: Api) -> Work:
        async def work(request: web.Request, caller: Caller, request_id: str) -> web.StreamResponse:
            raw = await self._bodies.read(request)
            ours = taken(request.headers, caller)
            who = Asker(caller.tenant, request_id, ours)
            return await self._gateway.answer(request, api, who, _members(raw))

        return work

    async def _passed(self, request: web.Request, caller: Caller, request_id: str) -> web.StreamResponse:
        body = b"" if request.method == "GET" else await self._bodies.read(request)
        who = Asker(caller.tenant, request_id, taken(request.headers, caller))
        return await self._gateway.passed(request, request.rel_url.raw_path, who, body)

    def _guarded(self, path: str, api: Api, work: Work) -> Entrance:
        async def named(request: web.Request, request_id: str) -> web.StreamResponse:
            response = await work(request, await self._border.writer(request), request_id)
            if not response.prepared:
                response.headers[REQUEST_ID] = request_id
            return response

        def refuse(failure: MemsvcError, request_id: str) -> web.StreamResponse:
            return _refused(failure, api, request_id)

        return self._border.watched(path, named, refuse)


def _members(raw: bytes) -> dict[str, bytes]:
    """The members of a body. Of a whole history each message is parsed once, not once a turn: it is cut up here, and
    only what stands beside it is parsed. Raises InvalidRequest."""
    try:
        found = members(raw)
        for name, part in found.items():
            if name not in LISTS.values():
                parse(part)
        return found
    except (msgspec.DecodeError, RecursionError, InvalidRequest):
        pass  # what is wrong is said by its place in the whole
    if not isinstance(parse(raw), dict):
        raise InvalidRequest("The body must be a JSON object, as the vendor's API takes it.", field="body")
    return members(raw)


def _refused(failure: MemsvcError, api: Api, request_id: str) -> web.Response:
    headers = {
        "Content-Type": reply.JSON,
        "request-id" if api == "messages" else "x-request-id": request_id,
        REQUEST_ID: request_id,
        "x-memsvc-error": failure.code,
        "x-should-retry": "true" if failure.extra.get("retryable", failure.retryable) else "false",
        **reply.headers_of(failure),
    }
    response = web.Response(body=body_of(failure, api, request_id), status=status_of(failure), headers=headers)
    if failure.status in reply.BODY_UNREAD:
        response.force_close()
    return response
