"""LangChain's messages as the vendors' APIs take them, and back."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    ToolMessage,
    convert_to_messages,
    convert_to_openai_messages,
)

from memsvc.core.model import Format

Json = dict[str, Any]
_STREAMED = ("index", "partial_json")
"""Members of blocks that were put together from a stream."""


def to_wire(message: BaseMessage, format: Format) -> list[Json]:
    """A message in a vendor's format; more than one where it holds results of tools beside other things."""
    if format == "anthropic":
        return [_anthropic(message)]
    try:
        found = convert_to_openai_messages([message])
    except ValueError:  # a block of which LangChain knows no other form: the format keeps it as it is
        found = [{"role": _role(message), "content": message.content}]
    if isinstance(content := found[0]["content"], list):  # calls stand under `tool_calls`
        found[0]["content"] = [b for b in content if b.get("type") != "function_call"] or ""
    if isinstance(message, AIMessage) and message.invalid_tool_calls:
        calls = [_call(c["id"], c["name"], c["args"] or "") for c in message.invalid_tool_calls]
        found[0]["tool_calls"] = [*found[0].get("tool_calls", []), *calls]
    return list(found)


def from_wire(wire: Json, format: Format) -> list[BaseMessage]:
    """The messages that one of a vendor's format stands for."""
    if format != "anthropic":
        return list(convert_to_messages([{"content": "", **wire}]))
    content = wire["content"]
    blocks: list[Any] = content if isinstance(content, list) else []
    if wire["role"] == "assistant":
        used = [b for b in blocks if b["type"] == "tool_use"]
        calls: list[Any] = [{"type": "tool_call", "id": b["id"], "name": b["name"], "args": b["input"]} for b in used]
        return [AIMessage(content, tool_calls=calls)]
    results = [b for b in blocks if b["type"] == "tool_result"]
    if not results:
        return [HumanMessage(content)]
    rest = [b for b in blocks if b["type"] != "tool_result"]
    told: list[BaseMessage] = [
        ToolMessage(
            b.get("content", ""), tool_call_id=b["tool_use_id"], status="error" if b.get("is_error") else "success"
        )
        for b in results
    ]
    return told + ([HumanMessage(rest)] if rest else [])


def usage_of(message: BaseMessage) -> Json | None:
    """What the call that gave this reply used, as `usage` of the API takes it; None = the reply does not say."""
    if not isinstance(message, AIMessage) or message.usage_metadata is None:
        return None
    used, about = message.usage_metadata, message.response_metadata
    model, call_id = about.get("model_name") or about.get("model"), about.get("id") or message.id
    if not model or not call_id:
        return None
    detail = used.get("input_token_details", {})
    read, written = detail.get("cache_read") or 0, detail.get("cache_creation") or 0
    if about.get("model_provider") == "anthropic":
        usage = {
            "input_tokens": used["input_tokens"] - read - written,
            "cache_read_input_tokens": read,
            "cache_creation_input_tokens": written,
            "output_tokens": used["output_tokens"],
        }
        return {"id": call_id, "provider": "anthropic", "model": model, "usage": usage}
    counts: Json = {
        "prompt_tokens": used["input_tokens"],
        "completion_tokens": used["output_tokens"],
        "prompt_tokens_details": {"cached_tokens": read},
    }
    return {"id": call_id, "provider": "openai", "model": model, "usage": counts}


def _role(message: BaseMessage) -> str:
    return {"human": "user", "ai": "assistant"}.get(message.type, message.type)


def _call(call_id: str | None, name: str | None, arguments: str) -> Json:
    return {"type": "function", "id": call_id, "function": {"name": name, "arguments": arguments}}


def _anthropic(message: BaseMessage) -> Json:
    if isinstance(message, ToolMessage):
        result = {"type": "tool_result", "tool_use_id": message.tool_call_id, "content": message.content}
        failed = {"is_error": True} if message.status == "error" else {}
        return {"role": "user", "content": [{**result, **failed}]}
    if not isinstance(message, AIMessage):
        return {"role": _role(message), "content": message.content}
    calls = {
        c["id"]: {"type": "tool_use", "id": c["id"], "name": c["name"], "input": c["args"]} for c in message.tool_calls
    }
    parts: list[Any] = [message.content] if isinstance(message.content, str) else message.content
    blocks: list[Json] = []
    for part in filter(None, parts):
        block: Json = {"type": "text", "text": part} if isinstance(part, str) else part
        plain = {name: value for name, value in block.items() if name not in _STREAMED}
        blocks.append({**plain, **calls.pop(block.get("id"), {})} if block.get("type") == "tool_use" else plain)
    return {"role": "assistant", "content": blocks + list(calls.values())}
