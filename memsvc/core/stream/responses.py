"""OpenAI's Responses API: its stream's events become the items that are sent back."""

from __future__ import annotations

from io import StringIO
from typing import Any

from msgspec import Struct, field

from memsvc.core.render.splice import array, edit, items
from memsvc.core.stream.heard import Heard
from memsvc.core.stream.values import Json, compact_object, dump, error_of, obj, part, quote, text, text_or_none

_FINAL = ("response.completed", "response.incomplete", "response.failed")
_WHOLE = ("completed", "incomplete")
_UNFINISHED = ("in_progress", "incomplete", "searching", "generating", "interpreting", "calling", "failed")
_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
_MEMBER = {"output_text": "text", "refusal": "refusal"}
"""Type of a part of a message -> its member that is text."""
Found = tuple[Json, bytes]


class _Item(Struct):
    """An output item: as it was added, as it was done, and the text of its parts so far."""

    added: Found
    done: Found | None = None
    parts: dict[int, Json] = field(default_factory=dict)
    grown: dict[int, StringIO] = field(default_factory=dict)

    def open(self, index: int, value: Json) -> None:
        """A part, as it began or as it came out."""
        self.parts[index] = value
        self.grown.pop(index, None)

    def grow(self, index: int, kind: str, piece: str) -> None:
        """More text of a part."""
        self.parts.setdefault(index, {"type": kind, _MEMBER[kind]: ""})
        if index not in self.grown:
            self.grown[index] = StringIO()
        self.grown[index].write(piece)

    def found(self) -> Found | None:
        """The item; of one that is not done only a message has something to send back."""
        if self.done is not None or self.added[0].get("type") != "message":
            return self.done
        parts = []
        for index, began in sorted(self.parts.items()):
            member = _MEMBER.get(text(began.get("type")))
            grown = self.grown[index].getvalue() if index in self.grown else ""
            parts.append({**began, member: text(began.get(member)) + grown} if member else began)
        value = {**self.added[0], "status": "incomplete", "content": parts}
        return value, dump(value)


class Responses:
    """One reply of the Responses API."""

    def __init__(self) -> None:
        self.deaf = False
        self._response: Json = {}
        self._items: dict[int, _Item] = {}
        self._final: list[Found] = []
        self._usage: Json | None = None
        self._stop: str | None = None
        self._whole = False
        self._error: Json | None = None

    def hear(self, event: Json, raw: bytes) -> None:
        """Take in an event; those of unknown types say nothing."""
        if self._error is not None:
            return
        kind, response = event.get("type"), event.get("response")
        if isinstance(response, dict):
            self._about(response)
        if isinstance(kind, str) and kind in _FINAL:
            spelled = part(raw, "response") if isinstance(response, dict) else b"{}"
            self._end(obj(response), spelled, kind.removeprefix("response."))
        elif kind in ("error", None):
            self._error = error_of(event) or self._error
        elif not self.deaf:
            self._content(event, raw)

    def _content(self, event: Json, raw: bytes) -> None:
        index, at = event.get("output_index"), event.get("content_index")
        if not isinstance(index, int):
            return
        kind = event.get("type")
        if kind in ("response.output_item.added", "response.output_item.done"):
            self._item(index, kind == "response.output_item.done", event.get("item"), raw)
            return
        item = self._items.get(index)
        if item is None or not isinstance(at, int):
            return
        match kind:
            case "response.output_text.delta":
                item.grow(at, "output_text", text(event.get("delta")))
            case "response.refusal.delta":
                item.grow(at, "refusal", text(event.get("delta")))
            case "response.content_part.added" | "response.content_part.done" if isinstance(event.get("part"), dict):
                item.open(at, event["part"])

    def _item(self, index: int, done: bool, value: Any, raw: bytes) -> None:
        if not isinstance(value, dict):
            return
        found = (value, part(raw, "item"))
        held = self._items.setdefault(index, _Item(found))
        if done:
            held.done = found

    def _about(self, response: Json) -> None:
        self._response = {k: response.get(k) or self._response.get(k) for k in ("id", "model")}
        if isinstance(response.get("usage"), dict):
            self._usage = response["usage"]

    def finish(self) -> None:
        """This API does not end with `[DONE]`."""

    def take(self, reply: Json, raw: bytes) -> None:
        """Take in a reply that was not streamed."""
        if isinstance(reply.get("output"), list):
            self._about(reply)
            self._end(reply, raw, "completed")
        else:
            self._error = error_of(reply)

    def _end(self, response: Json, raw: bytes, status: str) -> None:
        """Take in the whole response. `status` is what it ends with where it does not say so itself."""
        status = text_or_none(response.get("status")) or status
        reason = text_or_none(obj(response.get("incomplete_details")).get("reason"))
        self._stop = f"{status}:{reason}" if status == "incomplete" and reason else status
        self._error = error_of(response)
        if status == "failed" and self._error is None:
            self._error = {"message": "the response failed"}
        output = response.get("output")
        if isinstance(output, list) and output:
            pairs = zip(output, items(part(raw, "output")), strict=True)
            self._final = [(value, each) for value, each in pairs if isinstance(value, dict)]
        self._whole = status in _WHOLE and (bool(self._final) or not self.deaf)

    def heard(self) -> Heard:
        """What has come so far."""
        return Heard(
            text_or_none(self._response.get("id")),
            text_or_none(self._response.get("model")),
            tuple(self._sent()),
            self._usage,
            self._stop,
            self._whole and self._error is None,
            self._error,
        )

    def _sent(self) -> list[bytes]:
        """The items that can be sent back. Reasoning goes with the item behind it, or not at all."""
        found: list[Found | None] = [*self._final] or [item.found() for _, item in sorted(self._items.items())]
        sent: list[bytes] = []
        reasoning: list[bytes] = []
        for each in found:
            raw = _kept(*each) if each is not None else None
            if raw is None or each is None:
                reasoning = []
            elif each[0].get("type") == "reasoning":
                reasoning.append(raw)
            else:
                sent += [*reasoning, raw]
                reasoning = []
        return sent


def _kept(value: Json, raw: bytes) -> bytes | None:
    """An item as it is sent back; None if it is not whole enough."""
    kind = text(value.get("type"))
    if kind == "message":
        return _message(value, raw)
    unfinished = value.get("status") in _UNFINISHED
    if kind not in _CALLS:
        return raw if kind and not unfinished else None
    if not text(value.get("call_id")) or not text(value.get("name")):
        return None
    arguments = value.get(_CALLS[kind])
    if not isinstance(arguments, str):
        return None
    if unfinished and (kind != "function_call" or compact_object(arguments) is None):
        return None
    return raw


def _message(value: Json, raw: bytes) -> bytes | None:
    """A message without its blank parts; None if nothing else is in it."""
    content = value.get("content")
    if isinstance(content, str):
        return raw if content.strip() else None
    if not isinstance(content, list):
        return None
    slices = items(part(raw, "content"))
    kept = [each for said, each in zip(content, slices, strict=True) if not _is_blank(said)]
    changed = {} if len(kept) == len(slices) else {"content": array(kept)}
    if value.get("status") == "in_progress":
        changed["status"] = quote("incomplete")
    return (edit(raw, (), changed) if changed else raw) if kept else None


def _is_blank(said: Any) -> bool:
    kind = obj(said).get("type")
    if not isinstance(kind, str):
        return True
    return kind in _MEMBER and not text(said.get(_MEMBER[kind])).strip()
