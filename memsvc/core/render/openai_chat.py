"""Chat Completions: writing any message for it.

Rules: a `tool` message for every call right after its assistant message, `arguments` is the
text of an object, an assistant message without calls has content, only a user shows anything
but text, absent members are absent (not null).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from memsvc.core.model import Format
from memsvc.core.render.blocks import Block, Call, Decoded, Media, Result, Text, blank, omitted, plain
from memsvc.core.render.out import PLACEHOLDER, Answer, Out, late_text
from memsvc.core.render.runs import Item, merged
from memsvc.core.render.splice import SPACE, array, edit, is_empty, items, json_object_text, members, obj, string

MAX_ID = 40
"""Longest call id that every Chat Completions model takes (some newer ones take 64)."""
_OUTPUT_ONLY = frozenset({"id", "model", "usage", "stop_reason", "annotations", "cache_control"})
_PART_DROP = frozenset({"cache_control", "prompt_cache_breakpoint", "annotations", "citations"})
_OF_ASSISTANT = frozenset({"tool_calls", "function_call", "refusal", "audio"})
_OF_TOOL = frozenset({"tool_call_id"})


class Encoder:
    """Writes messages for Chat Completions. Nothing in its tail carries marks."""

    format: Format = "openai"

    def legal_id(self, call_id: str) -> bool:
        """Whether the provider takes this call id."""
        return 0 < len(call_id) <= MAX_ID

    def lead(self) -> Out | None:
        """An assistant message may come first here."""
        return None

    def assistant(self, msg: Decoded, seq: int, ids: Sequence[str], thinking: bool) -> list[Out]:
        """An assistant message; `ids` are the final ids of its calls in order."""
        del thinking  # no block of this format carries signed thinking
        if msg.format == "openai":
            out = _native_assistant(msg, seq, ids)
            return [out] if out is not None else []
        calls = [_call(c, final) for c, final in zip(msg.calls, ids, strict=True)]
        text = plain(tuple(b for b in msg.blocks if not isinstance(b, Call)), seq)
        if blank(text) and not calls:
            return []
        pairs = [("role", b'"assistant"'), ("content", b"null" if blank(text) else string(text))]
        return [Out("assistant", obj([*pairs, ("tool_calls", array(calls))] if calls else pairs))]

    def run(self, items: Sequence[Item]) -> list[Out]:
        """A reply of several items is one message."""
        msg, ids = merged(items)
        return self.assistant(msg, items[-1].seq, ids, True)

    def user(self, msg: Decoded, seq: int) -> Out | None:
        """A user message, or what is left of one without its results."""
        if msg.format == "openai":
            return _native(msg, seq)
        rest = tuple(b for b in msg.blocks if not isinstance(b, Result))
        if all(isinstance(b, Text) for b in rest):
            text = plain(rest, seq)
            return None if blank(text) else _spoken("user", string(text))
        parts = [p for b in rest if (p := _part(b, seq)) is not None]
        return _spoken("user", array(parts))

    def system(self, msg: Decoded, seq: int) -> Out | None:
        """A system message in mid-conversation keeps its native role."""
        if msg.format == "openai":
            return _native(msg, seq)
        text = plain(msg.blocks, seq)
        return None if blank(text) else _spoken(msg.native_role, string(text))

    def results(self, answers: Sequence[Answer], rest: Decoded | None, seq: int) -> list[Out]:
        """One `tool` message an answer, then what else came with one of them."""
        outs = [Out("tool", _answer(a)) for a in answers]
        more = self.user(rest, seq) if rest is not None else None
        return [*outs, more] if more is not None else outs

    def late(self, result: Result, seq: int) -> Out | None:
        """A result nobody waits for any more: user text that names the call."""
        return _spoken("user", string(late_text(result, seq)))


def _spoken(role: str, content: bytes) -> Out:
    return Out(role, obj([("role", string(role)), ("content", content)]))


# --- messages of this very format ----------------------------------------------


def _native(msg: Decoded, seq: int) -> Out | None:
    """A user or system message as it was written, but for the repairs."""
    if _silent(msg.blocks):
        return None
    parts = members(msg.raw)
    return Out(msg.native_role, edit(msg.raw, _dropped(parts, msg.native_role), _content(msg.blocks, parts, msg, seq)))


def _native_assistant(msg: Decoded, seq: int, ids: Sequence[str]) -> Out | None:
    parts = members(msg.raw)
    drop = _dropped(parts, "assistant")
    spoken = [b for b in msg.blocks if not isinstance(b, Call)]
    replaced = _content(spoken, parts, msg, seq)
    calls = [_native_call(c, final) for c, final in zip(msg.calls, ids, strict=True)]
    if calls:
        drop.add("function_call")
        if "tool_calls" not in parts or items(parts["tool_calls"]) != calls:
            replaced["tool_calls"] = array(calls)
    elif _silent(spoken):
        return None
    elif _silent(spoken[: _content_blocks(parts)]) and not _silent([b for b in spoken if isinstance(b, Text)]):
        # Only calls excuse missing content, so the refusal takes its place.
        replaced["content"] = parts["refusal"]
        drop.add("refusal")
    return Out("assistant", edit(msg.raw, drop, replaced))


def _silent(blocks: Sequence[Block]) -> bool:
    return all(isinstance(b, Text) and blank(b.text) for b in blocks)


def _content_blocks(parts: Mapping[str, bytes]) -> int:
    """How many blocks stand in the content, rather than beside it."""
    content = parts.get("content", b"null")
    return len(items(content)) if content.startswith(b"[") else int(content.startswith(b'"'))


def _dropped(parts: Mapping[str, bytes], role: str) -> set[str]:
    """Members that go: output-only ones, those of other roles, and optional ones that say nothing."""
    drop = {k for k, v in parts.items() if k in _OUTPUT_ONLY or (k != "content" and is_empty(v))}
    if role != "assistant":
        drop |= _OF_ASSISTANT & parts.keys()
    if role != "tool":
        drop |= _OF_TOOL & parts.keys()
    return drop


def _content(blocks: Sequence[Block], parts: Mapping[str, bytes], msg: Decoded, seq: int) -> dict[str, bytes]:
    """The replacement for a list content that cannot stay as it is, or nothing."""
    content = parts.get("content", b"")
    if not content.startswith(b"["):
        return {}
    before = items(content)
    role = msg.native_role
    kept = [p for b in blocks[: len(before)] if (p := _native_part(b, role, seq)) is not None]
    if not kept:
        return {"content": b'""' if role == "tool" else b"null"}
    return {} if kept == before else {"content": array(kept)}


def _native_part(b: Block, role: str, seq: int) -> bytes | None:
    if isinstance(b, Text) and b.raw is not None:
        if blank(b.text):
            return None
        refused = role != "assistant" and members(b.raw)["type"] == b'"refusal"'
        return _text_part(b.text) if refused else edit(b.raw, _PART_DROP)
    if isinstance(b, Media):
        if role != "user":
            return _text_part(omitted(b, seq))
        url = members(b.raw)["image_url"] if b.kind == "image" else b""
        return edit(b.raw, _PART_DROP, {"image_url": obj([("url", url)])} if url.startswith(b'"') else None)
    return edit(b.raw, _PART_DROP) if b.raw is not None else None


def _native_call(call: Call, final: str) -> bytes:
    if not call.raw or final != call.id:
        return _call(call, final)
    sound = call.kind == "custom" or (
        json_object_text(call.arguments) == call.arguments.strip(SPACE).encode()
        and members(call.raw).get("type") == b'"function"'
    )
    return edit(call.raw, _PART_DROP) if sound else _call(call, final)


def _answer(answer: Answer) -> bytes:
    result = answer.result
    if result is None:
        return _tool(answer.id, string(PLACEHOLDER))
    msg = answer.message
    if msg is None or msg.native_role != "tool":
        text = plain(result.content, answer.seq)
        return _tool(answer.id, string(f"[error] {text}" if result.is_error else text))
    parts = members(result.raw)
    replaced = _content(result.content, parts, msg, answer.seq)
    if answer.id != result.call_id:
        replaced["tool_call_id"] = string(answer.id)
    if is_empty(parts.get("content", b"null")):
        replaced["content"] = b'""'
    return edit(result.raw, _dropped(parts, "tool"), replaced)


# --- from other formats ----------------------------------------------------------


def _call(call: Call, final: str) -> bytes:
    if call.kind == "custom":
        body = obj([("name", string(call.name)), ("input", string(call.arguments))])
        return obj([("id", string(final)), ("type", b'"custom"'), ("custom", body)])
    arguments = json_object_text(call.arguments).decode()
    body = obj([("name", string(call.name)), ("arguments", string(arguments))])
    return obj([("id", string(final)), ("type", b'"function"'), ("function", body)])


def _tool(call_id: str, content: bytes) -> bytes:
    return obj([("role", b'"tool"'), ("tool_call_id", string(call_id)), ("content", content)])


def _text_part(text: str) -> bytes:
    return b'{"type":"text","text":' + string(text) + b"}"


def _part(b: Block, seq: int) -> bytes | None:
    if isinstance(b, Text):
        return None if blank(b.text) else _text_part(b.text)
    if isinstance(b, Media):
        if b.kind == "image" and (b.data or b.url):
            url = f"data:{b.media_type or 'image/png'};base64,{b.data}" if b.data else b.url or ""
            return obj([("type", b'"image_url"'), ("image_url", obj([("url", string(url))]))])
        if b.data and b.media_type == "application/pdf":
            file = [("filename", "document.pdf"), ("file_data", f"data:application/pdf;base64,{b.data}")]
            return obj([("type", b'"file"'), ("file", obj((k, string(v)) for k, v in file))])
        held = members(b.raw)
        if held.get("input_audio", b"").startswith(b"{"):
            return edit(b.raw, _PART_DROP)
        if b.kind == "file" and held.get("file_id", b"").startswith(b'"'):
            return obj([("type", b'"file"'), ("file", obj([("file_id", held["file_id"])]))])
        if not blank(b.text):
            return _text_part(b.text)
    return _text_part(omitted(b, seq))
