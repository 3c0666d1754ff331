"""What stands behind the question mark."""

from __future__ import annotations

import functools
from typing import Any, TypeVar, cast
from urllib.parse import parse_qsl

from memsvc.errors import InvalidRequest
from memsvc.server.asked import Asked
from memsvc.service.requests import ContextRequest
from memsvc.wire import requests as take
from memsvc.wire import shown, validate

Query = TypeVar("Query", bound=take.Query)
LONGEST = 100
"""Characters of a query that is remembered: few ways of asking occur, each very often."""


@functools.lru_cache(maxsize=256)
def context_request(raw_query: str) -> ContextRequest:
    """What a fetch asks for. Raises InvalidRequest."""
    query = _parsed(raw_query, take.ContextQuery)
    return ContextRequest(query.format, query.max_tokens, query.wait_ms, query.marks)


def query(request: Asked, model: type[Query]) -> Query:
    """A request's query, checked. Raises InvalidRequest."""
    raw = request.rel_url.raw_query_string
    return _parsed(raw, model) if len(raw) > LONGEST else cast(Query, _often(raw, model))


@functools.lru_cache(maxsize=256)
def _often(raw_query: str, model: type[take.Query]) -> take.Query:
    return _parsed(raw_query, model)


def _parsed(raw_query: str, model: type[Query]) -> Query:
    try:
        pairs = parse_qsl(raw_query, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise InvalidRequest("The query is not UTF-8; percent-encode it as UTF-8.", field="query") from None
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            raise InvalidRequest(f"`{shown(name)}` is given twice; give it once.", field=shown(name) or "query")
        values[name] = value
    return validate(model, values, noun="parameter")
