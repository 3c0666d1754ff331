"""Usage as each API reports it: what was used, and what the misbehaving ones say instead."""

from __future__ import annotations

from typing import Any

from memsvc.testing.provider.engine import Written

_HUGE = 10**15


def honest(written: Written) -> dict[str, Any]:
    """What the call used, in the shape of its API."""
    if written.ask.api == "messages":
        return _anthropic(written)
    return _chat(written) if written.ask.api == "chat" else _responses(written)


def told(written: Written) -> dict[str, Any] | None:
    """What the reply says; None = it says nothing."""
    usage = honest(written)
    if written.answer.usage == "honest":
        return usage
    if written.answer.usage == "missing":
        return None
    names = [n for n, value in usage.items() if isinstance(value, int)]
    match written.answer.variant % 4:
        case 0:
            return {**usage, **{n: -7 for n in names}}
        case 1:
            return {**usage, **{n: _HUGE for n in names}}
        case 2:
            return {**usage, **{n: "many" for n in names}}
        case _:
            return {}


def _anthropic(written: Written) -> dict[str, Any]:
    plan = written.plan
    five, hour = plan.written.get("5m", 0), plan.written.get("1h", 0)
    return {
        "input_tokens": plan.fresh,
        "cache_creation_input_tokens": five + hour,
        "cache_read_input_tokens": plan.read,
        "cache_creation": {"ephemeral_5m_input_tokens": five, "ephemeral_1h_input_tokens": hour},
        "output_tokens": written.output_tokens,
        "output_tokens_details": {"thinking_tokens": written.thinking_tokens},
        "service_tier": "batch" if written.batch else "standard",
    }


def _chat(written: Written) -> dict[str, Any]:
    """A local server reports no cache; a model of OpenAI before 5.6 no writes."""
    plan, model = written.plan, written.ask.model
    usage: dict[str, Any] = {
        "prompt_tokens": plan.total,
        "completion_tokens": written.output_tokens,
        "total_tokens": plan.total + written.output_tokens,
    }
    if model.vendor == "local":
        return usage
    details = {"cached_tokens": plan.read, "audio_tokens": 0}
    if model.caches_at_breakpoints:
        details["cache_write_tokens"] = sum(plan.written.values())
    thought = {"reasoning_tokens": written.thinking_tokens, "audio_tokens": 0}
    return {**usage, "prompt_tokens_details": details, "completion_tokens_details": thought}


def _responses(written: Written) -> dict[str, Any]:
    plan = written.plan
    wrote = {f"ttl_{ttl}_tokens": plan.written.get(ttl, 0) for ttl in ("30m", "12h")}
    return {
        "input_tokens": plan.total,
        "input_tokens_details": {
            "cached_tokens": plan.read,
            "cache_write_tokens": sum(plan.written.values()),
            "cache_write_tokens_details": wrote,
        },
        "output_tokens": written.output_tokens,
        "output_tokens_details": {"reasoning_tokens": written.thinking_tokens},
        "total_tokens": plan.total + written.output_tokens,
    }
