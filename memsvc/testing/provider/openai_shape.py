"""Replies of Chat Completions: completion, chunks, errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from memsvc.testing.provider.anthropic_shape import pieces
from memsvc.testing.provider.engine import Written
from memsvc.testing.provider.outcome import Fault, Kind, ToolCall
from memsvc.testing.provider.tokens import dump
from memsvc.testing.provider.usages import told

_STOPS = {"end": "stop", "length": "length", "tool": "tool_calls", "refusal": "stop", "window": "length"}
_ERRORS: Mapping[Kind, tuple[str, str | None]] = {  # type and code
    "invalid": ("invalid_request_error", None),
    "overflow": ("invalid_request_error", "context_length_exceeded"),
    "auth": ("invalid_request_error", "invalid_api_key"),
    "no_model": ("invalid_request_error", "model_not_found"),
    "not_found": ("invalid_request_error", None),
    "too_large": ("invalid_request_error", None),
    "rate_limit": ("requests", "rate_limit_exceeded"),
    "spend_limit": ("insufficient_quota", "insufficient_quota"),
    "overloaded": ("server_error", None),
    "server": ("server_error", None),
    "gateway": ("server_error", None),
    "expired": ("server_error", None),
}
_TOLD: Mapping[Kind, str] = {
    "auth": "Incorrect API key provided. You can find your API key in your account settings.",
    "spend_limit": "You exceeded your current quota, please check your plan and billing details.",
    "rate_limit": "Rate limit reached for requests. Please try again later.",
    "overloaded": "The server is currently overloaded with other requests. Please try again later.",
    "server": "The server had an error while processing your request. Sorry about that!",
}


def completion(written: Written, created: int) -> dict[str, Any]:
    """The reply as one chat completion. A local server shows what its model thinks as `reasoning_content`."""
    answer = written.answer
    said: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": None, "annotations": []}
    if answer.refusal is not None or (answer.calls and not answer.text):
        said["content"] = None
    said["refusal"] = answer.refusal
    if answer.calls:
        said["tool_calls"] = [_call(c) for c in answer.calls]
    if written.thinking is not None and written.ask.model.vendor == "local":
        said["reasoning_content"] = written.thinking["thinking"]
    choice = {"index": 0, "message": said, "logprobs": None, "finish_reason": _STOPS[answer.stop]}
    made = {**_head(written, created, "chat.completion"), "choices": [choice]}
    if (usage := told(written)) is not None:
        made["usage"] = usage
    return made


def chunks(written: Written, created: int) -> Iterator[dict[str, Any]]:
    """The reply as stream chunks; usage only if it was asked for."""
    answer, head = written.answer, _head(written, created, "chat.completion.chunk")
    options = written.ask.body.get("stream_options") or {}
    asked = options.get("include_usage") is True
    rest = {"usage": None} if asked else {}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**head, "choices": [choice], **rest}

    yield chunk({"role": "assistant", "content": None if answer.calls else "", "refusal": None})
    if written.thinking is not None and written.ask.model.vendor == "local":
        yield from (chunk({"reasoning_content": p}) for p in pieces(written.thinking["thinking"]))
    yield from (chunk({"refusal": p}) for p in pieces(answer.refusal or ""))
    yield from (chunk({"content": p}) for p in pieces(answer.text))
    for i, call in enumerate(answer.calls):
        opening = _call(call)
        opening["function"]["arguments"] = ""
        yield chunk({"tool_calls": [{"index": i, **opening}]})
        for piece in pieces(dump(call.arguments)):
            yield chunk({"tool_calls": [{"index": i, "function": {"arguments": piece}}]})
    yield chunk({}, _STOPS[answer.stop])
    if asked and (usage := told(written)) is not None:
        yield {**head, "choices": [], "usage": usage}


def error(fault: Fault) -> dict[str, Any]:
    """An error in OpenAI's shape, the same for every endpoint."""
    kind, reason = _ERRORS[fault.kind]
    told_error = {
        "message": _TOLD.get(fault.kind, fault.message),
        "type": kind,
        "param": fault.param,
        "code": fault.reason or reason,
    }
    return {"error": told_error}


def _head(written: Written, created: int, kind: str) -> dict[str, Any]:
    name = written.ask.model.name
    return {
        "id": f"chatcmpl-{written.id}",
        "object": kind,
        "created": created,
        "model": name,
        "service_tier": "default",
    }


def _call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": dump(call.arguments)}
    return {"id": f"call_{call.id}", "type": "function", "function": function}
