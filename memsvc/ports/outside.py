"""What the service needs that is no store: who writes summaries, what tokens cost, how many there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Literal, Protocol

from memsvc.core.asking import Receipt, Reply, SummaryRequest
from memsvc.core.economy import Rates
from memsvc.core.model import Key
from memsvc.core.money import Usage


class Summarizer(Protocol):
    """Writes the body of a summary. Raises SummarizerError, nothing else on purpose."""

    name: str

    async def summarize(self, request: SummaryRequest) -> Reply:
        """A body of at most `request.budget_tokens`, or SummarizerError."""
        ...


class Deferring(Protocol):
    """A summarizer that can hand a request in and be asked for the answer later. Raises SummarizerError."""

    name: str

    async def submit(self, request: SummaryRequest) -> Receipt:
        """Hand it in."""
        ...

    async def reply(self, key: Key, receipt: Receipt) -> Reply | None:
        """The answer; None = later. SummarizerError = there will be none."""
        ...

    async def cancel(self, receipt: Receipt) -> None:
        """Give it up, if it is not done yet."""
        ...


class Prices(Protocol):
    """What tokens cost. Pure once loaded, thread-safe, no network."""

    def micros(self, provider: str, model: str, usage: Usage, *, at: float) -> int | None:
        """Millionths of a dollar for a call, rounded up; None = the price is unknown."""
        ...

    def rates(self, provider: str, model: str, *, at: float, long: bool = False) -> Rates | None:
        """Dollars per million tokens of a short call; `long`: written with the longer lifetime. None = unknown."""
        ...


Attribute = str | int | float | bool | tuple[str, ...]
NAME_CHARS = 100
"""A longer name of a model, or reason to stop, is none."""


class Span(Protocol):
    """One step of a trace, under way."""

    def note(self, attributes: Mapping[str, Attribute]) -> None:
        """What is known of it, by name; nothing of a conversation."""
        ...

    def fail(self, kind: str) -> None:
        """It failed; `kind` is a code, never a text."""
        ...


class Spans(Protocol):
    """Where the steps of requests and compactions are told, for traces."""

    def span(
        self,
        name: str,
        attributes: Mapping[str, Attribute] | None = None,
        *,
        kind: Literal["internal", "client", "server"] = "internal",
        carrier: Mapping[str, str] | None = None,
    ) -> AbstractContextManager[Span]:
        """A step, for as long as the block takes; what leaves the block as an exception fails it, by its code or type.
        `carrier`: headers that may name the step of another service in which this one is."""
        ...


def calling(provider: str, model: str, limit: int | None) -> dict[str, Attribute]:
    """A call of a model that is to be made, in the words of OpenTelemetry's conventions for generative AI. `limit`: the
    most tokens of its answer; None = the model's own."""
    told: dict[str, Attribute] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
    }
    if limit is not None:
        told["gen_ai.request.max_tokens"] = limit
    return told


def call_used(model: str | None, stop: str | None, usage: Usage | None) -> dict[str, Attribute]:
    """The same of one that was made; None = it is not known."""
    told: dict[str, Attribute] = {}
    if model is not None:
        told["gen_ai.response.model"] = model[:NAME_CHARS]
    if stop is not None:
        told["gen_ai.response.finish_reasons"] = (stop[:NAME_CHARS],)
    if usage is None:
        return told
    told |= {"gen_ai.usage.input_tokens": usage.input, "gen_ai.usage.output_tokens": usage.output}
    if usage.cache_read is not None:
        told["gen_ai.usage.cache_read.input_tokens"] = usage.cache_read
    if usage.cache_write is not None:  # renamed lately; what reads traces may know either name
        told["gen_ai.usage.cache_write.input_tokens"] = usage.cache_write
        told["gen_ai.usage.cache_creation.input_tokens"] = usage.cache_write
    return told


class _NoSpan:
    """A step that nobody hears of."""

    def __enter__(self) -> Span:
        return self

    def __exit__(self, *raised: object) -> None:
        return None

    def note(self, attributes: Mapping[str, Attribute]) -> None:
        """Nothing."""

    def fail(self, kind: str) -> None:
        """Nothing."""


class _NoSpans:
    def __init__(self) -> None:
        self._one = _NoSpan()

    def span(
        self,
        name: str,
        attributes: Mapping[str, Attribute] | None = None,
        *,
        kind: Literal["internal", "client", "server"] = "internal",
        carrier: Mapping[str, str] | None = None,
    ) -> AbstractContextManager[Span]:
        """The same for all."""
        return self._one


NO_SPANS: Spans = _NoSpans()
"""Traces are off."""


class Counter(Protocol):
    """Counts raw o200k tokens. Pure, thread-safe, special tokens are plain text."""

    def count(self, text: str) -> int:
        """Tokens of one text."""
        ...

    def count_many(self, texts: Sequence[str]) -> int:
        """Sum over several texts, in one trip."""
        ...

    def count_each(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each of several texts, in one trip."""
        ...

    def truncate(self, text: str, tokens: int) -> str:
        """The longest prefix of at most `tokens` tokens, cut on a character."""
        ...
