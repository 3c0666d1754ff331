"""One model call from request to outcome, for all three APIs: rules, window, cache, behaviour, usage."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from memsvc.testing.provider import binding
from memsvc.testing.provider.anthropic_checks import anthropic_fault, binding_policy
from memsvc.testing.provider.behaviours import BEFORE_RULES, BEHAVIOURS, Script
from memsvc.testing.provider.caches import SECONDS, Plan, PromptCache
from memsvc.testing.provider.models import Model, model_of
from memsvc.testing.provider.openai_checks import chat_fault, overflow, overflowing, responses_fault
from memsvc.testing.provider.outcome import Answer, Api, Ask, Fault
from memsvc.testing.provider.reading import read
from memsvc.testing.provider.tokens import Counter, Segment, dump

THINKING = "Let me see what is asked and what is known already."
"""What the model thinks, each time."""
_LEAST_THINKING = 32


@dataclass(frozen=True, slots=True)
class Context:
    """What a request brings beside its body.

    Attributes:
        key: the caller's API key: caches are kept apart by it.
        version, betas: Anthropic's headers.
        header: the behaviour that a header asks for, or None.
        batch: it is an item of a batch.
    """

    key: str
    version: str = ""
    betas: frozenset[str] = frozenset()
    header: str | None = None
    batch: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """An answer with all that a reply needs.

    Attributes:
        thinking: the signed block that goes first, or None; for OpenAI only that there is one counts.
        thinking_tokens, text_tokens: of the output.
        plan: what the prompt cache did.
        transformations: Anthropic's list of thinking that was dropped or let through.
        id: hash that ids are made of.
    """

    ask: Ask
    answer: Answer
    plan: Plan
    id: str
    thinking: Mapping[str, str] | None = None
    thinking_tokens: int = 0
    text_tokens: int = 0
    transformations: tuple[dict[str, str], ...] = ()
    batch: bool = False

    @property
    def output_tokens(self) -> int:
        """All of them, thinking included."""
        return self.thinking_tokens + self.text_tokens


@dataclass(frozen=True, slots=True)
class Ready:
    """A request that keeps the rules, before the model answers."""

    ask: Ask
    plan: Plan
    body: Mapping[str, Any]
    transformations: tuple[dict[str, str], ...] = ()


@dataclass(slots=True)
class Engine:
    """The state that requests share.

    Attributes:
        windows, tokens_per_raw: by model name, over what is known.
        clock: seconds; lifetimes of caches and batches go by it.
        new_account: bound thinking is enforced on every bound model.
        delay_s: how long `slow` waits; None = until the gate opens.
        salt: goes into the ids of replies, which are otherwise the same at every start.
    """

    windows: Mapping[str, int]
    tokens_per_raw: Mapping[str, float]
    clock: Callable[[], float]
    counter: Counter
    new_account: bool = True
    delay_s: float | None = None
    salt: str = ""
    script: Script = field(default_factory=Script)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    cache: PromptCache = field(init=False)
    thoughtful: set[str] = field(default_factory=set)  # ids of calls that came with thinking
    number: int = 0

    def __post_init__(self) -> None:
        self.cache = PromptCache(self.clock)

    def model(self, name: str) -> Model:
        """What is known of a model."""
        return model_of(name, self.windows, self.tokens_per_raw)

    async def run(self, api: Api, body: Any, context: Context, chose: Callable[[str], None]) -> Written | Fault:
        """Answer a request. `chose` is told the behaviour's name. Raises UnknownBehaviour for a header's."""
        name, nth = self.script.next(context.header)
        if name is not None:
            chose(name)
            if name in BEFORE_RULES:
                return self._fault(api, name, body)
        ready = self.check(api, body, context)
        if isinstance(ready, Fault):
            return ready
        given: Answer | Fault | None = None
        if name is None:
            name, nth, given = await self.script.choose(ready.ask)
            chose(name)
        ask = dataclasses.replace(ready.ask, nth=nth)
        outcome = given or BEHAVIOURS[name](ask, lambda text: self.counter.text(text, ask.model))
        if isinstance(outcome, Fault):
            return _filled(outcome, ask)
        if outcome.waits:
            await self._wait()
        self.cache.commit(ready.plan)
        return self._written(dataclasses.replace(ready, ask=ask), outcome, context)

    def _fault(self, api: Api, name: str, body: Any) -> Fault:
        model = self.model(str(body.get("model")) if isinstance(body, dict) else "")
        ask = Ask(api, model, {}, 0, None, "", (), ())
        outcome = BEHAVIOURS[name](ask, len)
        assert isinstance(outcome, Fault), "BEFORE_RULES has faults only"
        return _filled(outcome, ask)

    async def _wait(self) -> None:
        if self.delay_s is None:
            await self.gate.wait()
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.gate.wait(), self.delay_s)

    def check(self, api: Api, body: Any, context: Context) -> Ready | Fault:
        """Hold a request to the vendor's rules, its thinking to its signatures and its size to the window."""
        if not isinstance(body, dict):
            return Fault("invalid", "The request body is not a JSON object.")
        name = body.get("model")
        if not isinstance(name, str) or not name:
            return Fault(
                "invalid", "model: Field required" if api == "messages" else "you must provide a model parameter"
            )
        model = self.model(name)
        if (fault := self._rules(api, body, model, context)) is not None:
            return fault
        transformations: tuple[dict[str, str], ...] = ()
        seen: Mapping[str, Any] = body
        if api == "messages":
            checked = self._thinking(body, model, context)
            if isinstance(checked, Fault):
                return checked
            seen, transformations = checked.body, checked.transformations
        segments = self.segments(api, seen, model)
        tokens = sum(s.tokens for s in segments)
        ask = read(api, body, model, tokens)
        if api == "messages" and tokens > model.window:
            return Fault("overflow", f"prompt is too long: {tokens} tokens > {model.window} maximum")
        if api != "messages" and (fault := overflow(api, tokens, model, ask.max_tokens or 0)) is not None:
            return fault
        return Ready(ask, self._plan(api, body, model, segments, context.key), seen, transformations)

    def _rules(self, api: Api, body: Mapping[str, Any], model: Model, context: Context) -> Fault | None:
        if (api == "messages") != (model.vendor == "anthropic") and model.name not in self.windows:
            if api == "messages":
                return Fault("no_model", f"model: {model.name}")
            if model.vendor == "anthropic":
                return _filled(Fault("no_model", ""), Ask(api, model, body, 0, None, "", (), ()))
        if api == "messages":
            return anthropic_fault(body, model, context.version, context.betas, context.batch)
        return chat_fault(body, model) if api == "chat" else responses_fault(body, model)

    def _thinking(self, body: Mapping[str, Any], model: Model, context: Context) -> binding.Checked | Fault:
        policy = binding_policy(body, model, context.betas, self.new_account, context.batch)
        checked = binding.check(body, model, policy)
        problem = checked.problem or (None if model.bound else self._loop_without_thinking(body, model))
        return Fault("invalid", problem) if problem else checked

    def _loop_without_thinking(self, body: Mapping[str, Any], model: Model) -> str | None:
        """An open tool loop of a model that thinks must have kept the thinking that came with its calls."""
        messages = body["messages"]
        if len(messages) < 2 or not _thinks(body, model) or not isinstance(messages[-1]["content"], list):
            return None
        answers = any(b.get("type") == "tool_result" for b in messages[-1]["content"])
        content = messages[-2]["content"]
        if not answers or messages[-2]["role"] != "assistant" or not isinstance(content, list):
            return None
        kinds = [b.get("type") for b in content]
        came_with = any(b.get("id") in self.thoughtful for b in content)
        if "thinking" in kinds or "redacted_thinking" in kinds or not came_with:
            return None
        return (
            f"messages.{len(messages) - 2}.content.0.type: Expected `thinking` or `redacted_thinking`, but found"
            f" `{kinds[0]}`. When `thinking` is enabled, a final `assistant` message must start with a thinking block"
            " (preceeding the lastmost set of `tool_use` and `tool_result` blocks)."
        )

    def segments(self, api: Api, body: Mapping[str, Any], model: Model) -> list[Segment]:
        """The parts of a request with their tokens."""
        if api == "messages":
            return self.counter.anthropic(_with_automatic_mark(body), model)
        return self.counter.chat(body, model) if api == "chat" else self.counter.responses(body, model)

    def _plan(self, api: Api, body: Mapping[str, Any], model: Model, segments: list[Segment], key: str) -> Plan:
        if api == "messages":
            salt = dump([body.get("tool_choice"), body.get("thinking"), body.get("output_config")])
            return self.cache.plan_anthropic(segments, model, key, salt)
        if model.vendor == "local":
            return Plan(sum(s.tokens for s in segments))
        options = body.get("prompt_cache_options") or {}
        scope = f"{key} {body.get('prompt_cache_key', '')}"
        default = "30m" if model.caches_at_breakpoints else "auto"
        ttl = options.get("ttl") or ("24h" if body.get("prompt_cache_retention") == "24h" else default)
        mode = str(options.get("mode") or "implicit")
        return self.cache.plan_openai(segments, model, scope, mode, ttl if ttl in SECONDS else default)

    def _written(self, ready: Ready, answer: Answer, context: Context) -> Written:
        """Sign the thinking, count the output, keep it within `max_tokens` where the behaviour does."""
        ask, self.number = ready.ask, self.number + 1
        made = Written(ask, answer, ready.plan, f"{self.number:06d}{binding.digest(self.salt + dump(ask.body))}")
        made = dataclasses.replace(made, transformations=ready.transformations, batch=context.batch)
        if ask.max_tokens == 0:
            return dataclasses.replace(made, answer=Answer(stop="length"))
        thinks = _thinks(ask.body, ask.model) and bool(answer.text or answer.calls) and answer.stop != "refusal"
        thinks = thinks if answer.thinking is None else answer.thinking
        thought = self.counter.text(THINKING, ask.model) + _LEAST_THINKING if thinks else 0
        answer, thought, text = self._sized(answer, thought, ask)
        block: dict[str, str] | None = None
        if thinks and ask.api == "messages":
            block = binding.mint(ready.body, ask.model, THINKING if _shows(ask.body, ask.model) else "")
            self.thoughtful.update(f"toolu_{c.id}" for c in answer.calls)
        elif thinks:
            block = {"type": "thinking", "thinking": THINKING, "signature": ""}
        return dataclasses.replace(made, answer=answer, thinking=block, thinking_tokens=thought, text_tokens=text)

    def _sized(self, answer: Answer, thought: int, ask: Ask) -> tuple[Answer, int, int]:
        """The answer as far as `max_tokens` lets it come, its tokens of thinking and of text."""
        called = sum(self.counter.text(f"{c.name} {dump(c.arguments)}", ask.model) + 10 for c in answer.calls)
        text = self.counter.text(answer.text, ask.model) + called
        most = ask.max_tokens
        if most is None or answer.heedless or answer.calls or answer.stop == "refusal":
            return answer, thought, max(text, 1)
        if answer.stop == "length":
            thought = min(thought, most) if answer.text else most
            return answer, thought, most - thought
        if thought + text <= most:
            return answer, thought, max(text, 1)
        room = max(0, most - thought)
        kept = answer.text[: len(answer.text) * room // max(text, 1)]
        return dataclasses.replace(answer, text=kept, stop="length"), most - room, room


def _filled(fault: Fault, ask: Ask) -> Fault:
    """A behaviour's fault in the words of the API that was called."""
    if fault.kind == "overflow" and not fault.message:
        tokens = ask.model.window + 1
        if ask.api != "messages":
            return overflowing(ask.api, tokens, ask.model)
        return dataclasses.replace(fault, message=f"prompt is too long: {tokens} tokens > {ask.model.window} maximum")
    if fault.kind == "no_model" and ask.api != "messages":
        what = f"The model `{ask.model.name}` does not exist or you do not have access to it."
        return Fault("no_model", what, "model", "model_not_found")
    return fault


def _thinks(body: Mapping[str, Any], model: Model) -> bool:
    """Thinking is in force: asked for, or the model's default and not refused. Never by default at OpenAI."""
    thinking = body.get("thinking")
    if model.vendor != "anthropic":
        return False
    if not isinstance(thinking, Mapping):
        return model.thinks
    return thinking.get("type") != "disabled"


def _shows(body: Mapping[str, Any], model: Model) -> bool:
    thinking = body.get("thinking")
    display = thinking.get("display") if isinstance(thinking, Mapping) else None
    return display == "summarized" if display else not model.hides_thinking


def _with_automatic_mark(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The request with its top-level `cache_control` moved to the block that it marks."""
    mark = body.get("cache_control")
    content = body["messages"][-1].get("content")
    if not isinstance(mark, Mapping) or not content:
        return body
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
    parts[-1] = {**parts[-1], "cache_control": mark}
    return {**body, "messages": [*body["messages"][:-1], {**body["messages"][-1], "content": parts}]}
