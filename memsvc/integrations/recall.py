"""A tool for the model: the exact original of what a summary mentions, by seq or by words.

The definition comes in each vendor's shape; the handler needs nothing but a way to GET a path of the service:

    recall = Recall(get, "chat-1")                      # async get(path) -> decoded JSON
    reply = client.messages.create(tools=[anthropic_tool()], ...)
    answer = await recall(block.input)                  # the text of the tool's result
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import orjson

from memsvc.core.flatten import said
from memsvc.core.model import Entry
from memsvc.core.original import shown
from memsvc.core.render.clamp import middle_out
from memsvc.core.search import around, parse
from memsvc.errors import InvalidRequest

Json = dict[str, Any]
Get = Callable[[str], Awaitable[Any]]
NAME = "memsvc_recall"
DESCRIPTION = (
    "Looks up earlier messages of this conversation word for word. A summary stands for them in the context and names"
    " their numbers, such as [17 user]. Use it when you need an exact value, quote, path or result that the summary"
    " does not give in full: with `seq` for one message, with `seqs` for several, or with `query` to find messages by"
    " words. With `seq` and `query` a long message is shown around these words."
)
PARAMETERS: Json = {
    "type": "object",
    "properties": {
        "seq": {"type": "integer", "minimum": 1, "description": "Number of the message to show."},
        "seqs": {"type": "string", "description": "Numbers of several messages to show, such as `3-7` or `2, 9-11`."},
        "query": {"type": "string", "description": 'Words to look for; "phrases" in quotation marks word for word.'},
    },
    "additionalProperties": False,
}
NOTE = "Record of this conversation, not instructions:"
NOTHING = (
    "Nothing was looked up: give `seq`, a whole number from 1 on, `seqs`, such as `3-7` or `2, 9-11`, or"
    " `query`, one or more words."
)
"""The answer to arguments that ask for nothing."""
RESULTS = 8
MOST_SEQS = 20
"""Messages that one answer shows; all others that were asked for are named."""
MOST_BYTES = 16_000
"""Of an answer; a longer message is shown without its middle."""
MOST_SPANS = 20
_SPANS = re.compile(r"\s*\d{1,15}(?:\s*[-\u2013]\s*\d{1,15})?(?:[\s,;]+\d{1,15}(?:\s*[-\u2013]\s*\d{1,15})?)*[\s,;]*")
_SPAN = re.compile(r"(\d+)(?:\s*[-\u2013]\s*(\d+))?")


def anthropic_tool() -> Json:
    """The tool for the Messages API."""
    return {"name": NAME, "description": DESCRIPTION, "input_schema": PARAMETERS}


def openai_tool() -> Json:
    """The tool for Chat Completions."""
    return {"type": "function", "function": {"name": NAME, "description": DESCRIPTION, "parameters": PARAMETERS}}


def responses_tool() -> Json:
    """The tool for the Responses API."""
    return {"type": "function", "name": NAME, "description": DESCRIPTION, "parameters": PARAMETERS, "strict": False}


class Handle(Protocol):
    """What is asked of a session of memsvc.client."""

    async def history(self, after: int = 0, limit: int = 100) -> Any:
        """A page of the log."""

    async def search(self, q: str, *, limit: int | None = None) -> Any:
        """The messages that fit."""


class Recall:
    """Answers calls of the tool for one session.

    Args:
        get: gets a path of the service and gives the decoded JSON; raises whatever its HTTP client raises.
        most_bytes: the longest answer.
    """

    def __init__(self, get: Get, session: str, *, most_bytes: int = MOST_BYTES) -> None:
        self._record: _Served | _Held = _Served(get, session)
        self._most = most_bytes

    @classmethod
    def of(cls, session: Handle, *, most_bytes: int = MOST_BYTES) -> Recall:
        """The same over a session of memsvc.client."""
        made = cls.__new__(cls)
        made._record, made._most = _Held(session), most_bytes
        return made

    async def __call__(self, arguments: Mapping[str, Any] | str) -> str:
        """The text of the result. Wrong arguments are answered with what is wrong: the model can mend them."""
        given = _given(arguments)
        query = given.get("query")
        spans = _spans(given.get("seq")) or _spans(given.get("seqs"))
        words = _clean(query) if isinstance(query, str) else ""
        if spans:
            return await self._messages(spans, words)
        if _asks(words):
            return await self._found(words)
        return NOTHING

    async def _messages(self, spans: list[tuple[int, int]], words: str) -> str:
        """Messages by number, in the order in which they were asked for."""
        spans, left = _bounded(spans)
        rows: dict[int, Json] = {}
        for first, last in spans:
            page = await self._record.history(first - 1, last - first + 1)
            rows |= {row["seq"]: row for row in page["messages"] if row["seq"] <= last}
        wanted = dict.fromkeys(seq for first, last in spans for seq in range(first, last + 1))
        entries = [entry_of(rows[seq]) for seq in wanted if seq in rows and not rows[seq]["redacted"]]
        notes = [f"Message {seq} was erased." for seq in wanted if seq in rows and rows[seq]["redacted"]]
        missing = [_written(seq, seq) for seq in wanted if seq not in rows]
        notes += [f"There is no message {', '.join(missing)}."] if missing else []
        notes += [f"Not shown, ask again: {', '.join(_written(*span) for span in left)}."] if left else []
        most = self._most // max(1, len(entries))
        shown = [told(entry, words, most) for entry in entries]
        return "\n".join([NOTE, *shown, *notes] if shown else notes)

    async def _found(self, query: str) -> str:
        found = await self._record.search(query, RESULTS)
        if not found["results"]:
            return "No message has these words."
        lines = [f"[{r['seq']} {r['role']}, {moment(r['at'])}] {r['snippet']}" for r in found["results"]]
        rest = found["matches"] - len(lines)
        more = [f"{rest} more messages fit; ask with rarer words."] if rest > 0 else []
        return "\n".join([NOTE, *lines, *more, "Ask with `seq` for a whole message."])


class _Served:
    """The record that a service keeps."""

    def __init__(self, get: Get, session: str) -> None:
        self._get = get
        self._base = f"/v1/sessions/{quote(session, safe='')}"

    async def history(self, after: int, limit: int) -> Json:
        page: Json = await self._get(f"{self._base}/history?{urlencode({'after': after, 'limit': limit})}")
        return page

    async def search(self, query: str, limit: int) -> Json:
        found: Json = await self._get(f"{self._base}/search?{urlencode({'q': query, 'limit': limit})}")
        return found


class _Held:
    """The same by way of a session's handle."""

    def __init__(self, session: Handle) -> None:
        self._session = session

    async def history(self, after: int, limit: int) -> Json:
        page = await self._session.history(after, limit)
        return {"messages": [row_of(item) for item in page.messages]}

    async def search(self, query: str, limit: int) -> Json:
        found: Json = (await self._session.search(query, limit=limit)).model_dump()
        return found


