"""Client and endpoint table cannot drift apart: every row has a method, every argument a place on the wire."""

from __future__ import annotations

import inspect
import subprocess
import sys
import typing
from typing import Any

import pytest

from memsvc.client import AppendReply, BlockingClient, BlockingSession, Client, Session
from memsvc.client.writing import HEADERS
from memsvc.wire import CALLS, Call
from memsvc.wire.replies import AppendReply as OnTheWire

LATE = {"context": {"if_none_match"}}
"""Arguments that are the client's own business."""
TWINS = [(Client, BlockingClient), (Session, BlockingSession)]


def method_of(call: Call) -> Any:
    return getattr(Session if call.scope == "session" else Client, call.name)


def arguments(method: Any) -> set[str]:
    """Names that a method takes, those of its options too."""
    found: set[str] = set()
    for name, parameter in list(inspect.signature(method).parameters.items())[1:]:
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            (options,) = typing.get_args(typing.get_type_hints(method)[name])
            found |= set(typing.get_type_hints(options))
        else:
            found.add(name)
    return found


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_every_row_has_a_method_with_its_arguments(call: Call) -> None:
    headers = {name for name, header in HEADERS.items() if header in {param.name for param in call.headers}}
    assert len(headers) == len(call.headers)
    fields = [set(model.model_fields) if model else set() for model in (call.query, call.body)]
    assert not fields[0] & fields[1], "one name, two places"
    path = {part for part in ("seq", "user") if f"{{{part}}}" in call.path}
    wanted = (fields[0] | fields[1] | headers | path) - LATE.get(call.name, set())
    assert arguments(method_of(call)) == wanted


def test_there_is_nothing_else() -> None:
    own = {"open", "close", "session", "walk", "walk_sessions"}
    for kind in (Client, Session):
        assert {n for n in vars(kind) if not n.startswith("_")} - {c.name for c in CALLS} <= own


@pytest.mark.parametrize(("kind", "blocking"), TWINS)
def test_the_blocking_face_is_the_same(kind: type, blocking: type) -> None:
    assert {n for n in vars(kind) if not n.startswith("_")} == {n for n in vars(blocking) if not n.startswith("_")}
    for name in (n for n in vars(kind) if not n.startswith("_")):
        one, other = (inspect.signature(getattr(c, name)) for c in (kind, blocking))
        assert one.parameters == other.parameters, name
        if "walk" not in name and name != "session":
            assert one.return_annotation == other.return_annotation, name
    mine, its = (set(inspect.signature(c.__init__).parameters) for c in (Client, BlockingClient))  # type: ignore[misc]
    assert mine - its == {"clock", "sleep", "chance"}


def test_an_appends_reply_is_that_of_the_wire() -> None:
    assert set(AppendReply.model_fields) == set(OnTheWire.model_fields)


def test_importing_is_cheap() -> None:
    """`import memsvc` loads nothing of the service, the client no HTTP library before it is used."""
    check = (
        "import sys, memsvc\n"
        "assert not {m for m in sys.modules if m.startswith('memsvc.')}, 'memsvc loads parts of itself'\n"
        "assert not {'pydantic', 'aiohttp', 'orjson', 'msgspec', 'apsw'} & set(sys.modules)\n"
        "import memsvc.client\n"
        "memsvc.client.Client('http://127.0.0.1:1')\n"
        "assert not {'aiohttp', 'apsw', 'structlog', 'tiktoken'} & set(sys.modules)\n"
        "assert callable(memsvc.open) and 'open_blocking' in dir(memsvc)\n"
    )
    subprocess.run([sys.executable, "-c", check], check=True, timeout=60)
