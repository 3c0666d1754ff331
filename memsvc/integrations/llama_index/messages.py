"""LlamaIndex's messages, and what they say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock, ThinkingBlock, ToolCallBlock

from memsvc.integrations.parts import Call, Image, Other, Part, Result, Said, Text, Thought

_KIND = "llama_index"


def said_of(message: ChatMessage) -> Said:
    """What a message of LlamaIndex says."""
    parts = tuple(map(_part, message.blocks))
    if message.role.value in ("tool", "function"):
        name = message.additional_kwargs.get("tool_call_id") or message.additional_kwargs.get("name") or ""
        return Said("tool", [Result(name, parts)])
    role = {"chatbot": "assistant", "model": "assistant"}.get(message.role.value, message.role.value)
    return Said(role, parts)


def messages_of(said: Iterable[Said]) -> list[ChatMessage]:
    """The messages of LlamaIndex that say it: one for each result of a tool."""
    found: list[ChatMessage] = []
    for one in said:
        for result in (part for part in one.parts if isinstance(part, Result)):
            blocks = [_block(part) for part in result.parts]
            found.append(ChatMessage(role="tool", blocks=blocks, additional_kwargs={"tool_call_id": result.id}))
        if one.role != "tool":
            found.append(ChatMessage(role=one.role, blocks=[_block(part) for part in one.parts]))
    return found


def _part(block: Any) -> Any:
    match block:
        case TextBlock():
            return Text(block.text)
        case ImageBlock() if block.image or block.url:
            return Image(str(block.url) if block.url else block.inline_url(), block.detail)
        case ToolCallBlock():
            return Call(block.tool_call_id or "", block.tool_name, block.tool_kwargs)
        case ThinkingBlock():
            return Thought(block.content or "", block.additional_information.get("signature"))
        case _:
            return Other({"type": _KIND, "block": block.model_dump(mode="json")})


def _block(part: Part) -> Any:
    match part:
        case Text():
            return TextBlock(text=part.text)
        case Image(url=url) if url.startswith("data:"):
            kind, _, data = url.removeprefix("data:").partition(";base64,")
            return ImageBlock(image=data.encode(), image_mimetype=kind, detail=part.detail)
        case Image():
            return ImageBlock(url=part.url, detail=part.detail)
        case Call():
            return ToolCallBlock(tool_call_id=part.id, tool_name=part.name, tool_kwargs=part.arguments)
        case Thought():
            return ThinkingBlock(
                content=part.text, additional_information={"signature": part.signature} if part.signature else {}
            )
        case Other(block={"type": "llama_index", "block": block}):
            return ChatMessage(blocks=[block]).blocks[0]
        case _:
            return TextBlock(text=str(part))
