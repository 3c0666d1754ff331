"""The OpenAPI document read for people: one flat row for each call, parameter and member.

The API page of the service (`apipage.py`) and the reference among the documents (`__main__.py`) are printed from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from msgspec import Struct

from memsvc.wire.openapi import openapi_document

_PROBLEM = "application/problem+json"
_EXACT = 2**53 - 1
"""The largest whole number that JSON readers keep exactly: a bound that goes without saying."""
_BOUNDS = (("minimum", "at least"), ("exclusiveMinimum", "above"), ("maximum", "at most"))


class Field(Struct, frozen=True):
    """A parameter or a member.

    Attributes:
        place: `path`, `query`, `header` or `body`.
        kind: its type and bounds in words, such as `integer, at least 1`.
        about: what it means; "" where its name says it.
    """

    name: str
    place: str
    kind: str
    required: bool
    about: str


class Operation(Struct, frozen=True):
    """One call.

    Attributes:
        note: which scope it needs; "" of public calls.
        body, reply: names of schemas; "" = there is none.
        sent, answered: an example of each as JSON text; "" = there is none.
        statuses: those of success, in words.
        errors: statuses of problem documents.
    """

    name: str
    method: str
    path: str
    summary: str
    note: str
    fields: tuple[Field, ...]
    body: str
    reply: str
    sent: str
    answered: str
    statuses: tuple[str, ...]
    errors: tuple[int, ...]


class Shape(Struct, frozen=True):
    """A schema that replies and bodies are made of."""

    name: str
    about: str
    fields: tuple[Field, ...]


class Outline(Struct, frozen=True):
    """The whole API: its calls in the order of the endpoint table, its schemas by name."""

    operations: tuple[Operation, ...]
    shapes: tuple[Shape, ...]


def outline() -> Outline:
    """Read the document. Takes some milliseconds: keep the result."""
    document = openapi_document()
    calls = [
        _operation(method.upper(), path, found)
        for path, methods in document["paths"].items()
        for method, found in methods.items()
    ]
    shapes = [
        Shape(name, schema.get("description", ""), tuple(_members(schema)))
        for name, schema in document["components"]["schemas"].items()
    ]
    return Outline(tuple(calls), tuple(shapes))


def _operation(method: str, path: str, found: Mapping[str, Any]) -> Operation:
    body, sent = _content(found.get("requestBody", {}))
    good = {status: reply for status, reply in found["responses"].items() if "$ref" not in reply}
    reply, answered = next((told for told in map(_content, good.values()) if told[0]), ("", ""))
    return Operation(
        name=found["operationId"],
        method=method,
        path=path,
        summary=found["summary"],
        note=found.get("description", ""),
        fields=tuple(_parameters(found["parameters"])),
        body=body,
        reply=reply,
        sent=sent,
        answered=answered,
        statuses=tuple(f"{status} {HTTPStatus(int(status)).phrase}" for status in good),
        errors=tuple(sorted(int(status) for status in set(found["responses"]) - set(good))),
    )


def _parameters(found: list[dict[str, Any]]) -> Iterator[Field]:
    for one in found:
        yield Field(one["name"], one["in"], kind_of(one["schema"]), one["required"], one["description"])


def _members(schema: Mapping[str, Any]) -> Iterator[Field]:
    required = schema.get("required", ())
    for name, one in schema.get("properties", {}).items():
        yield Field(name, "body", kind_of(one), name in required, one.get("description", ""))


def _content(holder: Mapping[str, Any]) -> tuple[str, str]:
    """Name of the schema that a body or reply has, and an example of it as text."""
    content = {kind: one for kind, one in holder.get("content", {}).items() if kind != _PROBLEM}
    for one in content.values():
        example = json.dumps(one["example"], indent=2, ensure_ascii=False) if "example" in one else ""
        return _named(one.get("schema", {})), example
    return "", ""


def _named(schema: Mapping[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def kind_of(schema: Mapping[str, Any]) -> str:
    """A schema in words."""
    if "$ref" in schema:
        return _named(schema)
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(kind_of(one) for one in schema["anyOf"]))
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " or ".join(json.dumps(value) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {kind_of(schema.get('items', {}))}"
    bounds = "".join(f", {words} {schema[name]}" for name, words in _BOUNDS if schema.get(name, _EXACT) < _EXACT)
    if "maxLength" in schema:
        bounds += f", at most {schema['maxLength']} characters"
    return str(schema.get("type", "anything")) + bounds
