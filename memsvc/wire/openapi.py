"""The OpenAPI 3.1 document, made from the endpoint table."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from memsvc.wire.call import PATH_PARAMS, Call, Param
from memsvc.wire.examples import BODIES, REPLIES
from memsvc.wire.replies import Problem
from memsvc.wire.table import CALLS

_REF = "#/components/schemas/{model}"
_ABOUT = (
    "Keeps every message of every conversation verbatim and hands back, before each model call, a context: "
    "the system prompt byte for byte, one summary of the older turns, the recent turns verbatim."
)
_SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer <key>`."},
    "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
}
_ALL_ERRORS = (500,)
_KEYED_ERRORS = (400, 401, 403, 429, 503)
_BODY_ERRORS = (408, 413, 415)
_ETAG_ABOUT = "Names this context; send it as If-None-Match."
_ETAG = {"ETag": {"description": _ETAG_ABOUT, "schema": {"type": "string"}}}


def openapi_document() -> dict[str, Any]:
    """The whole document, as a new dict. Takes some milliseconds: keep the result."""
    paths: dict[str, dict[str, Any]] = {}
    for call in CALLS:
        paths.setdefault(call.path, {})[call.method.lower()] = _operation(call)
    return {
        "openapi": "3.1.0",
        "info": {"title": "memsvc", "version": "1", "description": _ABOUT},
        "servers": [{"url": "/"}],
        "security": [{name: []} for name in _SECURITY],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": _SECURITY,
            "responses": {str(status): _problem(status) for status in _all_statuses()},
        },
    }


def error_statuses(call: Call) -> list[int]:
    """Every status of a problem document that `call` may answer with."""
    found = {*_ALL_ERRORS, *call.errors}
    if call.scope != "public":
        found.update(_KEYED_ERRORS)
    if call.body is not None:
        found.update(_BODY_ERRORS)
    return sorted(found)


def _operation(call: Call) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": call.name,
        "summary": call.summary,
        "parameters": list(_parameters(call)),
        "responses": {str(status): _reply(call, status, model) for status, model in call.replies.items()}
        | {str(status): {"$ref": f"#/components/responses/{status}"} for status in error_statuses(call)},
    }
    if call.scope == "public":
        operation["security"] = []
    else:
        operation["description"] = _needs(call)
        operation["security"] = [{name: [call.needs]} for name in _SECURITY]
    if call.body is not None:
        content = _content(call.body, BODIES.get(call.name))
        operation["requestBody"] = {"required": call.body_required, "content": {"application/json": content}}
    return operation


def _needs(call: Call) -> str:
    more = "".join(f", with `{name}` also `{scope}`" for name, scope in call.needs_with.items())
    return f"Where keys are on, the key needs the scope `{call.needs}`{more}."


def _parameters(call: Call) -> Iterator[dict[str, Any]]:
    for name, param in PATH_PARAMS.items():
        if f"{{{name}}}" in call.path:
            yield _parameter(param, "path", required=True)
    if call.query is not None:
        whole = call.query.model_json_schema()
        for name, schema in whole["properties"].items():
            about, required = schema.pop("description", ""), name in whole.get("required", ())
            yield _parameter(Param(name, about, _without_null(schema)), "query", required=required)
    for param in call.headers:
        yield _parameter(param, "header", required=False)


def _parameter(param: Param, place: str, *, required: bool) -> dict[str, Any]:
    return {
        "name": param.name,
        "in": place,
        "required": required,
        "description": param.description,
        "schema": dict(param.schema),
    }


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query string has no null: an absent parameter is absent."""
    choices = [choice for choice in schema.pop("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        schema.update(choices[0])
    elif choices:
        schema["anyOf"] = choices
    if schema.get("default", ...) is None:
        del schema["default"]
    schema.pop("title", None)
    return schema


def _reply(call: Call, status: int, model: type[BaseModel] | None) -> dict[str, Any]:
    reply: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if call.name == "context":
        reply["headers"] = _ETAG
    if model is not None:
        example = REPLIES.get(call.name) if status == HTTPStatus.OK else None
        reply["content"] = {"application/json": _content(model, example)}
    return reply


def _content(model: type[BaseModel], example: Any) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": {"$ref": _REF.format(model=model.__name__)}}
    if example is not None:
        content["example"] = example
    return content


def _problem(status: int) -> dict[str, Any]:
    return {
        "description": HTTPStatus(status).phrase,
        "content": {"application/problem+json": {"schema": {"$ref": _REF.format(model=Problem.__name__)}}},
    }


def _all_statuses() -> list[int]:
    return sorted({status for call in CALLS for status in error_statuses(call)})


def _schemas() -> dict[str, Any]:
    bodies = {call.body for call in CALLS if call.body is not None}
    replies = {model for call in CALLS for model in call.replies.values() if model is not None} | {Problem}
    ordered = sorted(bodies | replies, key=lambda model: model.__name__)
    _, schema = models_json_schema(
        [(model, "validation" if model in bodies else "serialization") for model in ordered],
        by_alias=True,
        ref_template=_REF,
    )
    found: dict[str, Any] = schema["$defs"]
    return found
