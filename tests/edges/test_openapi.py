"""The OpenAPI document is valid, and what it says of replies is what a running service answers."""

from __future__ import annotations

from typing import Any

import pytest
from openapi_spec_validator import validate
from pydantic import BaseModel

from memsvc import errors
from memsvc.wire import CALLS
from memsvc.wire.examples import BODIES, REPLIES
from memsvc.wire.openapi import error_statuses, openapi_document
from tests.edges.api import Api

S = "/v1/sessions/s"
ROWS = {call.name: call for call in CALLS}
SENT: list[tuple[str, str]] = [
    ("put", S),
    ("append", f"{S}/messages?context=anthropic"),
    ("append", f"{S}/messages"),
    ("usage", f"{S}/usage"),
    ("get", S),
    ("list_sessions", "/v1/sessions?limit=1"),
    ("context", f"{S}/context?format=openai"),
    ("pin", f"{S}/pins/1"),
    ("pins", f"{S}/pins"),
    ("unpin", f"{S}/pins/1"),
    ("compact", f"{S}/compact"),
    ("summaries", f"{S}/summaries"),
    ("summaries", f"{S}/summaries?statements=true"),
    ("context", f"{S}/context"),
    ("history", f"{S}/history?limit=2"),
    ("search", f"{S}/search?q=hello%20world"),
    ("fork", f"{S}/fork"),
    ("redact", f"{S}/messages/1"),
    ("history", f"{S}/history?limit=2&format=openai"),
    ("truncate", f"{S}/truncate"),
    ("count", "/v1/count"),
    ("put_budgets", "/v1/budgets"),
    ("budgets", "/v1/budgets"),
    ("spend", "/v1/spend?by=day,feature,model"),
    ("stats", "/v1/stats?period=30d"),
    ("stats", "/v1/stats?tenants=all"),
    ("calls", f"{S}/calls?limit=1"),
    ("healthz", "/healthz"),
    ("readyz", "/readyz"),
    ("openapi", "/openapi.json"),
    ("delete_inactive", "/v1/sessions?inactive_since=2001-02-03"),
    ("delete", S),
    ("delete_user", "/v1/users/u-1"),
]
"""One conversation that meets every call."""


def test_the_document_is_valid() -> None:
    validate(openapi_document())


def test_it_has_every_row_and_every_status() -> None:
    paths = openapi_document()["paths"]
    for call in CALLS:
        operation = paths[call.path][call.method.lower()]
        assert set(operation["responses"]) == {str(s) for s in (*call.replies, *error_statuses(call))}
        assert ("requestBody" in operation) == (call.body is not None)
        assert (operation.get("security") == []) == (call.scope == "public")


def test_it_covers_the_errors_of_this_version() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    later = {402}  # the service's own calls are refused so, and fall to another summarizer: no caller sees it yet
    routing = {405}  # no row answers it
    possible = {kind.status for kind in kinds if issubclass(kind, errors.MemsvcError)} - later - routing
    assert possible == {status for call in CALLS for status in error_statuses(call)}


async def test_the_service_answers_as_documented(api: Api) -> None:
    long = [{"role": r, "content": f"{r} {i}: " + "words " * 200} for i in range(8) for r in ("user", "assistant")]
    policy = {"threshold_tokens": 2_000, "keep_tokens": 300, "summary_tokens": 300}
    assert {name for name, _ in SENT} == set(ROWS)
    for name, path in SENT:
        call = ROWS[name]
        body: Any = BODIES.get(name)
        if name == "put":
            body = {**body, "policy": policy, "tools": [{"name": "t", "input_schema": {"type": "object"}}]}
        if (name, path) == ("append", f"{S}/messages"):
            body = {"messages": long, "usage": {"input_tokens": 5, "output_tokens": 5}}
        answer = await api.call(call.method, path, body)
        assert answer.status in call.replies, (name, answer.status, answer.body)
        check(call.replies[answer.status], answer)
        if name == "compact":
            assert answer.json["changed"], "or else the summaries below are not looked at"


def check(model: type[BaseModel] | None, answer: Any) -> None:
    """The reply has the documented members, all of them and no other."""
    if model is None:
        assert answer.body == b""
    else:
        open_ended = model.model_config.get("extra") == "allow"
        model.model_validate_json(answer.body, strict=True, extra="allow" if open_ended else "forbid")


@pytest.mark.parametrize("name", sorted(BODIES.keys() | REPLIES.keys()))
async def test_examples_are_true(api: Api, name: str) -> None:
    """Each example alone, on a session that has the messages of the example."""
    if name != "append":
        await api.ok("POST", f"{S}/messages", BODIES["append"])
    call = ROWS[name]
    answer = await api.call(call.method, call.path.format(sid="s", seq="1"), BODIES.get(name))
    assert answer.status in call.replies, answer.body
    if name in REPLIES:
        assert same_shape(answer.json, REPLIES[name])


def test_example_replies_fit_their_models() -> None:
    for name, reply in REPLIES.items():
        model = ROWS[name].replies[200]
        assert model is not None
        model.model_validate(reply, extra="forbid")


def same_shape(real: Any, example: Any) -> bool:
    """Equal but for times, hashes and other figures that no example can know."""
    if isinstance(example, dict):
        return real.keys() == example.keys() and all(same_shape(real[k], example[k]) for k in example)
    if isinstance(example, list):
        return len(real) == len(example) and all(map(same_shape, real, example))
    return type(real) is type(example)
