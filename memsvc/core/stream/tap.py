"""Listening to a reply that passes through."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from memsvc.core.model import Format
from memsvc.core.render import decode
from memsvc.core.stream.chat import Chat
from memsvc.core.stream.heard import Api, Heard, Reader
from memsvc.core.stream.messages import Messages
from memsvc.core.stream.responses import Responses
from memsvc.core.stream.sse import Blocks, fields
from memsvc.core.stream.values import parse
from memsvc.errors import InvalidRequest

_MARK = b"\xef\xbb\xbf"
_LAST: Mapping[Api, tuple[str, ...]] = {
    "messages": ("message_stop",),
    "chat": (),
    "responses": ("response.completed", "response.incomplete", "response.failed"),
}
"""Types of the last event; Chat Completions ends with `[DONE]`."""
_FORMATS: Mapping[Api, Format] = {"messages": "anthropic", "chat": "openai", "responses": "responses"}


class Tap:
    """Listens to one streamed reply. Takes any bytes and raises nothing.

    Attributes:
        ended: the event came after which there is none.
    """

    __slots__ = ("_api", "_blocks", "_reader", "ended")

    def __init__(self, api: Api) -> None:
        self.ended = False
        self._api: Api = api
        self._reader = _reader(api)
        self._blocks = Blocks()

    def feed(self, chunk: bytes) -> None:
        """The next bytes, cut anywhere."""
        for block in self._blocks.feed(chunk):
            name, data = fields(block)
            if not data or name == b"ping":
                continue
            if data.startswith(b"[DONE]"):
                self._reader.finish()
                self.ended = True
                continue
            found = parse(data)
            if found is None:
                self._reader.deaf = True
                continue
            event, raw = found
            if isinstance(event, dict):
                if name and "type" not in event:
                    event["type"] = name.decode("utf-8", "replace")
                self._reader.hear(event, raw)
                self.ended = self.ended or event.get("type") in _LAST[self._api]

    def heard(self) -> Heard:
        """What has come so far; an event that has not ended counts for nothing, as in the vendors' SDKs."""
        return _taken(self._api, self._reader.heard())


def tap(api: Api) -> Tap:
    """A listener to one streamed reply."""
    return Tap(api)


def whole(api: Api, body: bytes) -> Heard:
    """What a reply that was not streamed says; a body that is none says nothing, an error its `error`."""
    found = parse(body.removeprefix(_MARK))
    reader = _reader(api)
    if found is not None and isinstance(found[0], dict):
        reader.take(*found)
    return _taken(api, reader.heard())


def _taken(api: Api, heard: Heard) -> Heard:
    """With such messages alone as a log takes: what is odd in other ways than a vendor's is not worth a failure."""
    kept = tuple(m for m in heard.messages if _is_taken(m, _FORMATS[api]))
    return heard if len(kept) == len(heard.messages) else replace(heard, messages=kept)


def _is_taken(message: bytes, format: Format) -> bool:
    try:
        decode(message, format)
    except InvalidRequest:
        return False
    return True


def _reader(api: Api) -> Reader:
    if api == "messages":
        return Messages()
    return Chat() if api == "chat" else Responses()
