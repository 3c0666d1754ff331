"""Requests of the three APIs, read into one shape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from memsvc.testing.provider.models import Model
from memsvc.testing.provider.outcome import Api, Ask, Tool
from memsvc.testing.provider.tokens import blocks, items

_TEXT = ("text", "input_text", "output_text")


def read(api: Api, body: Mapping[str, Any], model: Model, tokens: int) -> Ask:
    """The request as behaviours see it. The body has passed the vendor's rules."""
    if api == "messages":
        system = _text(blocks(body.get("system")))
        turns = [_turn(m.get("role"), m.get("content")) for m in body["messages"]]
        limit = body.get("max_tokens")
    elif api == "chat":
        turns = [_turn(m.get("role"), m.get("content")) for m in body["messages"]]
        system = "\n".join(text for role, text in turns if role == "system")
        turns = [t for t in turns if t[0] != "system"]
        limit = body.get("max_completion_tokens") or body.get("max_tokens")
    else:
        turns = [_item(item) for item in items(body)]
        said = [text for role, text in turns if role == "system"]
        system = "\n".join([str(body.get("instructions") or ""), *said]).strip()
        turns = [t for t in turns if t[0] != "system"]
        limit = body.get("max_output_tokens")
    tools = tuple(_tools(body.get("tools") or []))
    return Ask(api, model, body, tokens, limit, system, tuple(turns), tools)


def _turn(role: object, content: Any) -> tuple[str, str]:
    parts = blocks(content)
    text = _text(parts)
    if role == "user" and not text and any(_kind(b) == "tool_result" for b in parts):
        inner = (_text(blocks(b.get("content"))) for b in parts if _kind(b) == "tool_result")
        return "tool", "\n".join(inner)
    return ("system" if role == "developer" else str(role)), text


def _item(item: Mapping[str, Any]) -> tuple[str, str]:
    if str(item.get("type", "message")) == "message":
        return _turn(item.get("role"), item.get("content"))
    if str(item.get("type")).endswith("_output"):
        return "tool", _text(blocks(item.get("output")))
    return "assistant", ""


def _text(parts: Iterable[Any]) -> str:
    return "\n".join(str(b.get("text", "")) for b in parts if _kind(b) in _TEXT)


def _kind(block: Any) -> str:
    return str(block.get("type")) if isinstance(block, Mapping) else ""


def _tools(given: Iterable[Any]) -> Iterable[Tool]:
    for tool in given:
        function = tool.get("function") if isinstance(tool.get("function"), Mapping) else tool
        schema = function.get("input_schema") or function.get("parameters") or {}
        if isinstance(function.get("name"), str):
            yield Tool(function["name"], schema if isinstance(schema, Mapping) else {})
