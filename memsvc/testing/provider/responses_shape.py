"""Replies of the Responses API: response and stream events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from memsvc.testing.provider.anthropic_shape import pieces
from memsvc.testing.provider.engine import Written
from memsvc.testing.provider.tokens import dump
from memsvc.testing.provider.usages import told

Event = tuple[str, dict[str, Any]]


def response(written: Written, created: int) -> dict[str, Any]:
    """The reply as one response."""
    short = written.answer.stop == "length"
    made = {
        **_head(written, created),
        "status": "incomplete" if short else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if short else None,
        "output": _output(written),
    }
    if (usage := told(written)) is not None:
        made["usage"] = usage
    return made


def events(written: Written, created: int) -> Iterator[Event]:
    """The reply as stream events, numbered."""
    for number, (name, data) in enumerate(_events(written, created)):
        yield name, {**data, "sequence_number": number}


def _events(written: Written, created: int) -> Iterator[Event]:
    whole = response(written, created)
    opening = {**_head(written, created), "status": "in_progress", "output": [], "usage": None}
    yield _event("response.created", response=opening)
    yield _event("response.in_progress", response=opening)
    for index, item in enumerate(whole["output"]):
        bare = {**item, "status": "in_progress"} if "status" in item else item
        empty: dict[str, Any] = {"content": []} if item["type"] == "message" else {}
        empty |= {"arguments": ""} if item["type"] == "function_call" else {}
        yield _event("response.output_item.added", output_index=index, item={**bare, **empty})
        at = {"item_id": item["id"], "output_index": index}
        if item["type"] == "function_call":
            for piece in pieces(item["arguments"]):
                yield _event("response.function_call_arguments.delta", delta=piece, **at)
            done = {"arguments": item["arguments"], "name": item["name"]}
            yield _event("response.function_call_arguments.done", **done, **at)
        for j, part in enumerate(item.get("content") or []):
            yield from _part(part, {**at, "content_index": j})
        yield _event("response.output_item.done", output_index=index, item=item)
    yield _event(f"response.{whole['status']}", response=whole)


def _part(part: Mapping[str, Any], at: Mapping[str, Any]) -> Iterator[Event]:
    member = "refusal" if part["type"] == "refusal" else "text"
    name = "response.refusal" if member == "refusal" else "response.output_text"
    extra: dict[str, Any] = {} if member == "refusal" else {"logprobs": []}
    yield _event("response.content_part.added", part={**part, member: ""}, **at)
    for piece in pieces(part[member]):
        yield _event(f"{name}.delta", delta=piece, **extra, **at)
    yield _event(f"{name}.done", **{member: part[member]}, **extra, **at)
    yield _event("response.content_part.done", part=part, **at)


def _event(name: str, /, **data: Any) -> Event:
    return name, {"type": name, **data}


def _output(written: Written) -> list[dict[str, Any]]:
    answer, ident = written.answer, written.id
    made: list[dict[str, Any]] = []
    if written.thinking is not None:
        sealed = {"encrypted_content": f"sealed-{ident}"}
        asked = "reasoning.encrypted_content" in (written.ask.body.get("include") or [])
        made.append({"id": f"rs_{ident}", "type": "reasoning", "summary": [], **(sealed if asked else {})})
    status = "incomplete" if answer.stop == "length" else "completed"
    said: list[dict[str, Any]] = []
    if answer.refusal is not None:
        said = [{"type": "refusal", "refusal": answer.refusal}]
    elif answer.text:
        said = [{"type": "output_text", "text": answer.text, "annotations": [], "logprobs": []}]
    if said:
        item = {"id": f"msg_{ident}", "type": "message", "role": "assistant", "status": status, "content": said}
        made.append(item)
    for i, call in enumerate(answer.calls):
        names = {"id": f"fc_{ident}{i}", "type": "function_call", "call_id": f"call_{call.id}", "name": call.name}
        made.append({**names, "arguments": dump(call.arguments), "status": "completed"})
    return made


def _head(written: Written, created: int) -> dict[str, Any]:
    body = written.ask.body
    return {
        "id": f"resp_{written.id}",
        "object": "response",
        "created_at": created,
        "model": written.ask.model.name,
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "metadata": body.get("metadata") or {},
        "parallel_tool_calls": body.get("parallel_tool_calls", True),
        "previous_response_id": None,
        "prompt_cache_key": body.get("prompt_cache_key"),
        "reasoning": {"effort": (body.get("reasoning") or {}).get("effort"), "summary": None},
        "service_tier": "default",
        "store": body.get("store", True),
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": body.get("tools") or [],
        "top_p": 1.0,
        "truncation": body.get("truncation") or "disabled",
    }
