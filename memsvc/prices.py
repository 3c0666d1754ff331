"""What tokens cost: the price list that ships with genai-prices. No network."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import ROUND_CEILING
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

from memsvc.core.economy import Rates
from memsvc.core.money import Usage
from memsvc.core.policy import bare
from memsvc.ports import Prices

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, Provider

MICROS = 1_000_000
"""Millionths in a dollar."""
ASKED_TOKENS = 10_000
"""A call of this size tells the price of a token to a ten-thousandth of a micro, and is below any tier."""
MOST_USD = 1_000_000
LOCAL = "local"
"""Provider of models that run on servers of one's own."""
NAMES_KEPT = 1_024
"""Names looked up and remembered, unknown ones too: callers choose them, so there is a bound."""


class GenaiPrices:
    """Implements `ports.Prices`. The list takes half a second and some 30 MB to load: at the first
    question, or in `load`."""

    def __init__(self) -> None:
        self._find = lru_cache(NAMES_KEPT)(_find)

    def load(self) -> None:
        """Load the list now, so that no caller waits for it. Blocks; may run in a thread."""
        self.micros("anthropic", "claude-haiku-4-5", Usage(1, 1), at=0.0)

    def micros(self, provider: str, model: str, usage: Usage, *, at: float) -> int | None:
        """Millionths of a dollar for a call at `at` (unix seconds), rounded up; None = the price is
        unknown. Input of which nothing is said is priced as not cached."""
        from genai_prices import Usage as Tokens

        found = self._find(provider, model)
        if found is None:
            return None
        try:
            tokens = Tokens(
                input_tokens=usage.input,
                output_tokens=usage.output,
                cache_read_tokens=usage.cache_read,
                cache_write_tokens=usage.cache_write,
                cache_write_1h_tokens=usage.cache_write_long,
            )
            priced = found[1].calc_price(tokens, found[0], genai_request_timestamp=datetime.fromtimestamp(at, UTC))
        except (LookupError, ValueError, ArithmeticError, OSError):  # counts or a time that make no sense
            return None
        listed = priced.model_price
        if listed.input_mtok is None and listed.output_mtok is None:
            return None  # known by name, without a price of its own
        return int((priced.total_price * MICROS).to_integral_value(ROUND_CEILING))

    def rates(self, provider: str, model: str, *, at: float, long: bool = False) -> Rates | None:
        """Dollars per million tokens; `long`: written to the cache with the longer lifetime. None = unknown."""
        return _rates(lambda usage: self.micros(provider, model, usage, at=at), long=long)


def _rates(micros: Callable[[Usage], int | None], *, long: bool) -> Rates | None:
    """What single tokens cost, from what calls do."""
    n = ASKED_TOKENS
    calls = (
        Usage(n, 0),
        Usage(n, 0, cache_write=n, cache_write_long=n if long else None),
        Usage(n, 0, cache_read=n),
        Usage(0, n),
    )
    told = [micros(usage) for usage in calls]
    known = [one / n for one in told if one is not None]
    return Rates(*known) if len(known) == len(told) else None


def _find(provider: str, model: str) -> tuple[Provider, ModelInfo] | None:
    """The list's entry for a model of a provider, None if it has none. Asks the list itself: its
    own look-up keeps every name that it did not find."""
    from genai_prices.data_snapshot import find_provider_by_id, get_snapshot

    known = get_snapshot().providers
    seller = find_provider_by_id(known, provider)
    if seller is None:
        return None
    for name in dict.fromkeys((model, bare(model))):
        found = seller.find_model(name, all_providers=known) if name else None
        if found is not None:
            return seller, found
    return None


def deprecated(provider: str, model: str) -> bool:
    """Whether the list says that a vendor gives a model up; False also for one that it does not know."""
    found = _find(provider, model)
    return found is not None and bool(found[1].deprecated)


