"""A request's body: read with a limit and a deadline, parsed strictly, taken apart without change.

A message's JSON is kept exactly as it came. So the body is parsed twice: once to be judged (and
refused as a whole), once to be cut into the byte slices that are stored.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import orjson
from aiohttp import ClientError
from aiohttp.hdrs import CONTENT_ENCODING
from aiohttp.web_protocol import RequestPayloadError

from memsvc.core.render.splice import MAX_DEPTH, too_deep
from memsvc.errors import InvalidRequest, RequestTimeout, TooLarge, UnsupportedMedia
from memsvc.server.asked import Asked
from memsvc.wire import path_of

_SEARCHED_BYTES = 4_000_000
_MAX_DEPTH = MAX_DEPTH + 2
"""A message may nest `MAX_DEPTH` levels, and stands in a list in an object."""
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])


class Bodies:
    """Reads bodies of at most `max_bytes`, each within `timeout_s` seconds."""

    def __init__(self, max_bytes: int, timeout_s: float) -> None:
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s

    def refuse_early(self, request: Asked) -> None:
        """Raise for a body that its headers alone condemn, before a byte of it is read."""
        encoding = request.headers.get(CONTENT_ENCODING, "identity")
        if encoding != "identity" and encoding.strip().lower() != "identity":
            # Inflating for a caller is how a few kilobytes become gigabytes.
            raise UnsupportedMedia(
                "Compressed bodies are not taken; send the JSON without Content-Encoding.",
                field="Content-Encoding",
            )
        if (request.content_length or 0) > self._max_bytes:
            raise self._too_large(f"has {request.content_length} bytes")

    async def read(self, request: Asked) -> bytes:
        """All of the body. Raises TooLarge, RequestTimeout, InvalidRequest, UnsupportedMedia."""
        self.refuse_early(request)
        try:
            if request.content.is_eof():  # as most: nothing to wait for
                return self._checked(request.content.read_nowait())
            async with asyncio.timeout(self._timeout_s):
                return await self._all(request)
        except TimeoutError:
            raise RequestTimeout(
                f"The body did not arrive within {self._timeout_s:g} seconds and nothing was written; send it again."
            ) from None
        except (RequestPayloadError, ClientError, ConnectionError) as error:
            raise InvalidRequest("The body broke off or was framed wrongly; send it again.", field="body") from error

    async def _all(self, request: Asked) -> bytes:
        chunk = body = await request.content.readany()
        parts, size = [body], len(body)
        while chunk and size <= self._max_bytes and (chunk := await request.content.readany()):
            parts.append(chunk)
            size += len(chunk)
        return self._checked(body if len(parts) == 1 else b"".join(parts))

    def _checked(self, body: bytes) -> bytes:
        if len(body) > self._max_bytes:
            raise self._too_large("is longer than that")
        return body

    def _too_large(self, size: str) -> TooLarge:
        return TooLarge(
            f"A body may have {self._max_bytes} bytes, this one {size}; split the messages over several requests.",
            field="body",
            maximum=self._max_bytes,
        )


def parse(body: bytes) -> Any:
    """The value of a JSON text. Raises InvalidRequest that says where and what to do."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _malformed(body, error) from None
    if too_deep(body, _MAX_DEPTH):
        raise _too_deep()
    return value


def members(body: bytes) -> dict[str, bytes]:
    """The members of a JSON object that `parse` has accepted, each exactly as it came."""
    return {name: bytes(raw) for name, raw in _MEMBERS.decode(body).items()}


def items(raw: bytes) -> tuple[bytes, ...]:
    """The items of a JSON list that `parse` has accepted, each exactly as it came."""
    return tuple(bytes(item) for item in _ITEMS.decode(raw))


def _malformed(body: bytes, error: orjson.JSONDecodeError) -> InvalidRequest:
    if "depth limit" in error.msg:
        return _too_deep()
    if "surrogate" in error.msg:
        return _half_surrogate(body, error)
    if not body.strip():
        return InvalidRequest("The body is empty; send one JSON object.", field="body")
    text = error.doc if isinstance(error.doc, str) else ""
    remedy = "Send one JSON object, encoded as UTF-8."
    if text[error.pos : error.pos + 1] in ("N", "I") or "sign" in error.msg or "infinity" in error.msg:
        remedy = "JSON has no NaN or Infinity, nor numbers beyond a double; send null or a string."
    return InvalidRequest(
        f"The body is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}. {remedy}",
        field="body",
        position=error.pos,
    )


def _too_deep() -> InvalidRequest:
    return InvalidRequest(
        f"The body nests deeper than {_MAX_DEPTH} objects and lists. Send data that goes deeper as a string.",
        field="body",
    )


def _half_surrogate(body: bytes, error: orjson.JSONDecodeError) -> InvalidRequest:
    try:
        body.decode()
        what = "has half a surrogate pair (an escape such as \\ud83d alone)"
    except UnicodeDecodeError as wrong:
        what = f"is not UTF-8 (at byte {wrong.start} of the body)"
    path = _bad_text(body)
    return InvalidRequest(
        f"{f'`{path}`' if path else 'The body'} {what}; cut texts between characters, encode them as UTF-8.",
        field=path or "body",
        position=error.pos,
    )


def _bad_text(body: bytes) -> str | None:
    """Path of the first string that is no valid text; None if the search would take too long."""
    if len(body) > _SEARCHED_BYTES:
        return None
    try:
        value = json.loads(body.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        return None
    return next((path_of(path) for path, text in _texts(value) if _is_bad(text)), None)


def _texts(value: Any) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """Every string with its path, keys included, in order; a stack, because bodies nest at will."""
    stack: list[tuple[tuple[int | str, ...], Any]] = [((), value)]
    while stack:
        path, item = stack.pop()
        if isinstance(item, str):
            yield path, item
        elif isinstance(item, dict):
            stack += [((*path, key), child) for key, child in reversed(item.items())]
            yield from (((*path, key), key) for key in item)
        elif isinstance(item, list):
            stack += [((*path, index), child) for index, child in reversed(list(enumerate(item)))]


def _is_bad(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
