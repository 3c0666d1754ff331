"""Whether a session's compaction pays now: its prices, its cache and its log, put before the meter."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

from msgspec import Struct

from memsvc.core import policy as rules
from memsvc.core.caches import cache_of
from memsvc.core.economy import Market, Rates, Wishes
from memsvc.core.limits import Policy
from memsvc.core.meter import Look, Mark, Meter
from memsvc.core.model import Entry, Key, Session, Window
from memsvc.core.render import decode_entry
from memsvc.ports import Prices
from memsvc.service.returns import Returns
from memsvc.service.usage import seller

LATE_S = 1.0
"""A cache that must have expired by now may live this much longer: clocks differ."""
MODELS_KEPT = 1_024
WEIGHED = ("economic", "shadow")
"""Modes in which it is asked whether a compaction pays."""
DAY_S = 86_400.0
MICROS = 1_000_000


class Advice(Struct, frozen=True):
    """What the meter says of a session.

    Attributes:
        look: now.
        again: when a compaction becomes due if no call comes before that (unix seconds); None = not by itself.
    """

    look: Look
    again: float | None


class Economics:
    """Advises on sessions in the economic mode.

    Args:
        prices: what models cost; None = nothing is known, and nothing advised.
        summarizer: rates of the model that writes summaries; None = it costs nothing.
        loss_usd: what one compaction is taken to cost in lost detail.

        returns: how often sessions are taken up again, learnt on the way; None = from now on.
    """

    def __init__(
        self,
        prices: Prices | None,
        *,
        clock: Callable[[], float],
        summarizer: Rates | None = None,
        loss_usd: float = 0.0,
        returns: Returns | None = None,
    ) -> None:
        self._prices = prices
        self._clock = clock
        self._summarizer = summarizer
        self._loss_micros = loss_usd * MICROS
        self.returns = Returns() if returns is None else returns
        self._rates = lru_cache(MODELS_KEPT)(self._asked)

    def meter(self, session: Session, policy: Policy) -> Meter | None:
        """A meter for the tail of a session; None where its mode is another one, or where the price of its
        model or the ways of its cache are not known."""
        return self._meter(session, policy, None) if policy.mode in WEIGHED else None

    def advice(self, key: Key, meter: Meter) -> Advice:
        """What it says now, and when else it would."""
        often = self.returns.chance(key, self._clock())
        look = meter.look(self._clock(), often=often)
        if look.due or look.cold_at is None:
            return Advice(look, None)
        later = look.cold_at + LATE_S
        return Advice(look, later if later > self._clock() and meter.look(later, often=often).due else None)

    def read(self, session: Session, policy: Policy, entries: Iterable[Entry]) -> Advice | None:
        """The same of a whole tail."""
        meter = self.meter(session, policy)
        if meter is None:
            return None
        for mark in map(mark_of, entries):
            meter.add(mark)
        return self.advice(session.key, meter)

    def saved_usd(self, window: Window, policy: Policy) -> float | None:
        """What the compaction in force has saved so far, itself paid, by the prices of today and by what is known
        of the caches; None where there is none, or where prices, cache or what it replaced are not known."""
        summary = window.summary
        if summary is None or summary.replaced_tokens is None:
            return None
        meter = self._meter(window.session, policy, summary.replaced_tokens)
        if meter is None:
            return None
        for mark in map(mark_of, window.entries):
            meter.add(mark)
        return None if meter.earned is None else meter.earned / MICROS - summary.cost_usd

    def _meter(self, session: Session, policy: Policy, replaced: int | None) -> Meter | None:
        market = self._market(session, policy)
        if market is None:
            return None
        wishes = Wishes(policy.keep_tokens, policy.summary_tokens, policy.alpha, policy.guard)
        return Meter(session, session.live_tokens - session.tail_tokens, market, wishes, replaced=replaced)

    def _market(self, session: Session, policy: Policy) -> Market | None:
        model = session.settings.model
        cache = cache_of(model, policy.cache_ttl)
        if model is None or cache is None:
            return None
        rates = self._rates(seller(session), model, policy.cache_ttl == "1h", self._clock() // DAY_S)
        if rates is None:
            return None
        minimum = int(cache.minimum / min(1.0, rules.next_factor(session)))  # where counts differ, the safe side
        paid = self._summarizer
        work = (paid.input, paid.output) if paid is not None else (0.0, 0.0)
        return Market(rates, cache.ttl_s, minimum, *work, self._loss_micros)

    def _asked(self, provider: str, model: str, long: bool, day: float) -> Rates | None:
        """Prices change at most once a day."""
        return None if self._prices is None else self._prices.rates(provider, model, at=day * DAY_S, long=long)


def mark_of(entry: Entry) -> Mark:
    """A message as the meter sees it."""
    msg = decode_entry(entry)
    return Mark(entry.tokens, entry.at, entry.epoch, msg.role == "assistant", not msg.results)
