"""The mode `shadow`: compactions are decided, written and booked, and the full history is served all the same.

The header's pointers (cut, summary, tail) move as in any other mode, so that every decision is the one that would
have been made. What is served, and with it the prefix, stays as it was. A session whose full history no longer fits
its limits has outgrown the shadow: from then on it is served compacted, for the full one could not be sent.
"""

from __future__ import annotations

from msgspec.structs import replace

from memsvc.core.limits import Policy
from memsvc.core.model import OFF, ON, OUTGROWN, Session
from memsvc.core.policy import renewed


def shown(session: Session, tail_bytes: int | None = None) -> Session:
    """The header as its context shows it. `tail_bytes`: of all live messages, None = not known."""
    if session.shadow != ON or not session.cut:
        return session
    size = session.tail_bytes if tail_bytes is None else tail_bytes
    return replace(session, cut=0, summary_epoch=0, summary_tokens=0, tail_tokens=session.live_tokens, tail_bytes=size)


def aligned(session: Session, policy: Policy) -> Session:
    """The header as its policy's mode wants it; the same one where nothing is to be changed."""
    if policy.mode == "shadow":
        return _turned(session, ON) if session.shadow == OFF else session
    return _turned(session, OFF) if session.shadow == ON else session


def outgrown(session: Session) -> Session:
    """The header of a session whose full history is too large to be sent."""
    return _turned(session, OUTGROWN) if session.shadow == ON else session


def _turned(session: Session, shadow: int) -> Session:
    """What is served becomes another thing if there is a summary: a new prefix begins, and what was reported of
    the other one tells only how the provider counts."""
    if not session.cut:
        return replace(session, shadow=shadow)
    revision = session.revision + 1
    new = replace(renewed(session), shadow=shadow, revision=revision, bound_revision=revision)
    return replace(new, prefix_reason="compacted", prefix_revision=revision)
