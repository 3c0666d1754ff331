"""The log as JSON: verbatim, or only what each message is."""

from __future__ import annotations

import msgspec
import orjson

from memsvc.core.model import Entry, Format, Session
from memsvc.core.render import convert
from memsvc.core.render.splice import array, obj
from memsvc.ports import Log

MOST_ROWS = 1_000
"""Most messages of a page with content."""
STEP = 500
"""Messages in memory at a time where their content is not wanted."""


class _Spoken(msgspec.Struct):
    role: str | None = None


_role = msgspec.json.Decoder(_Spoken).decode


async def history(
    log: Log, session: Session, after: int, limit: int, format: Format | None, content: bool = True
) -> bytes:
    """A page of at most `limit` messages; without `content` its items have no `message`. Raises NotFound."""
    if content:
        limit = min(limit, MOST_ROWS)
        entries = await log.entries(session.key, after=after, limit=limit + 1)
        page, more = entries[:limit], len(entries) > limit
        return _page(
            [row for e in page for row in history_rows(e, session.cut, format)], page[-1].seq if more else None
        )
    rows: list[bytes] = []
    more, seen = True, 0
    while more and seen < limit:
        step = min(STEP, limit - seen)
        entries = await log.entries(session.key, after=after, limit=step + 1)
        page, more = entries[:step], len(entries) > step
        rows += [row for e in page for row in history_rows(e, session.cut, format, content=False)]
        seen, after = seen + len(page), page[-1].seq if page else after
    return _page(rows, after if more else None)


def _page(rows: list[bytes], following: int | None) -> bytes:
    return obj([("messages", array(rows)), ("next", b"null" if following is None else b"%d" % following)])


def history_rows(entry: Entry, cut: int, format: Format | None, *, content: bool = True) -> list[bytes]:
    """Rows of the history: one, or one per message where another format needs several."""
    messages = [entry.raw] if format is None or entry.redacted else convert(entry, format)
    figures = [
        ("seq", b"%d" % entry.seq),
        ("id", orjson.dumps(entry.id)),
        ("at", orjson.dumps(entry.at)),
        ("tokens", b"%d" % entry.tokens),
        ("epoch", b"%d" % entry.epoch),
        ("compacted", b"true" if entry.seq <= cut and not entry.superseded else b"false"),
        ("superseded", b"true" if entry.superseded else b"false"),
        ("redacted", b"true" if entry.redacted else b"false"),
        ("format", orjson.dumps(format or entry.format)),
    ]
    found = []
    for number, raw in enumerate(messages):
        part = [("part", b"%d" % number)] if len(messages) > 1 else []
        said = [("role", orjson.dumps(_spoken(raw)))]
        found.append(obj([*figures, *part, *said, *([("message", raw)] if content else [])]))
    return found


def _spoken(raw: bytes) -> str | None:
    try:
        return _role(raw).role
    except msgspec.DecodeError:
        return None  # some other thing under that name
