"""Which thinking may still be sent when the prefix it was written under is gone.

Newer models sign a thinking block together with all that stood before it, and refuse it (or drop it, by
an account's setting) anywhere else. Older ones check the block alone, and some of them insist that a
tool loop that is still going on keeps its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from memsvc.core.model import Entry
from memsvc.core.patterns import regex
from memsvc.core.render.blocks import Decoded
from memsvc.core.turns import speaks

_CLAUDE = regex(r"claude-([a-z]+)-(\d{1,2})(?:-(\d{1,2}))?(?!\d)")
_OLDEST = regex(r"claude-(?:[123](?!\d)|instant)")
_BOUND_FROM = {"fable": (5, 1), "mythos": (5, 2), "opus": (5, 5), "sonnet": (5, 5), "haiku": (5, 5)}
"""First version of each family whose thinking is bound to what stands before it."""


def binds(model: str | None) -> bool:
    """Whether a model's thinking is bound to its prefix. True for a model that is not known: leaving
    thinking out is always legal there, sending it may not be."""
    name = model or ""
    if _OLDEST.search(name):
        return False
    match = _CLAUDE.search(name)
    if match is None or match[1] not in _BOUND_FROM:
        return True
    return (int(match[2]), int(match[3] or 0)) >= _BOUND_FROM[match[1]]


def loop_start(entries: Iterable[Entry], decode: Callable[[Entry], Decoded], bound_revision: int) -> int:
    """The seq from which messages up to `bound_revision` belong to a tool loop that was going on when the
    prefix changed: all after the last one in which the user says something."""
    start = 0
    for entry in entries:
        if entry.revision > bound_revision:
            break
        if speaks(decode(entry)):
            start = entry.seq
    return start + 1
