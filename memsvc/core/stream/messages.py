"""Anthropic's Messages API: its stream's events become the message that is sent back."""

from __future__ import annotations

from io import StringIO
from typing import Any

from msgspec import Struct, field

from memsvc.core.render.splice import array, edit, items
from memsvc.core.stream.heard import Heard
from memsvc.core.stream.values import Json, compact_object, dump, error_of, obj, part, quote, text, text_or_none

_GROWS = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}
"""Type of a delta -> its member that is a piece of text."""
_THINKING = ("thinking", "redacted_thinking")
_SERVER_CALLS = ("server_tool_use", "mcp_tool_use")


class _Block(Struct):
    """A content block as it began, and what came to it."""

    start: Json
    raw: bytes
    closed: bool = False
    grown: dict[str, StringIO] = field(default_factory=dict)
    changed: Json = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return text(self.start.get("type"))

    @property
    def unseen(self) -> bool:
        """Whether it is thinking of which no text came."""
        return self.kind == "redacted_thinking" or (self.kind == "thinking" and not self._grown("thinking"))

    def grow(self, delta: Json) -> None:
        """Take in a delta; what is of no known type is taken member by member."""
        kind = delta.get("type")
        member = _GROWS.get(kind) if isinstance(kind, str) else None
        if member is not None:
            if isinstance(piece := delta.get(member), str):
                if member not in self.grown:
                    self.grown[member] = StringIO()
                self.grown[member].write(piece)
        elif kind == "citations_delta":
            before = self.changed.get("citations", self.start.get("citations"))
            self.changed["citations"] = [*(before if isinstance(before, list) else ()), delta.get("citation")]
        elif kind == "signature_delta":
            self.changed["signature"] = delta.get("signature")
        else:
            self._merge(delta)

    def _merge(self, delta: Json) -> None:
        for name, value in delta.items():
            if name == "type":
                continue
            before = self.changed.get(name, self.start.get(name))
            joins = isinstance(before, str) and isinstance(value, str)
            self.changed[name] = before + value if joins else value

    def sent(self, closed: bool) -> bytes | None:
        """The block as it is sent back; None if it is not whole enough, or blank."""
        closed = closed or self.closed
        if self.kind == "text":
            said = self._grown("text")
            return self._with(text=quote(said)) if said.strip() else None
        if self.kind == "thinking":
            signed = self.changed.get("signature", self.start.get("signature"))
            return self._with(thinking=quote(self._grown("thinking"))) if text(signed) else None
        if self.kind == "redacted_thinking":
            return self._with() if text(self.start.get("data")) else None
        if self.kind.endswith("tool_use"):
            return self._call(closed)
        return self._with() if closed and self.kind else None

    def _call(self, closed: bool) -> bytes | None:
        if not text(self.start.get("id")) or not text(self.start.get("name")):
            return None
        came = self.grown["partial_json"].getvalue() if "partial_json" in self.grown else ""
        if came.strip():
            arguments = compact_object(came)
            return None if arguments is None else self._with(input=arguments)
        if not closed:
            return None
        return self._with() if isinstance(self.start.get("input"), dict) else self._with(input=b"{}")

    def _grown(self, member: str) -> str:
        began = text(self.start.get(member))
        return began + self.grown[member].getvalue() if member in self.grown else began

    def _with(self, **members: bytes) -> bytes:
        """The block with what came; as it was spelled where nothing did."""
        changed = {k: dump(v) for k, v in self.changed.items()}
        spelled = {k for k in members if isinstance(self.start.get(k), str) and k not in self.grown}
        changed |= {k: v for k, v in members.items() if k not in spelled}
        return edit(self.raw, (), changed) if changed else self.raw


class Messages:
    """One reply of the Messages API."""

    def __init__(self) -> None:
        self.deaf = False
        self._about: Json = {}
        self._blocks: dict[int, _Block] = {}
        self._usage: Json | None = None
        self._stop: str | None = None
        self._ended = False
        self._error: Json | None = None

    def hear(self, event: Json, raw: bytes) -> None:
        """Take in an event; those of unknown types say nothing."""
        if self._error is not None:
            return
        kind = event.get("type")
        if isinstance(kind, str) and kind.startswith("content_block_"):
            if not self.deaf:
                self._content_event(kind, event, raw)
        elif kind == "message_start":
            self._about = obj(event.get("message"))
            self._count(self._about.get("usage"))
        elif kind == "message_delta":
            self._stop = text_or_none(obj(event.get("delta")).get("stop_reason")) or self._stop
            self._count(event.get("usage"))
        elif kind == "message_stop":
            self._ended = True
        elif kind in ("error", None):
            self._error = error_of(event)

    def _content_event(self, kind: str, event: Json, raw: bytes) -> None:
        index = event.get("index")
        if not isinstance(index, int):
            return
        block = self._blocks.get(index)
        if kind == "content_block_start":
            self._open(index, event, raw)
        elif block is not None and kind == "content_block_delta":
            block.grow(obj(event.get("delta")))
        elif block is not None and kind == "content_block_stop":
            block.closed = True

    def _open(self, index: int, event: Json, raw: bytes) -> None:
        start = event.get("content_block")
        if not isinstance(start, dict):
            return
        self._blocks[index] = _Block(start, part(raw, "content_block"))
        if start.get("type") == "fallback":  # another model took over
            self._about["model"] = text_or_none(obj(start.get("to")).get("model")) or self._about.get("model")

    def _count(self, usage: Any) -> None:
        """Counts are totals: the later stands for the earlier, and what is not told anew remains."""
        if isinstance(usage, dict):
            self._usage = {**(self._usage or {}), **{k: v for k, v in usage.items() if v is not None}}

    def finish(self) -> None:
        """This API does not end with `[DONE]`."""

    def take(self, reply: Json, raw: bytes) -> None:
        """Take in a reply that was not streamed."""
        self._error = error_of(reply)
        content = reply.get("content")
        if self._error is not None or not isinstance(content, list):
            return
        slices = items(part(raw, "content"))
        found = [_Block(obj(start), each, closed=True) for start, each in zip(content, slices, strict=True)]
        self._about, self._blocks = reply, dict(enumerate(found))
        self._usage = reply["usage"] if isinstance(reply.get("usage"), dict) else None
        self._stop = text_or_none(reply.get("stop_reason"))
        self._ended = True

    def heard(self) -> Heard:
        """What has come so far."""
        complete = self._ended and self._error is None and not self.deaf
        content = self._content(complete)
        message = b'{"role":"assistant","content":' + array(content) + b"}"
        return Heard(
            text_or_none(self._about.get("id")),
            text_or_none(self._about.get("model")),
            (message,) if content else (),
            self._usage,
            self._stop,
            complete,
            self._error,
            not complete and any(block.unseen for block in self._blocks.values()),
        )

    def _content(self, complete: bool) -> list[bytes]:
        """The blocks that can be sent back: thinking may not be the last of them, and a reply that broke off has no
        call of a server's tool without its result."""
        kept = [(b, sent) for _, b in sorted(self._blocks.items()) if (sent := b.sent(complete)) is not None]
        if not complete:
            answered = {text(b.start.get("tool_use_id")) for b, _ in kept}
            kept = [x for x in kept if x[0].kind not in _SERVER_CALLS or text(x[0].start.get("id")) in answered]
        while kept and kept[-1][0].kind in _THINKING:
            kept.pop()
        return [sent for _, sent in kept]
