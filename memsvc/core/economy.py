"""Whether a compaction pays: the rent meter, and the providers' caches as far as it needs them.

Carrying old turns costs something with every call (the rent); putting a summary in their place costs once:
the summarizer, and the kept turns written anew to the cache. Compacting when the rent paid comes to that
price is never far from what somebody who knew the future would have done. After the cache has expired
everything is written anew in any case, and the price is mostly below zero.

Money is in millionths of a dollar, rates in dollars per million tokens: a token costs its rate in
millionths. Tokens are raw counts unless a name says otherwise.
"""

from __future__ import annotations

from msgspec import Struct

INSTRUCTION_TOKENS = 300
"""What a summarizer reads beside the turns and the previous summary."""
FIRST_SHARE = 0.15
"""Size of a session's first summary as a share of what it stands for; later ones go by the one before."""
LEAST_SUMMARY_TOKENS = 150
FIRST_TIMES = 2.0
"""So many times `alpha` is asked of a session's first compaction: most sessions end before a second would pay."""
ABOVE_MINIMUM = 1.05
"""A compacted request is kept this far above the smallest prefix that the provider caches: counts differ."""


class Rates(Struct, frozen=True):
    """What tokens of a model cost.

    Attributes:
        input: neither read from nor written to the cache.
        write, read: written to the cache with the session's lifetime, read from it.
    """

    input: float
    write: float
    read: float
    output: float


class Market(Struct, frozen=True):
    """All that decides what a compaction costs and saves.

    Attributes:
        ttl_s: seconds after its last use at which a cached prefix is gone.
        minimum_tokens: the smallest prefix that is cached, in raw tokens.
        summarizer_input, summarizer_output: rates of the model that writes summaries; 0 where none does.
        loss_micros: what one compaction is taken to cost in detail that is not at hand afterwards.
    """

    main: Rates
    ttl_s: float
    minimum_tokens: int
    summarizer_input: float = 0.0
    summarizer_output: float = 0.0
    loss_micros: float = 0.0


class Wishes(Struct, frozen=True):
    """What the policy asks for (`core.model.Policy`)."""

    keep_tokens: int
    summary_tokens: int
    alpha: float
    guard: float


class Position(Struct, frozen=True):
    """A session before its next call.

    Attributes:
        fixed, summary, tail: raw tokens of what the next request holds, in that order.
        behind: tokens of the messages that `summary` stands for.
        compactable: tokens at the head of `tail` that a cut would cover.
        sent: size of the last request: as much of the next one is cached; 0 before the first call.
    """

    fixed: int
    summary: int
    tail: int
    behind: int
    compactable: int
    sent: int

    @property
    def size(self) -> int:
        """Tokens of the next request as it is."""
        return self.fixed + self.summary + self.tail


class Move(Struct, frozen=True):
    """A compaction at a position.

    Attributes:
        summary: the expected size of the new summary.
        saved: tokens that leave every later request.
        work: what the summarizer costs, and the detail that is lost.
        need: what it costs on balance at the next call, `work` included; below 0 it pays at once.
    """

    summary: int
    saved: int
    work: float
    need: float


def keep_for(position: Position, market: Market, wishes: Wishes) -> int:
    """Tokens that are to stay verbatim, so that the compacted request still can be cached.

    A prompt below the minimum is billed in full at every call."""
    least = int(ABOVE_MINIMUM * market.minimum_tokens) - position.fixed - expected_summary(position, wishes)
    return max(wishes.keep_tokens, least)


def expected_summary(position: Position, wishes: Wishes) -> int:
    """Size of the summary after a cut at this position: as dense as the last one, at most what is allowed."""
    behind = position.behind + position.compactable
    share = position.summary / position.behind if position.behind > 0 and position.summary else FIRST_SHARE
    least = min(LEAST_SUMMARY_TOKENS, behind)
    return int(min(wishes.summary_tokens, max(least, share * behind), (position.compactable + position.summary) // 2))


def weighed(position: Position, market: Market, wishes: Wishes, *, cold: bool) -> Move:
    """What a compaction now would cost and save. `cold`: nothing of the session is cached any more."""
    new = expected_summary(position, wishes)
    saved = position.compactable + position.summary - new
    cached = 0 if cold else min(position.sent, position.size)
    stay = price(position.size, cached, market)
    still = position.fixed if position.fixed >= market.minimum_tokens and not cold else 0
    move = price(position.size - saved, still, market)
    # The summarizer reads the turns once, whenever they are compacted: while the cache is warm that decides
    # nothing; after it has expired the question is whether to pay it at all.
    work = market.summarizer_input * (position.summary + INSTRUCTION_TOKENS) + market.summarizer_output * new
    read = market.summarizer_input * position.compactable if cold else 0.0
    work += read + market.loss_micros
    return Move(new, saved, work, work + move - stay)


def price(size: int, cached: int, market: Market) -> float:
    """The input side of a request of which `cached` tokens are read from the cache."""
    if size < market.minimum_tokens:
        return size * market.main.input
    return cached * market.main.read + max(0, size - cached) * market.main.write


def rent(position: Position, move: Move, market: Market, *, cold: bool, read: int | None = None) -> float:
    """What a call at this position pays for what a compaction would have spared it.

    `read`: tokens of the request that were read from the cache, where that was reported; without a report
    all of it is taken to be cached unless `cold`."""
    if position.compactable <= 0 or move.saved <= 0:
        return 0.0
    before = position.fixed + position.summary
    hit = 0 if cold else position.compactable
    if read is not None:
        hit = max(0, min(position.compactable, read - before))
    if position.size < market.minimum_tokens:
        paid = position.compactable * market.main.input
    else:
        paid = hit * market.main.read + (position.compactable - hit) * market.main.write
    return paid * move.saved / position.compactable


def due(position: Position, move: Move, paid: float, wishes: Wishes) -> bool:
    """Whether the rent `paid` since the last compaction asks for one now.

    Raising `alpha` or `guard` compacts less often: 1.5 and 0.25 were the best of those that were tried."""
    if move.saved <= 0 or position.compactable < wishes.guard * (wishes.keep_tokens + move.summary):
        return False
    times = wishes.alpha * (FIRST_TIMES if position.behind == 0 else 1.0)
    return paid >= times * move.need
