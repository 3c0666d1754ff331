"""What a compaction comes to, and the errors of one that cannot help."""

from __future__ import annotations

from msgspec import Struct

from memsvc.core.limits import Policy
from memsvc.errors import CannotFit


class Outcome(Struct, frozen=True):
    """What a compaction came to.

    Attributes:
        reason: the trigger when something changed, else why nothing did.
        error: what went wrong on the way, or what somebody has to do about it; None = nothing.
        again: when to look again if no call comes before that (unix seconds); None = not by itself.
        note: what the job is to know then; None = nothing.
        trigger: what wanted it, where that is known more exactly than it was asked for; None = it is not.
    """

    changed: bool
    reason: str
    epoch: int
    error: str | None = None
    again: float | None = None
    note: str | None = None
    trigger: str | None = None


def cannot_fit(need: int, policy: Policy) -> CannotFit:
    """No context has so few tokens as the session may have."""
    return CannotFit(
        f"what must stay takes {need} tokens, max_tokens of the session is {policy.max_tokens}; "
        "raise policy.max_tokens to the minimum, or shorten system prompt, tools, pins or the newest messages",
        minimum=need,
    )


def too_many_bytes(need: int, policy: Policy) -> CannotFit:
    """The same of bytes."""
    return CannotFit(
        f"what must stay takes {need} bytes, max_bytes of the session is {policy.max_bytes}; "
        "raise policy.max_bytes, or shorten system prompt, tools or the newest messages",
        minimum_bytes=need,
    )
