"""The endpoints that call a model, count tokens or list models."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from aiohttp import web

from memsvc.testing.provider import anthropic_shape, openai_shape, responses_shape
from memsvc.testing.provider.anthropic_checks import counting_fault
from memsvc.testing.provider.calls import Call, key_of
from memsvc.testing.provider.engine import Context, Engine, Written
from memsvc.testing.provider.models import KNOWN
from memsvc.testing.provider.openai_batches import openai_status
from memsvc.testing.provider.openai_checks import responses_fault
from memsvc.testing.provider.outcome import Api, Fault
from memsvc.testing.provider.transport import Event, cut_reply, garbled_reply, json_reply, stream_reply
from memsvc.testing.provider.usages import honest

Handler = Callable[[web.Request, Call], Awaitable[web.StreamResponse]]


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def context_of(request: web.Request, *, batch: bool = False) -> Context:
    """What the headers of a request say."""
    betas = request.headers.get("anthropic-beta", "")
    return Context(
        key_of(request),
        request.headers.get("anthropic-version", ""),
        frozenset(b.strip() for b in betas.split(",") if b.strip()),
        None if batch else request.headers.get("x-fake-behaviour"),
        batch,
    )


def shape(written: Written, created: int) -> dict[str, Any]:
    """A reply in the shape of its API."""
    match written.ask.api:
        case "messages":
            return anthropic_shape.message(written)
        case "chat":
            return openai_shape.completion(written, created)
        case _:
            return responses_shape.response(written, created)


class Endpoints:
    """Calls of models. Handlers raise Refused. `changed` is called when a call has got its behaviour."""

    def __init__(self, engine: Engine, changed: Callable[[], None]) -> None:
        self._engine = engine
        self._changed = changed

    def routes(self) -> list[tuple[str, str, Handler]]:
        """(method, path, handler) of each."""
        return [
            ("POST", "/v1/messages", self._calls("messages")),
            ("POST", "/v1/chat/completions", self._calls("chat")),
            ("POST", "/v1/responses", self._calls("responses")),
            ("POST", "/v1/messages/count_tokens", self._count_messages),
            ("POST", "/v1/responses/input_tokens", self._count_items),
            ("GET", "/v1/models", self._models),
            ("GET", "/v1/models/{id}", self._model),
        ]

    def _calls(self, api: Api) -> Handler:
        async def handler(request: web.Request, call: Call) -> web.StreamResponse:
            def chose(name: str) -> None:
                call.behaviour = name
                self._changed()

            outcome = await self._engine.run(api, call.body, context_of(request), chose)
            if isinstance(outcome, Fault):
                raise Refused(outcome)
            call.usage = honest(outcome)
            return await self._reply(request, call, outcome)

        return handler

    async def _reply(self, request: web.Request, call: Call, written: Written) -> web.StreamResponse:
        created = int(self._engine.clock())
        answer, headers = written.answer, headers_of(call)
        if call.body.get("stream"):
            events = _events(written, created)
            return await stream_reply(request, events, headers, cut=answer.cut, garbled=answer.garbled)
        reply = shape(written, created)
        if answer.cut:
            return await cut_reply(request, reply, headers)
        return garbled_reply(reply, headers) if answer.garbled else json_reply(reply, headers=headers)

    async def _count_messages(self, request: web.Request, call: Call) -> web.StreamResponse:
        body, context = _object(call.body), context_of(request)
        model = self._engine.model(_model_name(body, "model: Field required"))
        if (fault := counting_fault(body, model, context.version, context.betas)) is not None:
            raise Refused(fault)
        segments = self._engine.segments("messages", body, model)
        return json_reply({"input_tokens": sum(s.tokens for s in segments)}, headers=headers_of(call))

    async def _count_items(self, request: web.Request, call: Call) -> web.StreamResponse:
        body = _object(call.body)
        model = self._engine.model(_model_name(body, "you must provide a model parameter"))
        if (fault := responses_fault(body, model)) is not None:
            raise Refused(fault)
        tokens = sum(s.tokens for s in self._engine.segments("responses", body, model))
        reply = {"object": "response.input_tokens", "input_tokens": tokens}
        return json_reply(reply, headers=headers_of(call))

    async def _models(self, request: web.Request, call: Call) -> web.StreamResponse:
        names = [n for n in KNOWN[call.vendor] if n not in self._engine.windows]
        own = [n for n in self._engine.windows if (call.vendor == "anthropic") == n.startswith("claude-")]
        shown = [self._shown(call.vendor, name) for name in [*own, *names]]
        if call.vendor == "openai":
            return json_reply({"object": "list", "data": shown}, headers=headers_of(call))
        ends = {"first_id": shown[0]["id"], "last_id": shown[-1]["id"]}
        return json_reply({"data": shown, "has_more": False, **ends}, headers=headers_of(call))

    async def _model(self, request: web.Request, call: Call) -> web.StreamResponse:
        name = request.match_info["id"]
        if name not in {*KNOWN[call.vendor], *self._engine.windows}:
            what = f"model: {name}" if call.vendor == "anthropic" else f"The model '{name}' does not exist"
            raise Refused(Fault("no_model", what, "model"))
        return json_reply(self._shown(call.vendor, name), headers=headers_of(call))

    def _shown(self, vendor: str, name: str) -> dict[str, Any]:
        model = self._engine.model(name)
        if vendor == "openai":
            return {"id": name, "object": "model", "created": 0, "owned_by": "fake"}
        sizes = {"max_input_tokens": model.window, "max_tokens": model.max_output}
        about = {"display_name": name, "created_at": "1970-01-01T00:00:00Z", "lifecycle": "active"}
        return {"id": name, "type": "model", **about, **sizes}


def _events(written: Written, created: int) -> Iterator[Event]:
    match written.ask.api:
        case "messages":
            yield from anthropic_shape.events(written)
        case "chat":
            yield from ((None, chunk) for chunk in openai_shape.chunks(written, created))
            yield None, "[DONE]"
        case _:
            yield from responses_shape.events(written, created)


def headers_of(call: Call) -> dict[str, str]:
    """The request's id, under the name that its vendor uses."""
    return {"request-id" if call.vendor == "anthropic" else "x-request-id": call.request_id}


def refusal(call: Call, fault: Fault) -> web.Response:
    """An error in the shape of its vendor."""
    headers = {**headers_of(call), **fault.headers}
    if fault.retry_after is not None:
        headers["retry-after"] = str(fault.retry_after)
    if fault.kind == "gateway":
        return web.Response(text=fault.message, status=502, headers=headers, content_type="text/html")
    if call.vendor == "anthropic":
        return json_reply(anthropic_shape.error(fault, call.request_id), fault.status, headers)
    return json_reply(openai_shape.error(fault), openai_status(fault), headers)


def _object(body: Any) -> Mapping[str, Any]:
    if not isinstance(body, dict):
        raise Refused(Fault("invalid", "The request body is not a JSON object."))
    return body


def _model_name(body: Mapping[str, Any], missing: str) -> str:
    name = body.get("model")
    if not isinstance(name, str) or not name:
        raise Refused(Fault("invalid", missing))
    return name
