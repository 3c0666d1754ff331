"""Responses API: writing any message as items of its `input`.

Rules: a call and its output are both there, under one id of at most 64 characters; reasoning
is followed by what it led to; an item's id occurs once; an assistant's parts are `output_text`
and `refusal`, all others' are `input_*`; reasoning that is encrypted needs no certain prefix.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from memsvc.core.model import Format
from memsvc.core.render.blocks import Block, Call, Decoded, Media, Result, Text, blank, omitted, plain
from memsvc.core.render.out import PLACEHOLDER, Answer, Out, late_text
from memsvc.core.render.responses_items import PLAIN, pair_of
from memsvc.core.render.responses_reader import ROLES
from memsvc.core.render.runs import Item, thinks
from memsvc.core.render.splice import SPACE, array, edit, is_empty, items, json_object_text, members, obj, string

MAX_ID = 64
NO_SCREEN = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""Stands for a screenshot that was never taken: one grey pixel."""
_MARKS = frozenset({"cache_control", "prompt_cache_breakpoint"})
_OUTPUT_ONLY = _MARKS | {"status", "created_by", "model", "usage", "stop_reason", "annotations", "parsed_arguments"}
_PART_DROP = _MARKS | {"parsed"}
_USER_PART_DROP = _PART_DROP | {"annotations", "citations", "logprobs"}


class Encoder:
    """Writes items for the Responses API. Nothing in its tail carries marks."""

    format: Format = "responses"

    def legal_id(self, call_id: str) -> bool:
        """Whether the provider takes this call id."""
        return 0 < len(call_id) <= MAX_ID

    def lead(self) -> Out | None:
        """An assistant's item may come first here."""
        return None

    def assistant(self, msg: Decoded, seq: int, ids: Sequence[str], thinking: bool) -> list[Out]:
        """A message of another format: an item for what is said between two calls, one for each call."""
        del thinking  # another provider's reasoning cannot be checked here
        finals = iter(ids)
        outs: list[Out] = []
        said: list[Block] = []
        for b in msg.blocks:
            if isinstance(b, Call):
                outs += [*_told(said, seq), Out("assistant", _call(b, next(finals)))]
                said = []
            else:
                said.append(b)
        return outs + _told(said, seq)

    def run(self, items: Sequence[Item]) -> list[Out]:
        """One reply, item by item, as it was written but for the repairs."""
        return [out for heads, rest in _segments(items) for out in _segment(heads, rest)]

    def user(self, msg: Decoded, seq: int) -> Out | None:
        """A user's message, or what is left of one without its results."""
        if msg.format == "responses":
            return _native(msg, seq, False)
        rest = [b for b in msg.blocks if not isinstance(b, Result)]
        if msg.name:
            first = next((i for i, b in enumerate(rest) if isinstance(b, Text) and not blank(b.text)), None)
            if first is not None:
                rest[first] = Text(f"{msg.name}: {_text_of(rest[first])}")  # no member says who speaks
        if all(isinstance(b, Text) for b in rest):
            text = plain(tuple(rest), seq)
            return None if blank(text) else _message("user", string(text))
        return _message("user", array(p for b in rest if (p := _part(b, seq)) is not None))

    def system(self, msg: Decoded, seq: int) -> Out | None:
        """A system message in mid-conversation keeps its native role."""
        if msg.format == "responses":
            return _native(msg, seq, False)
        text = plain(msg.blocks, seq)
        return None if blank(text) else _message(msg.native_role, string(text))

    def results(self, answers: Sequence[Answer], rest: Decoded | None, seq: int) -> list[Out]:
        """One output an answer, then what else came with one of them."""
        outs = [Out("tool", json) for a in answers if (json := _output(a)) is not None]
        more = self.user(rest, seq) if rest is not None else None
        return [*outs, more] if more is not None else outs

    def late(self, result: Result, seq: int) -> Out | None:
        """A result nobody waits for any more: user text that names the call."""
        return _message("user", string(late_text(result, seq)))


def _message(role: str, content: bytes) -> Out:
    return Out(role, obj([("type", b'"message"'), ("role", string(role)), ("content", content)]))


def _told(said: Sequence[Block], seq: int) -> list[Out]:
    text = plain(tuple(said), seq)
    return [] if blank(text) else [_message("assistant", string(text))]


def _text_of(b: Block) -> str:
    return b.text if isinstance(b, Text) else ""


# --- items of this very format ---------------------------------------------------