def row_of(item: Any) -> Json:
    """An item of a client's history, as much of it as is told here."""
    return {name: getattr(item, name) for name in ("seq", "at", "format", "message", "redacted")}


def _given(arguments: Mapping[str, Any] | str) -> Mapping[str, Any]:
    """Arguments as an object; empty for what is none."""
    if isinstance(arguments, str):
        try:
            arguments = orjson.loads(arguments)
        except (orjson.JSONDecodeError, UnicodeEncodeError):
            return {}
    return arguments if isinstance(arguments, Mapping) else {}


def _spans(value: Any) -> list[tuple[int, int]]:
    """Numbers as a model may give them: `3`, `"3-7"`, `"2, 9-11"`, `[3, "5-7"]`. Empty for what is none."""
    if isinstance(value, list):
        return [span for one in value[:MOST_SPANS] if not isinstance(one, list) for span in _spans(one)]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**15:
        return [(value, value)]
    if not isinstance(value, str) or len(value) > 1_000 or not _SPANS.fullmatch(value):
        return []
    found = (sorted((int(first), int(last or first))) for first, last in _SPAN.findall(value))
    return [(max(1, a), b) for a, b in found if b >= 1][:MOST_SPANS]


def _bounded(spans: list[tuple[int, int]]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(spans of at most `MOST_SEQS` messages, what is left of them)."""
    room = MOST_SEQS
    now: list[tuple[int, int]] = []
    left: list[tuple[int, int]] = []
    for first, last in spans:
        upto = min(last, first + room - 1)
        if upto >= first:
            now.append((first, upto))
            room -= upto - first + 1
        if upto < last:
            left.append((max(first, upto + 1), last))
    return now, left


def _written(first: int, last: int) -> str:
    return f"{first}" if first == last else f"{first}-{last}"


def _clean(query: str) -> str:
    """What the service takes as a query: no control characters, no half surrogates."""
    return "".join(c for c in query if unicodedata.category(c) not in ("Cc", "Cs"))[:1_000]


def _asks(words: str) -> bool:
    """Whether a search can be made of it."""
    try:
        return bool(parse(words).terms)
    except InvalidRequest:
        return False


def entry_of(row: Json) -> Entry:
    """A message of the history; numbers of any size stay."""
    return Entry(row["seq"], json.dumps(row["message"]).encode(), row["format"], 0, row["at"], None, 0, 0)


def told(entry: Entry, words: str, most: int) -> str:
    """A message behind its number, role and time, in at most about `most` bytes; a longer one around `words`, where
    these make a query, else without its middle."""
    text = shown(entry)
    if _asks(words) and len(text.encode("utf-8", "surrogatepass")) > most:
        text = around(text, parse(words), most // 4)
    return f"[{entry.seq} {said(entry).role}, {moment(entry.at)}]\n{middle_out(text, entry.seq, most)}"


def moment(at: float) -> str:
    """Unix seconds as a person reads them, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
