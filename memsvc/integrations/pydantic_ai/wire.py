"""Pydantic AI's parts in the format of Chat Completions, and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic_ai.messages import (
    BinaryContent,
    CachePoint,
    CompactionPart,
    ImageUrl,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    RetryFeedbackPart,
    SystemPromptPart,
    TextContent,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserContent,
    UserPromptPart,
)
from pydantic_ai.tools import ToolDefinition
from pydantic_core import to_jsonable_python

Json = dict[str, Any]


def of_response(message: ModelResponse) -> Json:
    """A response: what it says, thinks, and calls."""
    text = "\n\n".join(p.content for p in message.parts if isinstance(p, TextPart))
    thought = "\n\n".join(p.content for p in message.parts if isinstance(p, ThinkingPart) and p.content)
    calls = [
        {"type": "function", "id": p.tool_call_id, "function": {"name": p.tool_name, "arguments": p.args_as_json_str()}}
        for p in message.parts
        if isinstance(p, ToolCallPart)
    ]
    reasoning = {"reasoning_content": thought} if thought else {}
    return {"role": "assistant", "content": text, **reasoning, **({"tool_calls": calls} if calls else {})}


def of_part(part: Any) -> Json | None:
    """A part of a request; None for one that is no message."""
    match part:
        case UserPromptPart():
            content = part.content if isinstance(part.content, str) else [b for c in part.content for b in _block(c)]
            return {"role": "user", "content": content}
        case ToolReturnPart():
            return {"role": "tool", "tool_call_id": part.tool_call_id, "content": part.model_response_str()}
        case RetryFeedbackPart():
            return {"role": "user", "content": part.model_response()}
        case CompactionPart():
            return {"role": "user", "content": part.content or ""}
        case _:
            return None


def _block(content: UserContent) -> Iterator[Json]:
    match content:
        case str() | TextContent():
            yield {"type": "text", "text": content if isinstance(content, str) else content.content}
        case ImageUrl():
            yield {"type": "image_url", "image_url": {"url": content.url}}
        case BinaryContent() if content.is_image:
            yield {"type": "image_url", "image_url": {"url": content.data_uri}}
        case CachePoint():
            return
        case _:
            yield {"type": "pydantic_ai", "content": to_jsonable_python(content, bytes_mode="base64")}


def to_message(wire: Json, names: dict[str, str]) -> ModelMessage:
    """The message that one of the format stands for; `names`: tools by the ids of their calls."""
    content = wire.get("content") or ""
    if wire["role"] == "assistant":
        parts: list[TextPart | ToolCallPart] = [TextPart(t) for b in _texts(content) if (t := str(b))]
        for call in wire.get("tool_calls") or ():
            names[call["id"]] = call["function"]["name"]
            parts.append(ToolCallPart(call["function"]["name"], call["function"]["arguments"], call["id"]))
        return ModelResponse(parts=parts)
    if wire["role"] == "tool":
        said = "\n".join(str(b) for b in _texts(content))
        return ModelRequest(parts=[ToolReturnPart(names.get(wire["tool_call_id"], "tool"), said, wire["tool_call_id"])])
    if wire["role"] in ("system", "developer"):
        return ModelRequest(parts=[SystemPromptPart("\n".join(str(b) for b in _texts(content)))])
    return ModelRequest(parts=[UserPromptPart(content if isinstance(content, str) else list(_texts(content)))])


def _texts(content: str | list[Json]) -> Iterator[UserContent]:
    blocks: list[Json] = [{"type": "text", "text": content}] if isinstance(content, str) else content
    for block in blocks:
        url = block.get("image_url", {}).get("url", "")
        if url.startswith("data:"):
            yield BinaryContent.from_data_uri(url)
        elif url:
            yield ImageUrl(url)
        else:
            yield block["text"] if "text" in block else json.dumps(block)


def tool(definition: ToolDefinition) -> Json:
    """A tool as the API takes it."""
    about = {"name": definition.name, "description": definition.description or ""}
    return {"type": "function", "function": {**about, "parameters": definition.parameters_json_schema}}


def usage_of(response: ModelResponse) -> Json | None:
    """What the call that gave this reply used, as `usage` of the API takes it; None = the reply does not say."""
    used = response.usage
    if not response.model_name or not response.provider_response_id or not used.has_values():
        return None
    call = {"id": response.provider_response_id, "model": response.model_name}
    if response.provider_name == "anthropic":
        usage = {
            "input_tokens": used.input_tokens - used.cache_read_tokens - used.cache_write_tokens,
            "cache_read_input_tokens": used.cache_read_tokens,
            "cache_creation_input_tokens": used.cache_write_tokens,
            "output_tokens": used.output_tokens,
        }
        return {**call, "provider": "anthropic", "usage": usage}
    counts: Json = {
        "prompt_tokens": used.input_tokens,
        "completion_tokens": used.output_tokens,
        "prompt_tokens_details": {"cached_tokens": used.cache_read_tokens},
    }
    return {**call, "provider": "openai", "usage": counts}