def _segments(run: Sequence[Item]) -> Iterator[tuple[list[Item], list[Item]]]:
    """A run parted before its reasoning: reasoning items, and what they led to."""
    heads: list[Item] = []
    rest: list[Item] = []
    for item in run:
        if thinks(item.msg) and rest:
            yield heads, rest
            heads, rest = [], []
        (heads if thinks(item.msg) else rest).append(item)
    yield heads, rest


def _segment(heads: list[Item], rest: list[Item]) -> list[Out]:
    """Reasoning stays with what follows it: without that it goes, and the others lose their ids."""
    follows = bool(rest) and not rest[0].repeated and _item(rest[0], True) is not None
    whole = follows and not any(h.repeated for h in heads)
    kept = [Out("assistant", _trimmed(h.msg.raw, True)) for h in heads] if whole else []
    return kept + [out for i in rest if (out := _item(i, whole if heads else not i.bare)) is not None]


def _item(item: Item, keep_id: bool) -> Out | None:
    msg, keep_id = item.msg, keep_id and not item.repeated
    if msg.native_role in ROLES:
        return _native(msg, item.seq, keep_id)
    block = msg.blocks[0]
    if isinstance(block, Call):
        return Out("assistant", _native_call(block, item.ids[0], keep_id))
    if item.repeated:
        return _message("assistant", string(omitted(block, item.seq)))
    return Out("assistant", edit(msg.raw, _MARKS))


def _trimmed(raw: bytes, keep_id: bool, replaced: dict[str, bytes] | None = None) -> bytes:
    """An item without output-only members and optional ones that say nothing."""
    drop = {k for k, v in members(raw).items() if k in _OUTPUT_ONLY or v == b"null"}
    if not keep_id:
        drop.add("id")
    return edit(raw, drop, replaced)


def _native(msg: Decoded, seq: int, keep_id: bool) -> Out | None:
    """A message, or an item of the caller's that is none."""
    if msg.native_role not in ROLES:
        asks = msg.native_role == "compaction_trigger"  # of one request, whose last item it must be
        return None if asks else Out("user", edit(msg.raw, _MARKS))
    if all(isinstance(b, Text) and blank(b.text) for b in msg.blocks):
        return None
    content = members(msg.raw)["content"]
    replaced = {}
    if content.startswith(b"["):
        before = items(content)
        kept = [p for b in msg.blocks if (p := _native_part(b, msg.native_role, seq)) is not None]
        replaced = {} if kept == before else {"content": array(kept)}
    return Out(msg.native_role, _trimmed(msg.raw, keep_id, replaced))


def _native_part(b: Block, role: str, seq: int) -> bytes | None:
    """A part of a message (or of an output: role `tool`) whose type its role can have."""
    said = role == "assistant"
    if isinstance(b, Text) and b.raw is not None:
        if blank(b.text):
            return None
        legal = members(b.raw)["type"] in ((b'"output_text"', b'"refusal"') if said else (b'"input_text"',))
        drop = _PART_DROP if said else _USER_PART_DROP
        return _edited_part(b.raw, drop) if legal else _text_part(b.text, role)
    if isinstance(b, Media) and (said or (role == "tool" and b.kind == "audio")):
        return _text_part(omitted(b, seq), role)
    return _edited_part(b.raw, _MARKS) if b.raw is not None else None


def _edited_part(raw: bytes, drop: frozenset[str]) -> bytes:
    return edit(raw, drop | {k for k, v in members(raw).items() if v == b"null"})


def _text_part(text: str, role: str = "user") -> bytes:
    kind = b'"output_text"' if role == "assistant" else b'"input_text"'
    return obj([("type", kind), ("text", string(text))])


def _native_call(call: Call, final: str, keep_id: bool) -> bytes:
    key = pair_of(call.kind).key
    replaced = {} if final == call.id else {key: string(final)}
    if call.kind not in PLAIN:
        return edit(call.raw, _MARKS if keep_id or key == "id" else _MARKS | {"id"}, replaced)
    if call.kind == "function":
        arguments = json_object_text(call.arguments)
        if arguments != call.arguments.strip(SPACE).encode():
            replaced["arguments"] = string(arguments.decode())
    elif is_empty(members(call.raw).get("input", b"null")):
        replaced["input"] = b'""'
    return _trimmed(call.raw, keep_id, replaced)


# --- outputs ---------------------------------------------------------------------