class ListedPrices:
    """Implements `ports.Prices` with what a file says, and another list for all else.

    Args:
        file: entries as `read_prices` gives them; the first that fits a provider and model counts.
    """

    def __init__(self, file: Sequence[Entry], other: Prices) -> None:
        self._entries = tuple(file)
        self._other = other
        self._find = lru_cache(NAMES_KEPT)(self._entry)

    def micros(self, provider: str, model: str, usage: Usage, *, at: float) -> int | None:
        """Millionths of a dollar for a call, rounded up."""
        entry = self._find(provider, model)
        if entry is None:
            return self._other.micros(provider, model, usage, at=at)
        read, write = usage.cache_read or 0, usage.cache_write or 0
        long = min(usage.cache_write_long or 0, write)
        fresh = max(0, usage.input - read - write)
        return math.ceil(
            fresh * entry.input
            + read * entry.cache_read
            + (write - long) * entry.cache_write
            + long * entry.cache_write_long
            + usage.output * entry.output
        )

    def rates(self, provider: str, model: str, *, at: float, long: bool = False) -> Rates | None:
        """Dollars per million tokens; None = unknown to both."""
        entry = self._find(provider, model)
        if entry is None:
            return self._other.rates(provider, model, at=at, long=long)
        write = entry.cache_write_long if long else entry.cache_write
        return Rates(entry.input, write, entry.cache_read, entry.output)

    def _entry(self, provider: str, model: str) -> Entry | None:
        names = dict.fromkeys((model, bare(model)))
        fits = (e for name in names for e in self._entries if e.provider == provider and fnmatchcase(name, e.model))
        return next(fits, None)


class Entry(Struct, frozen=True):
    """Prices of models, in dollars per million tokens.

    Attributes:
        model: a name, or a pattern with `*` and `?`.
    """

    provider: str
    model: str
    input: float
    output: float
    cache_read: float
    cache_write: float
    cache_write_long: float


def read_prices(text: str) -> list[Entry]:
    """The entries of a price file, TOML with a table `[[price]]` for each. ValueError says what is wrong, and where."""
    found = tomllib.loads(text)
    entries = found.get("price")
    if set(found) != {"price"} or not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise ValueError("it must hold [[price]] tables and nothing else")
    return [_read(number, entry) for number, entry in enumerate(entries, start=1)]


def _read(number: int, given: dict[str, object]) -> Entry:
    where = f"[[price]] number {number}"
    names = set(Entry.__struct_fields__)
    if unknown := sorted(set(given) - names):
        raise ValueError(f"{where} has {unknown[0]!r}; known are {', '.join(sorted(names))}")
    texts = {}
    for name in ("provider", "model"):
        value = given.get(name)
        if not isinstance(value, str) or not value:
            raise ValueError(f"{where} needs {name}, a text")
        texts[name] = value
    for name in ("input", "output"):
        if name not in given:
            raise ValueError(f"{where} needs {name}, dollars per million tokens")
    dear = given.get("cache_write", given["input"])
    told = {"cache_read": given["input"], "cache_write": dear, "cache_write_long": dear, **given}
    amounts = {}
    for name in ("input", "output", "cache_read", "cache_write", "cache_write_long"):
        value = told[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_USD:
            raise ValueError(f"{where}: {name} must be a number from 0 to {MOST_USD}")
        amounts[name] = float(value)
    return Entry(texts["provider"], texts["model"], **amounts)


class WithOwnServers:
    """Implements `ports.Prices`: nothing for what runs on servers of one's own, a list's price for all else."""

    def __init__(self, listed: Prices) -> None:
        self._listed = listed

    def micros(self, provider: str, model: str, usage: Usage, *, at: float) -> int | None:
        """As the list has it; a price in it for `local` models counts."""
        found = self._listed.micros(provider, model, usage, at=at)
        return 0 if found is None and provider == LOCAL else found

    def rates(self, provider: str, model: str, *, at: float, long: bool = False) -> Rates | None:
        """As the list has it: where nothing costs, nothing pays."""
        return self._listed.rates(provider, model, at=at, long=long)


class FixedPrices:
    """Implements `ports.Prices` with one price for whatever is asked: what the settings say of a model that
    the list does not know, or nothing for a server of one's own."""

    def __init__(self, input_usd: float, output_usd: float) -> None:
        """Dollars per million tokens."""
        self._input, self._output = input_usd, output_usd

    def micros(self, provider: str, model: str, usage: Usage, *, at: float) -> int | None:
        """Millionths of a dollar, rounded up: dollars per million tokens are micros per token."""
        return math.ceil(usage.input * self._input + usage.output * self._output)

    def rates(self, provider: str, model: str, *, at: float, long: bool = False) -> Rates:
        """The same for every token of input, cached or not."""
        return Rates(self._input, self._input, self._input, self._output)
