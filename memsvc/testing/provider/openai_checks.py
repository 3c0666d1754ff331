"""What Chat Completions and the Responses API refuse, in words close to their own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from memsvc.testing.provider.models import Model
from memsvc.testing.provider.outcome import Fault
from memsvc.testing.provider.tokens import items
from memsvc.testing.rules import violations

_SAMPLING = {"temperature": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0}
_CHAT = frozenset(
    {"messages", "model", "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs", "n"}
    | {"max_completion_tokens", "max_tokens", "metadata", "modalities", "moderation", "parallel_tool_calls", "stop"}
    | {"prediction", "presence_penalty", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "seed"}
    | {"reasoning_effort", "response_format", "safety_identifier", "service_tier", "store", "stream", "tools", "top_p"}
    | {"stream_options", "temperature", "tool_choice", "top_logprobs", "user", "verbosity", "web_search_options"}
)
_RESPONSES = frozenset(
    {"access_programs", "background", "background_options", "context_management", "conversation", "image", "include"}
    | {"input", "instructions", "max_output_tokens", "max_tool_calls", "metadata", "model", "moderation", "prompt"}
    | {"parallel_tool_calls", "previous_response_id", "prompt_cache_key", "prompt_cache_options", "reasoning", "store"}
    | {"prompt_cache_retention", "safety_identifier", "service_tier", "stream", "stream_options", "temperature", "text"}
    | {"tool_choice", "tools", "top_logprobs", "top_p", "truncation", "user"}
)
LEAST_OUTPUT = 16
"""The smallest `max_output_tokens` of the Responses API."""


def chat_fault(body: Mapping[str, Any], model: Model) -> Fault | None:
    """The first rule that a Chat Completions request breaks, or None. The window is checked elsewhere."""
    first = next(_chat(body, model), None)
    if first is not None:
        return first
    sent = {k: body[k] for k in ("messages", "tools") if k in body}
    broken = violations(sent, "openai", model.name)
    return _in_their_words(broken[0]) if broken else next(_breakpoints(body["messages"], model, "messages"), None)


def responses_fault(body: Mapping[str, Any], model: Model) -> Fault | None:
    """The first rule that a Responses request breaks, or None."""
    first = next(_responses(body, model), None)
    if first is not None:
        return first
    sent = {k: body[k] for k in ("instructions", "tools") if body.get(k) is not None}
    broken = item_violations({**sent, "input": items(body)}, model.name)
    return _in_their_words(broken[0]) if broken else next(_breakpoints(items(body), model, "input"), None)


def item_violations(body: Mapping[str, Any], model: str) -> list[str]:
    """Rules of Responses items that a body breaks; none where `violations` does not know the format."""
    try:
        return violations(body, cast(Any, "responses"), model)
    except ValueError:
        return []


def overflow(api: str, tokens: int, model: Model, most: int) -> Fault | None:
    """The refusal of a prompt that is too long. A local server counts the reply too, if it is limited."""
    room = model.window - (most if model.vendor == "local" else 0)
    return overflowing(api, tokens, model) if tokens > room else None


def overflowing(api: str, tokens: int, model: Model) -> Fault:
    """The refusal itself."""
    if api == "responses":
        what = "Your input exceeds the context window of this model. Please adjust your input and try again."
        return Fault("overflow", what, "input", "context_length_exceeded")
    what = (
        f"This model's maximum context length is {model.window} tokens. However, your messages resulted in {tokens}"
        " tokens. Please reduce the length of the messages."
    )
    return Fault("overflow", what, "messages", "context_length_exceeded")


def _chat(body: Mapping[str, Any], model: Model) -> Iterator[Fault]:
    if "messages" not in body:
        yield _missing("messages")
    if model.vendor != "local":
        for name in body.keys() - _CHAT:
            yield Fault("invalid", f"Unrecognized request argument supplied: {name}")
    if model.reasons and body.get("max_tokens") is not None:
        yield Fault(
            "invalid",
            "Unsupported parameter: 'max_tokens' is not supported with this model."
            " Use 'max_completion_tokens' instead.",
            "max_tokens",
            "unsupported_parameter",
        )
    for name in ("max_tokens", "max_completion_tokens"):
        yield from _at_least(body, name, 1)
    yield from _sampling(body, model)
    yield from _options(body, model)


def _responses(body: Mapping[str, Any], model: Model) -> Iterator[Fault]:
    if body.get("input") is None:
        yield _missing("input")
    if model.vendor != "local":
        for name in body.keys() - _RESPONSES:
            yield Fault("invalid", f"Unknown parameter: '{name}'.", name, "unknown_parameter")
    yield from _at_least(body, "max_output_tokens", LEAST_OUTPUT)
    if (earlier := body.get("previous_response_id")) is not None:
        what = f"Previous response with id '{earlier}' not found."
        yield Fault("invalid", what, "previous_response_id", "previous_response_not_found")
    given = body["input"]
    if not isinstance(given, str) and not (isinstance(given, list) and all(isinstance(i, Mapping) for i in given)):
        yield Fault("invalid", "Invalid type for 'input': expected a string or a list of items.", "input")
    yield from _sampling(body, model)
    yield from _options(body, model)


def _missing(name: str) -> Fault:
    return Fault("invalid", f"Missing required parameter: '{name}'.", name, "missing_required_parameter")


def _at_least(body: Mapping[str, Any], name: str, least: int) -> Iterator[Fault]:
    value = body.get(name)
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool):
        yield Fault("invalid", f"Invalid type for '{name}': expected an integer.", name, "invalid_type")
    elif value < least:
        what = f"Invalid '{name}': integer below minimum value. Expected a value >= {least}, but got {value} instead."
        yield Fault("invalid", what, name, "integer_below_min_value")


def _sampling(body: Mapping[str, Any], model: Model) -> Iterator[Fault]:
    if not model.reasons:
        return
    for name, default in _SAMPLING.items():
        if body.get(name) not in (None, default):
            what = (
                f"Unsupported value: '{name}' does not support {body[name]} with this model."
                f" Only the default ({default}) value is supported."
            )
            yield Fault("invalid", what, name, "unsupported_value")


def _options(body: Mapping[str, Any], model: Model) -> Iterator[Fault]:
    if body.get("prompt_cache_options") is not None and model.vendor == "openai" and not model.caches_at_breakpoints:
        what = "Unsupported parameter: 'prompt_cache_options' is not supported with this model."
        yield Fault("invalid", what, "prompt_cache_options", "unsupported_parameter")


def _breakpoints(messages: list[Any], model: Model, field: str) -> Iterator[Fault]:
    if model.vendor != "openai" or model.caches_at_breakpoints:
        return
    for i, message in enumerate(messages):
        content = message.get("content")
        for j, part in enumerate(content if isinstance(content, list) else []):
            if isinstance(part, Mapping) and "prompt_cache_breakpoint" in part:
                name = f"{field}[{i}].content[{j}].prompt_cache_breakpoint"
                yield Fault("invalid", f"Unknown parameter: '{name}'.", name, "unknown_parameter")


def _in_their_words(violation: str) -> Fault:
    """A line of `memsvc.testing.violations` as the API would put it."""
    place, _, wrong = violation.partition(": ")
    if found := re.fullmatch(r"call (\S+) is not answered right after it", wrong):
        what = (
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each"
            f" 'tool_call_id'. The following tool_call_ids did not have response messages: {found[1]}"
        )
        return Fault("invalid", what, f"{place}.role")
    if re.match(r"no open call \S+ right before it", wrong):
        what = (
            "Invalid parameter: messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
        )
        return Fault("invalid", what, f"{place.removesuffix('.tool_call_id')}.role")
    if re.search(r"not a key|belongs to another API|extra key", wrong):
        return Fault("invalid", f"Unknown parameter: '{place}'.", place, "unknown_parameter")
    return Fault("invalid", f"Invalid value for '{place}': {wrong}.", place, "invalid_value")
