"""Messages of Chat Completions in every shape that a careless caller can send."""

from __future__ import annotations

import json
from typing import Any

from tests.laws.anthropic_shapes import marked
from tests.laws.writer import DATA, MARK, Json, Writer


def _part(w: Writer, kind: list[tuple[int, str]]) -> Json:
    block: Json = {"type": "text", "text": w.maybe_blank(kind)}
    return marked(w, block)


def _user_part(w: Writer) -> Json:
    if w.chance():
        return _part(w, w.log.spoken)
    return dict(
        w.pick(
            [
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA}", "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}, "cache_control": MARK},
                {"type": "image_url", "image_url": "gs://bucket/a.svg"},
                {"type": "input_audio", "input_audio": {"data": DATA, "format": "wav"}},
                {"type": "file", "file": {"filename": "a", "file_data": f"data:application/pdf;base64,{DATA}"}},
                {"type": "file", "file": {"file_id": "f"}},
                {"type": "smell", "n": "@2@"},
            ]
        )
    )


def user(w: Writer) -> Json:
    content: Any = w.maybe_blank(w.log.spoken) if w.chance() else [_user_part(w) for _ in w.times(0, 3)]
    message: Json = {"role": "user", "content": content}
    if w.chance(5):
        message["name"] = w.pick(["ann", "", None])
    return message


def system(w: Writer) -> Json:
    content: Any = w.maybe_blank(w.log.spoken) if w.chance() else [_part(w, w.log.spoken) for _ in w.times(0, 2)]
    return {"role": w.pick(["system", "developer"]), "content": content}


def _openai_call(w: Writer) -> Json:
    name = w.call_id()
    if w.chance(6):
        return {"id": name, "type": "custom", "custom": {"name": "run", "input": w.text(w.log.called)}}
    shapes = [
        '{"q":"TAG","n":123456789012345678901234567890,"n":1.50}',
        ' { "q" : "TAG" }\n',
        "not json TAG",
        '["TAG"]',
        '{"q":"TAG"',
        '\u00a0{"q":"TAG"}',
        '{"q":"TAG","x":NaN}',
        "[" * 300 + "TAG" + "]" * 300,
    ]
    arguments = w.pick(["", " ", "null", "{}"]) if w.chance(4) else w.pick(shapes)
    if "TAG" in arguments:
        arguments = arguments.replace("TAG", w.tag(w.log.called))
    call: Json = {"id": name, "type": "function", "function": {"name": "run", "arguments": arguments}}
    if w.chance(6):
        del call["type"]
    return marked(w, call)


def assistant(w: Writer) -> Json:
    message: Json = {"role": "assistant"}
    shape = w.pick(["string", "string", "null", "missing", "parts", "refusal"])
    if shape == "string":
        message["content"] = w.maybe_blank(w.log.spoken)
    elif shape == "parts":
        message["content"] = [_part(w, w.log.spoken) for _ in w.times(0, 2)]
        message["content"] += [{"type": "refusal", "refusal": w.text(w.log.spoken)}] if w.chance(4) else []
    elif shape != "missing":
        message["content"] = None
    if shape == "refusal":
        message["refusal"] = w.text(w.log.spoken)
    if w.chance():
        message["tool_calls"] = [_openai_call(w) for _ in w.times(0, 3)]
    elif w.chance(5):
        w.recent.append("function_run")
        arguments = json.dumps({"q": w.tag(w.log.called)})
        message["function_call"] = {"name": "run", "arguments": arguments}
    if w.chance(4):
        nothing: Json = {"audio": None, "function_call": None, "name": None, "annotations": [], "id": "x"}
        message = nothing | {"refusal": None} | message
    return message


def tool(w: Writer) -> Json:
    if w.chance(8):
        return {"role": "function", "name": "run", "content": w.text(w.log.heard)}
    image = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    content: Any = w.pick([None, []])
    if w.chance():
        content = w.maybe_blank(w.log.heard)
    elif w.chance():
        content = [_part(w, w.log.heard) if w.chance() else image for _ in w.times(0, 2)]
    message: Json = {"role": "tool", "tool_call_id": w.answered_id(), "content": content}
    return message | {"name": w.pick(["run", None])} if w.chance(4) else message