def _output(answer: Answer) -> bytes | None:
    """The output under a call; None where one may be missing and is."""
    result = answer.result
    if result is None:
        return _missing(answer.kind, answer.id)
    plain_kind = "custom" if answer.kind == "custom" else "function"
    if answer.native != "responses":
        return _plain_output(plain_kind, answer.id, _content(result, answer.seq))
    parts = members(result.raw)
    pair = pair_of(result.kind)
    key = "call_id" if parts.get("call_id", b"").startswith(b'"') else pair.output_key
    replaced = {} if answer.id == result.call_id else {key: string(answer.id)}
    if result.kind not in PLAIN:
        return edit(result.raw, _MARKS | {"id"} if answer.repeated and key != "id" else _MARKS, replaced)
    if result.kind != plain_kind:
        replaced["type"] = string(pair_of(plain_kind).output)
    output = parts.get("output", b"null")
    if output.startswith(b"["):
        kept = [p for b in result.content if (p := _native_part(b, "tool", answer.seq)) is not None]
        if not kept or kept != items(output):
            replaced["output"] = array(kept) if kept else b'""'
    elif output == b"null":
        replaced["output"] = b'""'
    return _trimmed(result.raw, not answer.repeated, replaced)


def _plain_output(kind: str, call_id: str, output: bytes) -> bytes:
    pair = pair_of(kind)
    return obj([("type", string(pair.output)), (pair.output_key, string(call_id)), ("output", output)])


def _missing(kind: str, call_id: str) -> bytes | None:
    """The fixed output of a call that has none, in the shape of its kind."""
    said = string(PLACEHOLDER)
    if kind in (*PLAIN, "local_shell"):
        return _plain_output(kind, call_id, said)
    if kind == "computer":
        screen = [("type", b'"computer_screenshot"'), ("image_url", string(NO_SCREEN))]
        return _plain_output(kind, call_id, obj(screen))
    if kind == "shell":
        outcome = b'{"type":"exit","exit_code":1}'
        return _plain_output(kind, call_id, array([obj([("stdout", b'""'), ("stderr", said), ("outcome", outcome)])]))
    named = [("type", string(pair_of(kind).output)), ("call_id", string(call_id))]
    if kind == "apply_patch":
        return obj([*named, ("status", b'"failed"'), ("output", said)])
    if kind == "tool_search":
        return obj([*named, ("execution", b'"client"'), ("status", b'"completed"'), ("tools", b"[]")])
    return None


# --- from other formats ------------------------------------------------------------


def _call(call: Call, final: str) -> bytes:
    custom = call.kind == "custom"
    text = call.arguments if custom else json_object_text(call.arguments).decode()
    pairs = [("type", "custom_tool_call" if custom else "function_call"), ("call_id", final), ("name", call.name)]
    return obj((k, string(v)) for k, v in [*pairs, ("input" if custom else "arguments", text)])


def _content(result: Result, seq: int) -> bytes:
    """The output that a result of another format stands for."""
    if not any(isinstance(b, Media) for b in result.content):
        text = plain(result.content, seq)
        return string(f"[error] {text}" if result.is_error else text)
    parts = [_text_part("[error]")] if result.is_error else []
    return array(parts + [p for b in result.content if (p := _part(b, seq)) is not None])


def _part(b: Block, seq: int) -> bytes | None:
    """A user's block of another format."""
    if isinstance(b, Text):
        return None if blank(b.text) else _text_part(b.text)
    if not isinstance(b, Media):
        return _text_part(omitted(b, seq))
    if b.kind == "image" and (b.data or b.url):
        url = f"data:{b.media_type or 'image/png'};base64,{b.data}" if b.data else b.url or ""
        return obj([("type", b'"input_image"'), ("detail", b'"auto"'), ("image_url", string(url))])
    if b.data and b.media_type == "application/pdf":
        file = [("filename", "document.pdf"), ("file_data", f"data:application/pdf;base64,{b.data}")]
        return obj([("type", b'"input_file"'), *((k, string(v)) for k, v in file)])
    held = members(b.raw)
    if b.kind == "audio" and held.get("input_audio", b"").startswith(b"{"):
        return edit(b.raw, _MARKS)
    file_id = members(held["file"]).get("file_id", b"") if held.get("file", b"").startswith(b"{") else b""
    if file_id.startswith(b'"'):
        return obj([("type", b'"input_file"'), ("file_id", file_id)])
    return _text_part(b.text if not blank(b.text) else omitted(b, seq))
