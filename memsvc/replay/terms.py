"""What a replay is to go by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from memsvc.core.caches import Cache, cache_of
from memsvc.core.economy import Rates
from memsvc.core.money import Usage
from memsvc.ports import Counter, Prices

PolicyName = Literal["economic", "threshold", "full", "window", "buffer"]
POLICIES: tuple[PolicyName, ...] = ("full", "window", "buffer", "threshold", "economic")
CHEAPEST = {"anthropic": "claude-haiku-5-5", "openai": "gpt-6-luna"}
"""Writes the summaries where no model is named for it."""


class UnknownModel(ValueError):
    """A model whose price or cache is not known; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Terms:
    """One way to play conversations.

    Attributes:
        provider: whose requests are made, billed by its rules.
        fixed: (share, least, most) of a summarizer of fixed size; None = the local one.
        tool_output_tokens: tools' outputs longer than that are shown cut, in memsvc's own policies; None = none is.
        latency_s: between the moment a compaction is due and its commit, on the replay's clock.
    """

    provider: Literal["anthropic", "openai"]
    model: str
    cache_ttl: Literal["5m", "1h"]
    threshold_tokens: int
    keep_tokens: int
    summary_tokens: int
    alpha: float
    guard: float
    fixed: tuple[float, int, int] | None = None
    summarizer_model: str | None = None
    latency_s: float = 0.0
    tool_output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Market:
    """What the terms cost: prices of today, whenever the conversations were held."""

    rates: Rates
    cache: Cache
    summarizer: Rates | None


@dataclass(frozen=True, slots=True)
class Tools:
    """What every replay needs."""

    counter: Counter
    prices: Prices
    now: Callable[[], float]

    def market(self, terms: Terms) -> Market:
        """What the terms cost. Raises UnknownModel."""
        cache = cache_of(terms.model, terms.cache_ttl)
        rates = self.prices.rates(terms.provider, terms.model, at=self.now(), long=terms.cache_ttl == "1h")
        if cache is None or rates is None:
            raise UnknownModel(f"the price or the cache of {terms.provider} model {terms.model!r} is not known")
        if terms.fixed is None and terms.summarizer_model is None:
            return Market(rates, cache, None)
        name = terms.summarizer_model or CHEAPEST[terms.provider]
        cheap = self.prices.rates(terms.provider, name, at=self.now())
        if cheap is None:
            raise UnknownModel(f"the price of {terms.provider} model {name!r} is not known")
        return Market(rates, cache, cheap)

    def summary_usd(self, terms: Terms, tokens: tuple[int, int]) -> float:
        """What a summary of (input, output) tokens costs, price tiers of long inputs included; 0 by the local one."""
        if terms.fixed is None and terms.summarizer_model is None:
            return 0.0
        name = terms.summarizer_model or CHEAPEST[terms.provider]
        return (self.prices.micros(terms.provider, name, Usage(*tokens), at=self.now()) or 0) / 1e6


class Today:
    """Prices as they are now, for whatever time they are asked."""

    def __init__(self, prices: Prices, at: float) -> None:
        self._prices, self._at = prices, at

    def micros(self, provider: str, model: str, usage: Usage, *, at: float) -> int | None:
        """As `ports.Prices`."""
        return self._prices.micros(provider, model, usage, at=self._at)

    def rates(self, provider: str, model: str, *, at: float, long: bool = False) -> Rates | None:
        """As `ports.Prices`."""
        return self._prices.rates(provider, model, at=self._at, long=long)
