"""Listening to a reply that passes through."""

from __future__ import annotations

from memsvc.core.stream.chat import Chat
from memsvc.core.stream.heard import Api, Heard, Reader
from memsvc.core.stream.messages import Messages
from memsvc.core.stream.responses import Responses
from memsvc.core.stream.sse import Blocks, fields
from memsvc.core.stream.values import parse

_MARK = b"\xef\xbb\xbf"


class Tap:
    """Listens to one streamed reply. Takes any bytes and raises nothing."""

    __slots__ = ("_blocks", "_reader")

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._blocks = Blocks()

    def feed(self, chunk: bytes) -> None:
        """The next bytes, cut anywhere."""
        for block in self._blocks.feed(chunk):
            name, data = fields(block)
            if not data or name == b"ping":
                continue
            if data.startswith(b"[DONE]"):
                self._reader.finish()
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

    def heard(self) -> Heard:
        """What has come so far; an event that has not ended counts for nothing, as in the vendors' SDKs."""
        return self._reader.heard()


def tap(api: Api) -> Tap:
    """A listener to one streamed reply."""
    return Tap(_reader(api))


def whole(api: Api, body: bytes) -> Heard:
    """What a reply that was not streamed says; a body that is none says nothing, an error its `error`."""
    found = parse(body.removeprefix(_MARK))
    reader = _reader(api)
    if found is not None and isinstance(found[0], dict):
        reader.take(*found)
    return reader.heard()


def _reader(api: Api) -> Reader:
    if api == "messages":
        return Messages()
    return Chat() if api == "chat" else Responses()
