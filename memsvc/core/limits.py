"""What a session's context is held to: when and how far it is compacted, and what is cut on the way in."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

BYTES_PER_TOKEN = 4
"""A token of a tool's output is taken for so many bytes of UTF-8: what is shown must not depend on a tokenizer."""

LEAST_CLAMP_TOKENS = 100
"""No less of an output is shown."""


class Policy(Struct, frozen=True):
    """When and how far to compact, every field decided (see `core.policy.resolve`).

    Attributes:
        mode: `threshold`, `economic`, `manual` or `shadow`.
        threshold_tokens: a context larger than this is compacted.
        keep_tokens: the least that stays verbatim.
        summary_tokens: the most a summary block may take, tags included.
        max_tokens: hard mark: no context is ever larger (provider tokens).
        max_bytes: the same for the bytes of the messages.
        cache_ttl: `5m` or `1h`, on the marks of the Anthropic format.
        alpha, guard: parameters of the economic mode.
        placement: where the summary goes: `user` message or second `system_block`.
        tool_output_tokens: a tool's output longer than about this is shown cut; None = none is.
    """

    mode: Literal["threshold", "economic", "manual", "shadow"]
    threshold_tokens: int
    keep_tokens: int
    summary_tokens: int
    max_tokens: int
    max_bytes: int
    cache_ttl: Literal["5m", "1h"]
    alpha: float
    guard: float
    placement: Literal["user", "system_block"]
    tool_output_tokens: int | None = None


def clamp_of(clamps: str | None, seq: int) -> int | None:
    """The most bytes that are shown of a tool's output in message `seq`; None = all of them.

    `clamps` is `Session.clamps`: `1:8000 17:0`, each from a seq on, in tokens; 0 = none."""
    found = 0
    for part in (clamps or "").split():
        start, _, tokens = part.partition(":")
        if int(start) > seq:
            break
        found = int(tokens)
    return found * BYTES_PER_TOKEN or None


def clamped_from(clamps: str | None, seq: int, tokens: int | None) -> str | None:
    """`clamps` with another limit from message `seq` on: what was shown before stays as it is."""
    now = clamp_of(clamps, seq)
    if (now or 0) == (tokens or 0) * BYTES_PER_TOKEN:
        return clamps
    earlier = [part for part in (clamps or "").split() if int(part.partition(":")[0]) < seq]
    return " ".join([*earlier, f"{seq}:{tokens or 0}"])
