"""Which summaries stand behind the current one, and what the header of a fork is."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from memsvc.core.model import ON, Session, Summary
from memsvc.core.policy import renewed


class Link(Struct, frozen=True):
    """A summary without its text."""

    epoch: int
    from_seq: int
    to_seq: int


def link(summary: Summary) -> Link:
    """What places a summary among the others."""
    return Link(summary.epoch, summary.from_seq, summary.to_seq)


def chain(links: Iterable[Link], current: int) -> tuple[Link, ...]:
    """The summaries in force, oldest first: the current one (by its epoch, 0 = none) and those it builds on.

    One builds on the newest before it that ends where it begins: while that one was in force no
    other could end there, and what an edit has put aside never comes back."""
    older = sorted(links, key=lambda one: -one.epoch)
    found: list[Link] = []
    for one in older:
        last = found[-1] if found else None
        if one.epoch == current if last is None else one.to_seq == last.from_seq - 1:
            found.append(one)
    return tuple(reversed(found))


def forked(session: Session, current: Link | None, after_seq: int | None, at: float) -> Session:
    """The header of a session that shares the past of `session` up to `after_seq` (None = all of it), where
    `current` is the newest summary that it shares. What is counted from the log is the store's to fill in."""
    new = replace(session, created_at=at, updated_at=at, state="idle", due_at=None, last_error=None, last_reason=None)
    if after_seq is None or after_seq >= session.last_seq:
        return new
    revision = session.revision + 1
    same = session.shadow == ON or (current.epoch if current is not None else 0) == session.summary_epoch
    return replace(
        renewed(new),
        revision=revision,
        log_revision=session.log_revision + 1,
        epoch=session.epoch + 1,
        prefix_reason="edited",
        prefix_revision=revision,
        bound_revision=session.bound_revision if same else revision,
    )
