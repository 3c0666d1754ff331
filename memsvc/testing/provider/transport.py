"""Bytes on the wire: JSON, event streams, connections that break in the middle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from memsvc.testing.provider.tokens import dump

Event = tuple[str | None, Any]
"""A name (None: OpenAI's chunks have none) and JSON data, or a string that is sent as it is."""


def json_reply(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON body."""
    return web.Response(text=dump(data), status=status, headers=headers, content_type="application/json")


def garbled_reply(data: Any, headers: Mapping[str, str]) -> web.Response:
    """The first half of a JSON body, as if it were the whole."""
    text = dump(data)
    return web.Response(text=text[: len(text) // 2], headers=headers, content_type="application/json")


async def cut_reply(request: web.Request, data: Any, headers: Mapping[str, str]) -> web.StreamResponse:
    """The first half of a JSON body whose length was promised; then the connection is gone."""
    whole = dump(data).encode()
    response = web.StreamResponse(headers={**headers, "Content-Type": "application/json"})
    response.content_length = len(whole)
    await response.prepare(request)
    await response.write(whole[: len(whole) // 2])
    return _hang_up(request, response)


async def stream_reply(
    request: web.Request, events: Iterable[Event], headers: Mapping[str, str], *, cut: bool, garbled: bool
) -> web.StreamResponse:
    """Server-sent events; `cut` stops half-way and hangs up, `garbled` breaks the JSON of the second event."""
    sent = list(events)
    response = web.StreamResponse(headers={**headers, "Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await response.prepare(request)
    for number, (name, data) in enumerate(sent[: len(sent) // 2] if cut else sent):
        text = data if isinstance(data, str) else dump(data)
        if garbled and number == 1:
            text = text[: len(text) // 2]
        line = f"event: {name}\n" if name else ""
        await response.write(f"{line}data: {text}\n\n".encode())
    if cut:
        return _hang_up(request, response)
    await response.write_eof()
    return response


def _hang_up(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.close()  # what was written is still sent
    return response
