"""The endpoints as their documentation shows them. `python -m memsvc.wire` prints docs/endpoints.md."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator

from memsvc.wire.outline import Field, Operation, Shape, outline

_OPENING = """# Endpoints

Every call of the service's own, each parameter, member and status, printed from the table that the routes are made
from (`make docs`). The same as a page of the running service: `GET /docs`; for programs: `GET /openapi.json`. What
the calls are for, and how they go together: [api.md](api.md). The vendors' own calls: [gateway.md](gateway.md).
"""


def markdown() -> str:
    """docs/endpoints.md as it should be."""
    found = outline()
    lines = [_OPENING, "## Calls", ""]
    for one in found.operations:
        lines += _operation(one)
    lines += ["## Schemas", ""]
    for shape in found.shapes:
        lines += _shape(shape)
    return "\n".join(lines).rstrip("\n") + "\n"


def _operation(one: Operation) -> Iterator[str]:
    yield f"### `{one.method} {one.path}`"
    yield ""
    yield _cell(" ".join(filter(None, (one.summary, one.note))))
    yield ""
    if one.fields:
        yield from _table(one.fields, places=True)
    if one.body:
        yield f"Body: {_link(one.body)}"
        yield from _example(one.sent)
    yield f"Reply: {', '.join(one.statuses)}{', ' + _link(one.reply) if one.reply else ''}"
    yield from _example(one.answered)
    yield f"Errors: {', '.join(map(str, one.errors))}"
    yield ""


def _shape(shape: Shape) -> Iterator[str]:
    yield f"### {shape.name}"
    yield ""
    if shape.about:
        yield _cell(shape.about)
        yield ""
    if shape.fields:
        yield from _table(shape.fields, places=False)


def _table(fields: Iterable[Field], *, places: bool) -> Iterator[str]:
    yield "| name | given | type | meaning |"
    yield "|---|---|---|---|"
    for one in fields:
        place = f"{one.place}, " if places else ""
        must = "required" if one.required else "optional"
        yield f"| `{one.name}` | {place}{must} | {_cell(one.kind)} | {_cell(one.about)} |"
    yield ""


def _example(text: str) -> Iterator[str]:
    yield ""
    if text:
        yield f"```json\n{text}\n```"
        yield ""


def _link(name: str) -> str:
    return f"[{name}](#{name.lower()})"


def _cell(text: str) -> str:
    """Text as it may stand in a cell: nothing in it is markup but what stands between backticks."""
    parts = html.escape(" ".join(text.split()), quote=False).replace("|", r"\|").split("`")
    # Between backticks, at the odd places, Markdown reads no entities.
    return "`".join(html.unescape(part) if at % 2 else part for at, part in enumerate(parts))
