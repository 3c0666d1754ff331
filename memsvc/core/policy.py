"""When to compact and how far: the only place that decides it.

Limits (`threshold_tokens`, `max_tokens`) are provider tokens and compare with what the provider is
expected to count: its own last count where one was reported (the anchor), and raw counts times a
factor for what came after it; `keep_tokens` and `summary_tokens` are raw.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict, replace

from memsvc.core.accept import MIN_GAIN_SHARE, MIN_GAIN_TOKENS
from memsvc.core.limits import Policy
from memsvc.core.model import ON, Format, Session
from memsvc.core.money import Sent
from memsvc.core.turns import Group
from memsvc.errors import InvalidRequest

DEFAULT_MAX_TOKENS = 180_000
CLAUDE_FACTOR = 1.3
"""Claude's tokenizer gives about 30 % more tokens than o200k (1.2-1.6x by model and text)."""
FACTORS = (0.5, 4.0)
"""Bounds of a factor that comes from reports: no tokenizer is further from o200k on a whole conversation."""
BELIEVABLE = (0.3, 5.0)
"""A report whose ratio to the raw count lies outside was of something else: it measures nothing."""
MOST_MISSED = 2**40
"""A figure made of what others report stays one that every store can hold."""
MIN_COVER_TOKENS = 64
"""A compaction that covers less than this cannot gain anything."""

WINDOWS: tuple[tuple[str, int], ...] = (
    ("claude-opus-4-6", 1_000_000),
    ("claude-opus-4-7", 1_000_000),
    ("claude-opus-4-8", 1_000_000),
    ("claude-sonnet-4-6", 1_000_000),
    ("claude-opus-5", 1_000_000),
    ("claude-sonnet-5", 1_000_000),
    ("claude-haiku-5", 1_000_000),
    ("claude-fable", 1_000_000),
    ("claude-mythos", 1_000_000),
    ("claude-", 200_000),
    ("gpt-6", 1_050_000),
    ("gpt-5.6", 1_050_000),
    ("gpt-5.5", 1_000_000),
    ("gpt-5.4-", 400_000),
    ("gpt-5.4", 1_050_000),
    ("gpt-5", 400_000),
    ("gpt-4.1", 1_000_000),
    ("gpt-4", 128_000),
)
"""Input windows in tokens by model name prefix, most specific first; others are unknown."""


def bare(model: str | None) -> str:
    """A model's own name: `anthropic/claude-x` and `us.anthropic.claude-x` are `claude-x`."""
    return (model or "").rpartition("/")[2].rpartition("anthropic.")[2]


@lru_cache(1_024)
def window_of(model: str | None) -> int | None:
    """The model's context window in provider tokens, None if unknown."""
    name = bare(model)
    return next((size for prefix, size in WINDOWS if name.startswith(prefix)), None)


def factor_of(model: str | None, format: Format | None) -> float:
    """Provider tokens per raw token before anything was reported."""
    claude = bare(model).startswith("claude") if model else format == "anthropic"
    return CLAUDE_FACTOR if claude else 1.0


