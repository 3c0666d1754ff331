"""From a method's arguments to a request: the endpoint table says what goes into query, body and headers."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from memsvc.client.transport import Request
from memsvc.errors import InvalidRequest
from memsvc.wire import CALLS, Call, check_idempotency_key

ROWS: Mapping[str, Call] = {call.name: call for call in CALLS}
HEADERS: Mapping[str, str] = {
    "idempotency_key": "Idempotency-Key",
    "if_log_revision": "If-Match",
    "if_none_match": "If-None-Match",
}
"""What the arguments are named that go into headers."""
NULL_MEANS_DEFAULT = ("put",)
"""Calls of which None is sent as null; of all others it is left out."""
REPEATABLE = {"append", "usage", "count"}
"""The POSTs that change nothing more when they come twice: an append has its key, a report its id. Beside them a
compaction that is not forced: the second finds nothing to do. A fork or an edit would meet what came between."""


def written(name: str, values: Mapping[str, str], given: Mapping[str, Any]) -> Request:
    """The request for a row. Raises TypeError for an argument that the row does not have, InvalidRequest for one
    that is no JSON."""
    row = ROWS[name]
    if name == "append":
        key = check_idempotency_key(given.get("idempotency_key"))  # a header could not carry every other
        given = {**given, "idempotency_key": key or uuid.uuid4().hex}
    queries, members, headers = _fields(row.query), _fields(row.body), {param.name for param in row.headers}
    query: list[tuple[str, str]] = []
    body: dict[str, Any] = {}
    sent: dict[str, str] = {}
    for argument, value in given.items():
        if argument in members:
            if value is not None or name in NULL_MEANS_DEFAULT:
                body[argument] = value
        elif argument in queries:
            query += [] if value is None else [(argument, _in_query(value))]
        elif HEADERS.get(argument) in headers:
            sent |= {} if value is None else {HEADERS[argument]: str(value)}
        else:
            raise TypeError(f"{name}() got an unexpected keyword argument {argument!r}")
    return Request(
        row,
        values,
        urlencode(query, errors="surrogatepass"),
        sent,
        printed(body) if row.body is not None else None,
        _patience_s(row, given),
        row.method != "POST" or name in REPEATABLE or (name == "compact" and not given.get("force")),
    )


def listed(messages: Any) -> list[Any]:
    """One message or several, as a list."""
    one = isinstance(messages, Mapping) or not isinstance(messages, Sequence)
    return [messages] if one else list(messages)


def printed(value: Any) -> bytes:
    """JSON that keeps every number and the order of members. Objects of the vendors' SDKs are printed as they came.
    Raises InvalidRequest."""
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)
    except (TypeError, ValueError) as wrong:
        raise InvalidRequest(f"This cannot be sent as JSON: {wrong}.", field="body") from None
    return text.encode("utf-8", "surrogatepass")  # half a surrogate pair is refused by the service, in its words


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "model_dump"):
        # The vendors' own way leaves out what their answer did not have; of another model nulls would be additions.
        own = getattr(value, "to_dict", None)
        return own(mode="json") if own else value.model_dump(mode="json", by_alias=True, exclude_none=True)
    raise TypeError(f"an object of type {type(value).__name__} is none")


def _fields(model: Any) -> Mapping[str, Any]:
    fields: Mapping[str, Any] = {} if model is None else model.model_fields
    return fields


def _in_query(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _patience_s(row: Call, given: Mapping[str, Any]) -> float:
    field = {**_fields(row.query), **_fields(row.body)}.get("wait_ms")
    if field is None:
        return 0.0
    wait_ms = given.get("wait_ms")
    return float(field.default if wait_ms is None else wait_ms) / 1000
