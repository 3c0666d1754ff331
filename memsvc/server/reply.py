"""Responses: JSON bytes, problem documents, and the headers that all of them share."""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web

from memsvc.errors import MemsvcError

JSON = "application/json"
PROBLEM = "application/problem+json"
SERVER = "memsvc"
PRIVATE = "private, no-cache"
"""Of a context: it is somebody's conversation. Keep it if you like, but always ask."""
BODY_UNREAD = (408, 413, 415)
"""Statuses of refusals that leave the rest of a body unread, so that the connection is of no more use."""


def json_bytes(body: bytes, *, status: int = HTTPStatus.OK) -> web.Response:
    """A response of finished JSON."""
    return web.Response(body=body, status=status, headers={"Content-Type": JSON})


def json_value(value: Any, *, status: int = HTTPStatus.OK) -> web.Response:
    """A response of a value, printed here."""
    return json_bytes(orjson.dumps(value), status=status)


def printed(value: Any) -> bytes:
    """A value as JSON."""
    return orjson.dumps(value)


def printed_with(value: dict[str, Any], name: str, body: bytes) -> bytes:
    """`value` with one more member, whose finished JSON is put in as it is. `value` is not empty."""
    return orjson.dumps(value)[:-1] + b"," + orjson.dumps(name) + b":" + body + b"}"


def empty() -> web.Response:
    """204."""
    return web.Response(status=HTTPStatus.NO_CONTENT)


def context(body: bytes, etag: str, seen: str | None) -> web.Response:
    """A context, or 304 if `seen` (the If-None-Match header) names it already."""
    headers = {"ETag": etag, "Cache-Control": PRIVATE}
    if seen is not None and matches(seen, etag):
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    headers["Content-Type"] = JSON
    return web.Response(body=body, headers=headers)


def problem(error: MemsvcError, request_id: str) -> web.Response:
    """An error as a problem document, with the headers its status asks for."""
    document = {
        **error.extra,
        "type": f"/errors/{error.code}",
        "title": error.title,
        "status": error.status,
        "code": error.code,
        "detail": error.detail,
        "retryable": bool(error.extra.get("retryable", error.retryable)),
        "request_id": request_id,
    }
    response = web.Response(body=_printed(document), status=error.status, headers={"Content-Type": PROBLEM})
    response.headers.update(headers_of(error))
    return response


def headers_of(error: MemsvcError) -> dict[str, str]:
    """The headers that an error's status asks for."""
    if error.status == HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": 'Bearer realm="memsvc"'}
    if error.status == HTTPStatus.METHOD_NOT_ALLOWED:
        return {"Allow": str(error.extra.get("allow", ""))}
    if error.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        after = error.extra.get("retry_after")
        return {"Retry-After": str(max(1, math.ceil(after)) if isinstance(after, int | float) else 1)}
    return {}


def _printed(document: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(document)
    except orjson.JSONEncodeError:
        # Somebody quoted half a surrogate pair, or put a value in `extra` that is no JSON.
        clean = {k: str(v).encode("ascii", "backslashreplace").decode() for k, v in document.items()}
        return orjson.dumps({**clean, "status": document["status"], "retryable": document["retryable"]})


def matches(seen: str, etag: str) -> bool:
    """Whether an If-None-Match header names this ETag."""
    if seen == etag or seen.strip() == "*":
        return True
    return any(tag.strip().removeprefix("W/") == etag for tag in seen.split(","))