def resolve(defaults: Policy, overrides: Mapping[str, Any], model: str | None) -> Policy:
    """The policy a session has: its own values over the service's, `max_tokens` by the model.

    `defaults.max_tokens` 0 means "by the model". Never refuses: a session must stay readable
    when the service's defaults have changed under it; `effective` makes sense of any policy."""
    policy = replace(defaults, **{k: v for k, v in overrides.items() if v is not None})
    if policy.max_tokens:
        return policy
    size = window_of(model)
    return replace(policy, max_tokens=size * 9 // 10 if size else DEFAULT_MAX_TOKENS)


def check(policy: Policy) -> None:
    """Raise InvalidRequest where threshold <= keep + summary (manual mode exempt)."""
    least = policy.keep_tokens + policy.summary_tokens
    if policy.mode != "manual" and policy.threshold_tokens <= least:
        raise InvalidRequest(
            f"policy.threshold_tokens ({policy.threshold_tokens}) must be larger than keep_tokens + "
            f"summary_tokens ({policy.keep_tokens} + {policy.summary_tokens}); raise it or lower the others",
            field="policy.threshold_tokens",
        )


def effective(policy: Policy, session: Session, model: str | None) -> Policy:
    """What really applies: limits clamped to the model's window, and a threshold that leaves
    room for system prompt, summary and twice the kept part (else every turn would compact)."""
    size = window_of(model)
    hard = min(policy.max_tokens, size) if size else policy.max_tokens
    room = session.fixed_tokens + policy.summary_tokens + 2 * policy.keep_tokens
    threshold = min(hard, max(policy.threshold_tokens, math.ceil(room * next_factor(session))))
    return _limited(policy, hard, threshold)


@lru_cache(1_024)
def _limited(policy: Policy, hard: int, threshold: int) -> Policy:
    """Asked several times for each call of the API; most sessions have the same limits."""
    return replace(policy, max_tokens=hard, threshold_tokens=threshold)


def soft_tokens(applied: Policy, factor: float) -> int | None:
    """Raw size of the context above which a compaction is due in an epoch that begins with `factor`;
    None = never by itself."""
    return None if applied.mode == "manual" else int(applied.threshold_tokens / factor)


def soft_mark(applied: Policy, session: Session) -> int | None:
    """The same in the session's present epoch: `expected` passes the threshold above it. In the shadow reports
    are of the full history, and tell of the compacted context only how the provider counts."""
    if applied.mode == "manual":
        return None
    if session.shadow == ON:
        return soft_tokens(applied, next_factor(session))
    over = applied.threshold_tokens - session.anchor_tokens
    return session.anchor_raw + math.floor(over / _rate(session))


def provider_tokens(raw: int, factor: float) -> int:
    """Raw tokens as the provider is expected to count them, rounded up."""
    return math.ceil(raw * factor)


def expected(session: Session) -> int:
    """The present context as the provider is expected to count it, never below 0."""
    since = session.context_tokens - session.anchor_raw
    return max(0, session.anchor_tokens + provider_tokens(since, _rate(session)))


def ratio(session: Session) -> float | None:
    """Provider tokens per raw token as reported in this epoch, within bounds; None = nothing was."""
    if not session.anchor_raw:
        return None
    least, most = FACTORS
    return min(max(session.anchor_tokens / session.anchor_raw, least), most)


def _rate(session: Session) -> float:
    """What a raw token since the anchor is taken for: limits hold, so the larger of guess and measure."""
    return max(session.factor, ratio(session) or 0.0)


def next_factor(session: Session) -> float:
    """The factor that the next epoch is frozen with."""
    return ratio(session) or session.factor


def known_factor(session: Session) -> float | None:
    """The next epoch's factor where it comes from reports, None where it is a guess."""
    guessed = factor_of(session.settings.model, session.settings.format)
    return ratio(session) or (session.factor if session.factor != guessed else None)


def calibrated(session: Session, sent: Sent, size: int, read: int | None = None) -> Session:
    """The header after a report: the provider counted `size` tokens for the context `sent`, and found `read` of
    them in its cache (None = it does not say).

    The same session where that measures nothing: of another prefix, older than the anchor, or
    not believable. Its soft mark is to be `marked` anew."""
    same = (session.uid, session.prefix_revision) == (sent.uid, sent.prefix_revision)
    if not same or sent.revision < session.anchor_revision or sent.tokens <= 0:
        return session
    least, most = BELIEVABLE
    if not least <= size / sent.tokens <= most:
        return session
    missed = session.missed_tokens
    if read is not None and session.anchor_raw and sent.revision > session.anchor_revision:
        was_sent = min(session.anchor_tokens, size)  # by the call before, so it should have been there
        missed += max(0, was_sent - read) * sent.tokens // size
    return replace(
        session,
        anchor_tokens=size,
        anchor_raw=sent.tokens,
        anchor_revision=sent.revision,
        missed_tokens=min(missed, MOST_MISSED),
    )


def marked(session: Session, applied: Policy) -> Session:
    """The header with the soft mark that follows from it."""
    return replace(session, soft_tokens=soft_mark(applied, session))


_NOTHING_REPORTED: dict[str, Any] = dict.fromkeys(
    ("anchor_tokens", "anchor_raw", "anchor_revision", "missed_tokens"), 0
)


def renewed(session: Session) -> Session:
    """The header of a new epoch: its factor frozen from what was reported, its anchor gone, and the
    soft mark for the same threshold."""
    factor, soft = next_factor(session), session.soft_tokens
    if soft is not None and session.anchor_raw and session.shadow != ON:
        threshold = session.anchor_tokens + _rate(session) * (soft - session.anchor_raw)
        soft = math.floor(threshold / factor)
    return replace(session, factor=factor, soft_tokens=soft, **_NOTHING_REPORTED)


def document(policy: Policy, applied: Policy) -> dict[str, Any]:
    """The `policy` member of the API."""
    return {**asdict(policy), "effective": asdict(applied)}


class Cut(Struct, frozen=True):
    """Where to cut.

    Attributes:
        seq: last seq the new summary stands for.
        covered: raw tokens newly covered.
        replaced: raw tokens that leave the context: `covered` and the old summary.
        budget: the most the new summary block may take.
        kept: raw tokens that stay verbatim.
        quote: seq of the last user message if the cut passes it: it is quoted in the summary
            (0 = the kept part has one; None = look where the previous summary took its own).
    """

    seq: int
    covered: int
    replaced: int
    budget: int
    kept: int
    quote: int | None


def plan(session: Session, parts: Sequence[Group], *, keep_tokens: int, summary_tokens: int) -> Cut | None:
    """The cut that keeps at least `keep_tokens`, the newest closed group and an open one.

    None if nothing (or too little) would be covered."""
    first = _first_kept(parts, keep_tokens)
    return _cut(session, parts, first, summary_tokens)


def cut_after(session: Session, parts: Sequence[Group], seq: int, summary_tokens: int) -> Cut | None:
    """The cut behind message `seq`, where a group ends there; else None."""
    first = next((n for n, group in enumerate(parts, start=1) if group.last_seq == seq), 0)
    return _cut(session, parts, first, summary_tokens) if 0 < first < len(parts) else None


def plan_hard(
    session: Session, parts: Sequence[Group], *, policy: Policy, limit_bytes: int, least_block: int
) -> Cut | None:
    """The cut for a context over its hard mark: keeps what the policy wants if that fits,
    else as much as fits, else the least that is legal. `least_block` is what the smallest
    legal summary takes. None if there is nothing to cut, or nothing to gain by it."""
    limit = _raw_limit(policy.max_tokens, next_factor(session)) - session.fixed_tokens
    first = _first_kept(parts, policy.keep_tokens)
    last = _first_kept(parts, 0)
    tokens, size = _sums(parts[first:])
    replaced = session.summary_tokens + sum(g.tokens for g in parts[:first])
    block = max(policy.summary_tokens, least_block)
    while first < last and (first == 0 or tokens > limit - block or size > limit_bytes or least_block > replaced // 2):
        tokens, size = tokens - parts[first].tokens, size - parts[first].size
        replaced += parts[first].tokens
        first += 1
    if least_block > _largest_block(replaced):
        return None
    cut = _cut(session, parts, first, max(min(policy.summary_tokens, limit - tokens), least_block), 1)
    return replace(cut, budget=max(cut.budget, least_block)) if cut is not None else None


def minimum(session: Session, parts: Sequence[Group], least_block: int) -> int:
    """The smallest `max_tokens` (provider tokens) that some legal context would fit."""
    first = _first_kept(parts, 0)
    covered, kept = sum(g.tokens for g in parts[:first]), sum(g.tokens for g in parts[first:])
    smallest = expected(session)
    if covered and least_block <= _largest_block(covered + session.summary_tokens):
        smallest = min(smallest, provider_tokens(session.fixed_tokens + least_block + kept, next_factor(session)))
    return smallest


def _raw_limit(limit: int, factor: float) -> int:
    """The most raw tokens that are not expected to pass `limit`."""
    raw = int(limit / factor)
    return raw - 1 if provider_tokens(raw, factor) > limit else raw  # 51 / 0.68 is 75, and 75 x 0.68 more than 51


def _largest_block(replaced: int) -> int:
    """The largest block that still gains enough over the `replaced` tokens to be accepted."""
    return replaced - math.ceil(max(MIN_GAIN_TOKENS, MIN_GAIN_SHARE * replaced))


def _sums(parts: Sequence[Group]) -> tuple[int, int]:
    return sum(g.tokens for g in parts), sum(g.size for g in parts)


def _first_kept(parts: Sequence[Group], keep_tokens: int) -> int:
    """Index of the first group that stays: at least the newest closed group, and any open one."""
    first, kept, closed = len(parts), 0, False
    while first > 0 and not (closed and kept >= keep_tokens):
        first -= 1
        kept += parts[first].tokens
        closed = closed or not parts[first].open
    return first


def _cut(
    session: Session, parts: Sequence[Group], first: int, summary_tokens: int, least: int = MIN_COVER_TOKENS
) -> Cut | None:
    covered = sum(g.tokens for g in parts[:first])
    if first == 0 or covered < least:
        return None
    replaced = covered + session.summary_tokens
    quote: int | None = 0
    if not any(g.user for g in parts[first:]):
        quote = next((g.user for g in reversed(parts[:first]) if g.user), None)
    kept = sum(g.tokens for g in parts[first:])
    budget = min(summary_tokens, max(_largest_block(replaced), 1))
    return Cut(parts[first - 1].last_seq, covered, replaced, budget, kept, quote)
