"""What the Messages API refuses, in words close to its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from memsvc.testing.provider.binding import CONTROLS, Policy
from memsvc.testing.provider.models import Model
from memsvc.testing.provider.outcome import Fault
from memsvc.testing.rules import violations

NEW_VERSION = "2026-10-21"
_FIELDS = frozenset(
    {"model", "max_tokens", "messages", "system", "tools", "tool_choice", "thinking", "cache_control", "container"}
    | {"diagnostics", "inference_geo", "metadata", "output_config", "service_tier", "speed", "stop_sequences", "stream"}
)
_BETA_FIELDS = frozenset(
    {"billing_policy", "compaction", "context_management", "fallback_credit_token", "fallbacks", "mcp_servers"}
    | {"output_format", "thread"}
)
_SAMPLING = ("temperature", "top_p", "top_k")
_EXTRA = "Extra inputs are not permitted"
_PAUSED = re.compile(r"(server_tool_use|mcp_tool_use|.+_tool_result)\Z")

_WORDS: tuple[tuple[str, str], ...] = (
    (r"(?P<at>.+): is blank", "{at}: text content blocks must contain non-whitespace text"),
    (r"(?P<at>.+): extra key", "{at}: " + _EXTRA),
    (
        r"messages\.(?P<i>\d+): call (?P<id>\S+) is not answered in the message after it",
        "messages.{i}: `tool_use` ids were found without `tool_result` blocks immediately after: {id}. Each `tool_use`"
        " block must have a corresponding `tool_result` block in the next message.",
    ),
    (
        r"(?P<at>.+)\.tool_use_id: no call (?P<id>\S+) in the message before",
        "{at}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must have a"
        " corresponding `tool_use` block in the previous message.",
    ),
    (
        r"(?P<at>.+)\.tool_use_id: (?P<id>\S+) is answered twice",
        "{at}: each `tool_use` must have a single result. Found multiple `tool_result` blocks with id: {id}",
    ),
    (r"(?P<at>.+)\.id: \S+ is there twice", "{at}: `tool_use` ids must be unique"),
    (
        r"(?P<at>.+): results must come first in their message",
        "{at}: `tool_result` blocks must come before any other content in the message that answers `tool_use` blocks",
    ),
    (
        r"cache_control: (?P<n>\d+) marks are more than (?P<most>\d+)",
        "A maximum of {most} blocks with cache_control may be provided. Found {n}.",
    ),
    (
        r"(?P<at>.+)\.cache_control: 1h after 5m",
        "{at}.cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block."
        " Note that blocks are processed in the following order: `tools`, `system`, `messages`.",
    ),
    (
        r"messages\.0\.role: the first message must be user.*",
        'messages: first message must use the "user" role',
    ),
    (r"(?P<at>.+)\.citations: only text of the assistant has citations", "{at}.citations: " + _EXTRA),
    (r"messages: must be a list of at least one message", "messages: at least one message is required"),
)


def anthropic_fault(
    body: Mapping[str, Any], model: Model, version: str, betas: frozenset[str], batch: bool = False
) -> Fault | None:
    """The first rule that a Messages request breaks, or None. Window and thinking are checked elsewhere."""
    first = next(_request(body, model, version, betas, batch), None)
    if first is None:
        sent = {k: body[k] for k in ("system", "tools", "messages", "cache_control") if k in body}
        broken = [v for v in violations(sent, "anthropic", model.name) if not _same_mark(v, body)]
        first = in_their_words(broken[0]) if broken else next(_after(body, model), None)
    return Fault("invalid", first) if first is not None else None


def counting_fault(body: Mapping[str, Any], model: Model, version: str, betas: frozenset[str]) -> Fault | None:
    """As `anthropic_fault`, for a request to count tokens: it has no `max_tokens`."""
    return anthropic_fault({"max_tokens": 1, **body}, model, version, betas)


def binding_policy(body: Mapping[str, Any], model: Model, betas: frozenset[str], new: bool, batch: bool) -> Policy:
    """What a mismatch of bound thinking leads to. `new`: the account was made after the rule came in."""
    thinking = body.get("thinking")
    binding = thinking.get("block_binding") if isinstance(thinking, Mapping) else None
    asked = binding.get("prefix_mismatch_behavior") if isinstance(binding, Mapping) else None
    if asked is not None:
        return Policy("drop" if asked == "drop_block" else "error", True)
    if batch:
        return Policy("drop", CONTROLS in betas)
    return Policy("error" if new or model.bound_everywhere else "allow", CONTROLS in betas)


def in_their_words(violation: str) -> str:
    """A line of `memsvc.testing.violations` as the API would put it."""
    text = re.sub(r"\[(\d+)\]", r".\1", violation)
    for pattern, words in _WORDS:
        if found := re.fullmatch(pattern, text):
            return words.format(**found.groupdict())
    return text


def _request(body: Mapping[str, Any], model: Model, version: str, betas: frozenset[str], batch: bool) -> Iterator[str]:
    for name in ("max_tokens", "messages"):
        if name not in body:
            yield f"{name}: Field required"
    allowed = _FIELDS | (_BETA_FIELDS if betas else frozenset())
    sampling = frozenset(_SAMPLING) if version < NEW_VERSION else frozenset()
    for name in body:
        if name not in allowed | sampling:
            yield f"{name}: {_EXTRA}"
    most = body["max_tokens"]
    if not isinstance(most, int) or isinstance(most, bool):
        yield "max_tokens: Input should be a valid integer"
    elif most < 0 or (most == 0 and (batch or body.get("stream"))):
        yield "max_tokens: Input should be greater than or equal to 1"
    elif most > model.max_output:
        what = f"which is the maximum allowed number of output tokens for {model.name}"
        yield f"max_tokens: {most} > {model.max_output}, {what}"
    if batch and body.get("stream"):
        yield "stream: streaming is not supported in a batch"
    yield from _thinking(body.get("thinking"), model, betas, most)
    yield from _choice(body, model)


def _thinking(thinking: Any, model: Model, betas: frozenset[str], most: int) -> Iterator[str]:
    if thinking is None:
        return
    kind = thinking.get("type") if isinstance(thinking, Mapping) else None
    if kind not in ("adaptive", "between_tools", "disabled", "enabled"):
        yield "thinking.type: Input should be 'adaptive', 'between_tools', 'disabled' or 'enabled'"
        return
    if kind == "enabled" and model.adaptive_only:
        yield (
            '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and'
            ' "output_config.effort" to control thinking behavior.'
        )
    if "budget_tokens" in thinking and kind != "enabled":
        yield f"thinking.{kind}.budget_tokens: {_EXTRA}"
    if kind == "enabled":
        budget = thinking.get("budget_tokens")
        if not isinstance(budget, int) or budget < 1_024:
            yield "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"
        elif budget >= most:
            yield "`max_tokens` must be greater than `thinking.budget_tokens`."
    if kind == "disabled" and model.must_think:
        yield '"thinking.type.disabled" is not supported for this model.'
    if "block_binding" in thinking and CONTROLS not in betas:
        yield f"thinking.{kind}.block_binding: {_EXTRA}"


def _choice(body: Mapping[str, Any], model: Model) -> Iterator[str]:
    choice = body.get("tool_choice")
    if choice is None:
        return
    kind = choice.get("type") if isinstance(choice, Mapping) else None
    if kind not in ("auto", "any", "tool", "none"):
        yield "tool_choice.type: Input should be 'auto', 'any', 'tool' or 'none'"
    if not body.get("tools"):
        yield "tool_choice: may only be specified while providing tools."
    if kind in ("any", "tool") and not model.takes_forced_tools:
        yield f"tool_choice: forced tool use is not supported for {model.name}"


def _after(body: Mapping[str, Any], model: Model) -> Iterator[str]:
    """Rules that presume messages of the right shape."""
    last = body["messages"][-1]
    if last["role"] == "assistant" and not model.takes_prefill and not _paused(last["content"]):
        yield ("This model does not support assistant message prefill. The conversation must end with a user message.")
    automatic, marked = body.get("cache_control"), _last_mark(body)
    if isinstance(automatic, Mapping) and isinstance(marked, Mapping) and _ttl(automatic) != _ttl(marked):
        yield "cache_control: the last cacheable block already has a cache_control with a different ttl"


def _paused(content: Any) -> bool:
    """The assistant's turn was paused inside a tool of the provider's and may go on."""
    last = content[-1] if isinstance(content, list) and content else None
    return isinstance(last, Mapping) and _PAUSED.match(str(last.get("type"))) is not None


def _last_mark(body: Mapping[str, Any]) -> Any:
    content = body["messages"][-1]["content"]
    return content[-1].get("cache_control") if isinstance(content, list) else None


def _ttl(mark: Mapping[str, Any]) -> str:
    return str(mark.get("ttl") or "5m")


def _same_mark(violation: str, body: Mapping[str, Any]) -> bool:
    """The automatic mark on a block that bears the same one adds none, so five are four."""
    if not re.match(r"cache_control: 5 marks", violation) or not isinstance(body.get("cache_control"), Mapping):
        return False
    marked = _last_mark(body)
    return isinstance(marked, Mapping) and _ttl(marked) == _ttl(body["cache_control"])
