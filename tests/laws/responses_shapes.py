"""Items of the Responses API in every shape that a careless caller can send."""

from __future__ import annotations

import json
from typing import Any

from tests.laws.writer import DATA, MARK, Json, Writer

BREAK = {"mode": "explicit"}
ARGUMENTS = ['{"q":"TAG","n":1.50}', ' { "q" : "TAG" }\n', "not json TAG", '["TAG"]', '{"q":"TAG"', "[" * 300 + "TAG"]


def _marked(w: Writer, part: Json) -> Json:
    return part | w.pick([{"cache_control": MARK}, {"prompt_cache_breakpoint": BREAK}]) if w.chance(6) else part


def _text(w: Writer, kind: list[tuple[int, str]], *types: str) -> Json:
    part: Json = {"type": w.pick(types), "text": w.maybe_blank(kind)}
    if w.chance(5):
        part |= w.pick([{"annotations": [{"type": "url_citation"}]}, {"logprobs": None}, {"parsed": None}])
    return _marked(w, part)


def _media(w: Writer) -> Json:
    parts: list[Json] = [
        {"type": "input_image", "image_url": f"data:image/png;base64,{DATA}", "detail": "low"},
        {"type": "input_image", "image_url": "https://example.org/a.png", "file_id": None},
        {"type": "input_image", "file_id": "file-1"},
        {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{DATA}"},
        {"type": "input_file", "file_url": "https://example.org/a.pdf"},
        {"type": "input_file", "file_id": "file-2"},
        {"type": "input_audio", "input_audio": {"data": DATA, "format": "wav"}},
        {"type": "input_smell", "n": "@1@"},
    ]
    return _marked(w, dict(w.pick(parts)))


def _easy(w: Writer, message: Json) -> Json:
    """Often without its type, sometimes with members that a listing has."""
    if w.chance():
        message = {"type": "message"} | message
    return message | {"status": w.pick(["completed", None]), "id": w.item_id()} if w.chance(4) else message


def user(w: Writer) -> Json:
    if w.chance(3):
        return _easy(w, {"role": "user", "content": w.maybe_blank(w.log.spoken)})
    makers = [lambda: _text(w, w.log.spoken, "input_text", "input_text", "text", "output_text"), lambda: _media(w)]
    return _easy(w, {"role": "user", "content": [w.pick(makers)() for _ in w.times(0, 3)]})


def system(w: Writer) -> Json:
    if w.chance():
        content: Any = [_text(w, w.log.spoken, "input_text", "text") for _ in w.times(0, 2)]
    else:
        content = w.maybe_blank(w.log.spoken)
    return _easy(w, {"role": w.pick(["system", "developer"]), "content": content})


def message(w: Writer) -> Json:
    if w.chance(3):
        content: Any = w.maybe_blank(w.log.spoken)
    else:
        content = [_text(w, w.log.spoken, "output_text", "output_text", "input_text") for _ in w.times(0, 2)]
        content += [{"type": "refusal", "refusal": w.text(w.log.spoken)}] if w.chance(4) else []
        content += [_media(w)] if w.chance(6) else []
    found: Json = {"type": "message", "role": "assistant", "content": content}
    if w.chance():
        found |= {"id": w.item_id(), "status": "completed"}
    return found | {"phase": "commentary"} if w.chance(5) else found


def reasoning(w: Writer) -> Json:
    item: Json = {"type": "reasoning", "summary": w.pick([[], [{"type": "summary_text", "text": "hm"}]])}
    if w.chance(4) is False:
        item["id"] = w.item_id()
    extra = [{"encrypted_content": "gAAAAA=="}, {"encrypted_content": None}, {"status": None, "content": None}, {}]
    return item | w.pick(extra)


def call(w: Writer) -> Json:
    name = w.call_id()
    item: Json = {"type": "function_call", "call_id": name, "name": "run"}
    if w.chance(6):
        item = {"type": "custom_tool_call", "call_id": name, "name": "run", "input": w.text(w.log.called)}
    else:
        text = w.pick(["", " ", "null", "{}"]) if w.chance(4) else w.pick(ARGUMENTS)
        item["arguments"] = text.replace("TAG", w.tag(w.log.called)) if "TAG" in text else text
    if w.chance():
        item |= {"id": w.item_id(), "status": "completed"}
    return item | {"caller": None, "parsed_arguments": {}} if w.chance(6) else item


def output(w: Writer) -> Json:
    kind = "custom_tool_call_output" if w.chance(6) else "function_call_output"
    content: Any = w.pick([None, [], ""])
    if w.chance():
        content = w.maybe_blank(w.log.heard)
    elif w.chance():
        content = [_text(w, w.log.heard, "input_text") if w.chance() else _media(w) for _ in w.times(0, 2)]
    item: Json = {"type": kind, "call_id": w.answered_id(), "output": content}
    return item | w.pick([{"id": w.item_id()}, {"id": None, "status": None}, MARKED]) if w.chance(4) else item


MARKED: Json = {"cache_control": MARK}


def tool_call(w: Writer) -> Json:
    """Built-in tools that the caller runs."""
    name, tag = w.call_id(), w.tag(w.log.called)
    items: list[Json] = [
        {"type": "shell_call", "call_id": name, "action": {"commands": [tag]}, "status": "completed"},
        {"type": "local_shell_call", "call_id": name, "action": {"type": "exec", "command": [tag], "env": {}}},
        {"type": "apply_patch_call", "call_id": name, "operation": {"type": "create_file", "diff": tag, "path": "p"}},
        {"type": "computer_call", "call_id": name, "action": {"type": "type", "text": tag}, "status": "completed"},
        {"type": "tool_search_call", "call_id": name, "execution": "client", "arguments": {"q": tag}},
        {"type": "mcp_approval_request", "id": name, "name": "f", "arguments": json.dumps({"q": tag})},
        {"type": "new_thing_call", "call_id": name, "x": {"y": [tag]}},
    ]
    item = dict(w.pick(items))
    return item | {"id": w.item_id()} if w.chance() and "id" not in item else item


def tool_output(w: Writer) -> Json:
    name, tag = w.answered_id(), w.tag(w.log.heard)
    screen = {"type": "computer_screenshot", "image_url": f"data:image/png;base64,{DATA}"}
    streams = [{"stdout": tag, "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]
    items: list[Json] = [
        {"type": "shell_call_output", "call_id": name, "output": streams},
        {"type": "local_shell_call_output", "id": name, "output": tag},
        {"type": "apply_patch_call_output", "call_id": name, "status": "completed", "output": tag},
        {"type": "mcp_approval_response", "approval_request_id": name, "approve": True, "reason": tag},
        {"type": "new_thing_call_output", "call_id": name, "output": tag},
    ]
    if w.chance(4):
        w.log.heard.pop()
        return {"type": "computer_call_output", "call_id": name, "output": screen}
    return dict(w.pick(items))


def opaque(w: Writer) -> Json:
    """What the provider made and nobody looks into."""
    items: list[Json] = [
        {"type": "compaction", "encrypted_content": "gAAAAA=="},
        {"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "q"}},
        {"type": "image_generation_call", "status": "completed", "result": DATA, "error": None},
        {"type": "mcp_list_tools", "server_label": "s", "tools": []},
        {"type": "mcp_call", "server_label": "s", "name": "f", "arguments": "{}", "output": "x"},
        {"type": "hologram", "n": "@1@", "x": "@3@"},
        {"type": "item_reference"},
    ]
    item = dict(w.pick(items))
    return item | {"id": w.item_id()} if w.chance() or item["type"] == "item_reference" else item


def of_caller(w: Writer) -> Json:
    items = [{"type": "compaction_trigger"}, {"type": "configuration_update", "reasoning": {"effort": "low"}}]
    return dict(w.pick([*items, {"type": "new_thing_output", "n": "@2@"}]))
