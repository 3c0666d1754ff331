"""Messages of the Messages API in every shape that a careless caller can send."""

from __future__ import annotations

from tests.laws.writer import DATA, MARK, NUMBERS, Json, Writer


def marked(w: Writer, block: Json) -> Json:
    return {**block, "cache_control": w.pick([MARK, {"type": "ephemeral"}])} if w.chance(5) else block


def _text_block(w: Writer, kind: list[tuple[int, str]], user: bool) -> Json:
    block: Json = {"type": "text", "text": w.maybe_blank(kind)}
    if w.chance(6):
        block["citations"] = w.pick([None, [], [{"type": "char_location", "cited_text": "x"}]])
    if w.chance(10):
        block |= {"annotations": [], "id": "msg_1"} if user else {"id": "x"}
    return marked(w, block)


def _media_block(w: Writer) -> Json:
    base64 = {"type": "base64", "media_type": w.pick(["image/png", "image/webp"]), "data": DATA}
    pdf = {"type": "base64", "media_type": "application/pdf", "data": DATA}
    inner = [{"type": "text", "text": "part", "cache_control": MARK}]
    blocks: list[Json] = [
        {"type": "image", "source": base64},
        {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
        {"type": "image", "source": {"type": "file", "file_id": "f1"}},
        {"type": "document", "source": pdf, "title": "a"},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "some text"}},
        {"type": "document", "source": {"type": "content", "content": inner}},
        {"type": "search_result", "source": "s", "title": "t", "content": inner},
        {"type": "holo_gram", "n": "@1@", "content": {"deep": inner}},
    ]
    return marked(w, dict(w.pick(blocks)))


def _result_block(w: Writer) -> Json:
    block: Json = {"type": "tool_result", "tool_use_id": w.answered_id()}
    shape = w.pick(["string", "string", "blocks", "blocks", "none", "null", "empty"])
    if shape == "string":
        block["content"] = w.maybe_blank(w.log.heard)
    elif shape == "blocks":
        block["content"] = [_text_block(w, w.log.heard, True) if w.chance() else _media_block(w) for _ in w.times(0, 3)]
    elif shape in ("null", "empty"):
        block["content"] = None if shape == "null" else []
    if w.chance(3):
        block["is_error"] = w.pick([True, False, None])
    return marked(w, block)


def user(w: Writer) -> Json:
    if w.chance(3):
        return {"role": "user", "content": w.maybe_blank(w.log.spoken)}
    makers = [lambda: _text_block(w, w.log.spoken, True), lambda: _result_block(w), lambda: _media_block(w)]
    return {"role": "user", "content": [w.pick(makers)() for _ in w.times(0, 4)]}


def _server_blocks(w: Writer) -> list[Json]:
    name = w.pick(["srvtoolu_1", "srvtoolu_2", "srvtoolu_3"])
    call: Json = {"type": w.pick(["server_tool_use", "mcp_tool_use"]), "id": name, "name": "web_search", "input": {}}
    kind = w.pick(["web_search_tool_result", "code_execution_tool_result"])
    result: Json = {"type": kind, "tool_use_id": name, "content": [{"type": "hit", "text": "x", "cache_control": MARK}]}
    shape = w.pick(["both", "both", "call", "result", "twice"])
    return {"both": [call, result], "call": [call], "result": [result], "twice": [call, result, result]}[shape]


def _tool_use(w: Writer) -> Json:
    block: Json = {"type": "tool_use", "id": w.call_id(), "name": "run"}
    shape = w.pick(["object", "object", "object", "null", "missing", "text", "list"])
    if shape == "object":
        block["input"] = {"q": w.text(w.log.called), "n": w.pick(list(NUMBERS)), "cache_control": 1}
    elif shape == "text":
        block["input"] = w.text(w.log.called)
    elif shape != "missing":
        block["input"] = None if shape == "null" else [1]
    if w.chance(6):
        caller = {"type": "code_execution_20260120", "tool_id": w.pick(["srvtoolu_1", "srvtoolu_2"])}
        block["caller"] = w.pick([{"type": "direct"}, caller])
    return marked(w, block)


def assistant(w: Writer) -> Json:
    if w.chance(3):
        return {"role": "assistant", "content": w.maybe_blank(w.log.spoken)}
    blocks: list[Json] = []
    for _ in w.times(0, 4):
        kind = w.pick(["text", "text", "call", "call", "thinking", "server"])
        if kind == "text":
            blocks.append(_text_block(w, w.log.spoken, False))
        elif kind == "call":
            blocks.append(_tool_use(w))
        elif kind == "server":
            blocks += _server_blocks(w)
        else:
            blocks.append(w.pick(THINKING))
    message: Json = {"role": "assistant", "content": blocks}
    return message | {"id": "msg_1", "model": "m", "stop_reason": None, "usage": {}} if w.chance(5) else message


THINKING: list[Json] = [
    {"type": "thinking", "thinking": "hm", "signature": "s1"},
    {"type": "thinking", "thinking": "", "signature": "s2"},
    {"type": "thinking", "thinking": "unsigned"},
    {"type": "redacted_thinking", "data": "xx"},
    {"type": "redacted_thinking"},
]


def system(w: Writer) -> Json:
    return {"role": "system", "content": w.maybe_blank(w.log.spoken)}
