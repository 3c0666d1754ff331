"""Replies of the Messages API: message, stream events, errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from memsvc.testing.provider.engine import Written
from memsvc.testing.provider.outcome import Fault, Kind
from memsvc.testing.provider.tokens import dump
from memsvc.testing.provider.usages import told

_STOPS = {
    "end": "end_turn",
    "length": "max_tokens",
    "tool": "tool_use",
    "refusal": "refusal",
    "window": "model_context_window_exceeded",
}
_TYPES: Mapping[Kind, str] = {
    "invalid": "invalid_request_error",
    "overflow": "invalid_request_error",
    "auth": "authentication_error",
    "no_model": "not_found_error",
    "not_found": "not_found_error",
    "too_large": "request_too_large",
    "rate_limit": "rate_limit_error",
    "spend_limit": "rate_limit_error",
    "overloaded": "overloaded_error",
    "server": "api_error",
    "gateway": "api_error",
    "expired": "timeout_error",
}
_PIECES = 40


def message(written: Written) -> dict[str, Any]:
    """The reply as one message."""
    answer = written.answer
    content: list[Mapping[str, Any]] = [written.thinking] if written.thinking is not None else []
    if answer.text:
        content.append({"type": "text", "text": answer.text})
    content += [
        {"type": "tool_use", "id": f"toolu_{c.id}", "name": c.name, "input": dict(c.arguments)} for c in answer.calls
    ]
    made: dict[str, Any] = {
        "id": f"msg_{written.id}",
        "type": "message",
        "role": "assistant",
        "model": written.ask.model.name,
        "content": content,
        "stop_reason": _STOPS[answer.stop],
        "stop_sequence": None,
        "stop_details": None,
    }
    if answer.stop == "refusal":
        made["stop_details"] = {"type": "refusal", "category": None, "explanation": answer.refusal}
    if written.transformations:
        made["input_transformations"] = list(written.transformations)
    if (usage := told(written)) is not None:
        made["usage"] = usage
    return made


def events(written: Written) -> Iterator[tuple[str, dict[str, Any]]]:
    """The reply as stream events: name and data."""
    whole = message(written)
    usage = whole.get("usage")
    start = {**whole, "content": [], "stop_reason": None, "stop_details": None}
    if usage:
        start["usage"] = {k: v for k, v in usage.items() if k != "output_tokens_details"} | {"output_tokens": 1}
    yield _event("message_start", message=start)
    for index, block in enumerate(whole["content"]):
        yield _event("content_block_start", index=index, content_block=_opening(block))
        if index == 0:
            yield _event("ping")
        for delta in _deltas(block):
            yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    ending = {k: whole[k] for k in ("stop_reason", "stop_sequence", "stop_details")}
    last = {k: v for k, v in (usage or {}).items() if k not in ("cache_creation", "service_tier")}
    yield _event("message_delta", delta=ending, **({"usage": last} if usage is not None else {}))
    yield _event("message_stop")


def error(fault: Fault, request_id: str) -> dict[str, Any]:
    """An error in the API's shape."""
    told_error: dict[str, Any] = {"type": _TYPES[fault.kind], "message": fault.message}
    if fault.kind == "spend_limit":
        told_error["details"] = {"error_code": "enforced_spend_limit_reached"}
    return {"type": "error", "error": told_error, "request_id": request_id}


def pieces(text: str) -> Iterator[str]:
    """A text as a stream brings it: a few words at a time, a long one in bigger pieces."""
    size = max(12, len(text) // _PIECES)
    for at in range(0, len(text), size):
        yield text[at : at + size]


def _event(name: str, /, **data: Any) -> tuple[str, dict[str, Any]]:
    return name, {"type": name, **data}


def _opening(block: Mapping[str, Any]) -> dict[str, Any]:
    match block["type"]:
        case "text":
            return {"type": "text", "text": ""}
        case "thinking":
            return {"type": "thinking", "thinking": "", "signature": ""}
        case _:
            return {**block, "input": {}}


def _deltas(block: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    match block["type"]:
        case "text":
            yield from ({"type": "text_delta", "text": p} for p in pieces(block["text"]))
        case "thinking":
            yield from ({"type": "thinking_delta", "thinking": p} for p in pieces(block["thinking"]))
            yield {"type": "signature_delta", "signature": block["signature"]}
        case _:
            yield {"type": "input_json_delta", "partial_json": ""}
            yield from ({"type": "input_json_delta", "partial_json": p} for p in pieces(dump(block["input"])))
