"""The providers' prompt caches: how long a prefix lives, and how small one may be."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from memsvc.core.policy import bare


class Cache(Struct, frozen=True):
    """What holds of a model's cache.

    Attributes:
        ttl_s: seconds from its last use until a prefix is forgotten.
        minimum: provider tokens of the smallest prefix that is cached.
    """

    ttl_s: float
    minimum: int


CLAUDE_TTL_S = {"5m": 300.0, "1h": 3600.0}
CLAUDE_MINIMA: tuple[tuple[str, int], ...] = (
    ("claude-opus-5", 512),
    ("claude-fable", 512),
    ("claude-mythos", 512),
    ("claude-sonnet-5-5", 512),
    ("claude-haiku-5-5", 512),
    ("claude-opus-4-8", 1_024),
    ("claude-sonnet", 1_024),
    ("claude-opus-4-7", 2_048),
    ("claude-", 4_096),
)
"""By name prefix, most specific first (Anthropic's prompt caching page); what is not listed is as the oldest."""
GPT_MINIMUM = 1_024
GPT_TTL_S = 600.0
"""Up to 5.5: kept for five to ten minutes of silence."""
GPT_LONG_TTL_S = 1_800.0
GPT_LONG = ("gpt-5.6", "gpt-5.7", "gpt-5.8", "gpt-5.9", "gpt-6", "gpt-7")
"""From 5.6 on: half an hour."""


def cache_of(model: str | None, ttl: Literal["5m", "1h"]) -> Cache | None:
    """The cache of a model, with the session's lifetime where there is a choice; None = nothing is known of one."""
    name = bare(model)
    for prefix, minimum in CLAUDE_MINIMA:
        if name.startswith(prefix):
            return Cache(CLAUDE_TTL_S[ttl], minimum)
    if name.startswith(("gpt-", "chatgpt-", "o1", "o3", "o4")):
        return Cache(GPT_LONG_TTL_S if name.startswith(GPT_LONG) else GPT_TTL_S, GPT_MINIMUM)
    return None
