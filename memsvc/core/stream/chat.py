"""OpenAI's Chat Completions: its chunks become the assistant message that is sent back."""

from __future__ import annotations

from io import StringIO
from typing import Any

from memsvc.core.stream.heard import Heard
from memsvc.core.stream.values import Json, compact_object, dump, error_of, obj, text, text_or_none

_TEXTS = ("content", "refusal", "reasoning_content", "reasoning")
"""Members that grow by pieces; the last two are those of local servers."""
_BROKE_OFF = (None, "length", "content_filter")
"""Reasons to stop behind which a call may be incomplete."""


class _Call:
    """A tool call as it grows: names are told once, arguments (or a custom tool's input) piece by piece."""

    __slots__ = ("_grown", "_members")

    def __init__(self) -> None:
        self._members: Json = {}
        self._grown: dict[str, StringIO] = {}

    @property
    def id(self) -> str:
        """Empty until it came."""
        return text(self._members.get("id"))

    def grow(self, delta: Json) -> None:
        """Take in what a chunk has of this call."""
        for name, value in delta.items():
            if name == "index" or value is None:
                continue
            if name in ("function", "custom") and isinstance(value, dict):
                held = self._members[name] = obj(self._members.get(name))
                self._name(held, value)
            elif value != "" or name not in self._members:
                self._members[name] = value

    def _name(self, held: Json, value: Json) -> None:
        for name, piece in value.items():
            if name in ("arguments", "input") and isinstance(piece, str):
                if name not in self._grown:
                    held[name] = ""
                    self._grown[name] = StringIO()
                self._grown[name].write(piece)
            elif piece is not None and (piece != "" or name not in held):
                held[name] = piece

    def value(self) -> Json:
        """The call so far."""
        made = dict(self._members)
        for kind in ("function", "custom"):
            if isinstance(made.get(kind), dict):
                grown = {k: v.getvalue() for k, v in self._grown.items() if k in made[kind]}
                made[kind] = {**made[kind], **grown}
        return made


class Chat:
    """One reply of Chat Completions; of several choices the first."""

    def __init__(self) -> None:
        self.deaf = False
        self._id: str | None = None
        self._model: str | None = None
        self._texts: dict[str, StringIO] = {}
        self._calls: list[_Call] = []
        self._at: dict[int, _Call] = {}
        self._function: _Call | None = None
        self._audio: Json = {}
        self._whole: Json | None = None
        self._usage: Json | None = None
        self._stop: str | None = None
        self._ended = False
        self._error: Json | None = None

    def hear(self, event: Json, raw: bytes) -> None:
        """Take in a chunk."""
        if self._error is not None:
            return
        self._error = error_of(event)
        self._about(event)
        choices = event.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if not isinstance(choice, dict) or choice.get("index") not in (0, None):
                continue
            if not self.deaf:
                self._grow(obj(choice.get("delta")))
            self._stop = text_or_none(choice.get("finish_reason")) or self._stop

    def _about(self, event: Json) -> None:
        self._id = self._id or text_or_none(event.get("id"))
        self._model = self._model or text_or_none(event.get("model"))
        if isinstance(event.get("usage"), dict):
            self._usage = event["usage"]

    def _grow(self, delta: Json) -> None:
        for member in _TEXTS:
            if isinstance(piece := delta.get(member), str):
                if member not in self._texts:
                    self._texts[member] = StringIO()
                self._texts[member].write(piece)
        calls = delta.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict):
                self._call(call).grow(call)
        if isinstance(function := delta.get("function_call"), dict):  # the way before there were tools
            self._function = self._function or _Call()
            self._function.grow({"function": function})
        if isinstance(audio := delta.get("audio"), dict):
            self._audio = {**self._audio, **{k: v for k, v in audio.items() if v is not None}}

    def _call(self, delta: Json) -> _Call:
        """The call that a delta belongs to; some servers leave out the index, or count none of them up."""
        index, name = delta.get("index"), text(delta.get("id"))
        found = self._at.get(index) if isinstance(index, int) else self._calls[-1] if self._calls else None
        if found is None or (name and found.id and name != found.id):
            found = _Call()
            self._calls.append(found)
        if isinstance(index, int):
            self._at[index] = found
        return found

    def finish(self) -> None:
        """`[DONE]` came."""
        self._ended = True

    def take(self, reply: Json, raw: bytes) -> None:
        """Take in a reply that was not streamed."""
        self._error = error_of(reply)
        choices = reply.get("choices")
        if self._error is not None or not isinstance(choices, list):
            return
        self._about(reply)
        first = next((c for c in choices if isinstance(c, dict) and c.get("index") in (0, None)), {})
        self._whole = obj(first.get("message"))
        self._stop = text_or_none(first.get("finish_reason"))
        self._ended = True

    def heard(self) -> Heard:
        """What has come so far."""
        complete = (self._ended or self._stop is not None) and self._error is None and not self.deaf
        message = _as_input(self._said(), complete and self._stop not in _BROKE_OFF)
        return Heard(self._id, self._model, message, self._usage, self._stop, complete, self._error)

    def _said(self) -> Json:
        if self._whole is not None:
            return self._whole
        said: Json = {member: grown.getvalue() for member, grown in self._texts.items()}
        said["tool_calls"] = [c.value() for c in self._calls]
        said["function_call"] = self._function.value().get("function") if self._function else None
        return {**said, "audio": self._audio}


def _as_input(said: Json, closed: bool) -> tuple[bytes, ...]:
    """The message as a request has it; none if there is nothing in it. `closed`: the calls came to their end."""
    content = said.get("content")
    made: Json = {"role": "assistant", "content": content if isinstance(content, str | list) else None}
    made |= {k: said[k] for k in _TEXTS[1:] if text_or_none(said.get(k))}
    if name := text_or_none(obj(said.get("audio")).get("id")):
        made["audio"] = {"id": name}
    calls = said.get("tool_calls")
    if kept := [k for c in (calls if isinstance(calls, list) else []) if (k := _kept(c, closed))]:
        made["tool_calls"] = kept
    function = obj(said.get("function_call"))
    if text(function.get("name")) and _is_whole(function, closed):
        made["function_call"] = {"name": function["name"], "arguments": text(function.get("arguments"))}
    if made.keys() & {"refusal", "audio", "tool_calls", "function_call"}:
        if isinstance(content, str) and not content.strip() and not closed:
            made["content"] = None
        return (dump(made),)
    return (dump(made),) if (content if isinstance(content, list) else text(content).strip()) else ()


def _kept(call: Any, closed: bool) -> Json | None:
    """A call as a request has it; None if it is not whole."""
    call = {k: v for k, v in obj(call).items() if k != "index"}
    kind = "custom" if isinstance(call.get("custom"), dict) else "function"
    body = obj(call.get(kind))
    if not text(call.get("id")) or not text(body.get("name")):
        return None
    if kind == "custom":  # its input is any text: only the end of the reply tells that it is whole
        return {**call, "type": kind} if closed and isinstance(body.get("input"), str) else None
    if not _is_whole(body, closed):
        return None
    return {**call, "type": kind, "function": {**body, "arguments": text(body.get("arguments"))}}


def _is_whole(function: Json, closed: bool) -> bool:
    """Whether the arguments have come to their end: what a model made of them is its caller's to judge."""
    return closed or compact_object(text(function.get("arguments"))) is not None
