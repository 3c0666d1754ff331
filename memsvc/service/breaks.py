"""Prefixes that callers break: what a change of a session makes the provider read anew, as far as its header tells."""

from __future__ import annotations

from collections.abc import Callable

from memsvc.core import policy as rules
from memsvc.core.model import Session
from memsvc.observe import CacheBroken, Sink

Change = Callable[[Session | None], Session]


class Watched:
    """A change of a header that remembers what it changed; for `Log.put`, which may ask for it more than once."""

    def __init__(self, change: Change) -> None:
        self._change = change
        self._before: Session | None = None

    def __call__(self, stored: Session | None) -> Session:
        self._before = stored
        return self._change(stored)

    def tell(self, after: Session, sink: Sink) -> None:
        """Tell if messages stand behind a front that is another one now."""
        before = self._before
        if before is not None and before.prefix_revision != after.prefix_revision and after.prefix_reason is not None:
            sink(_broken(after, rules.expected(after)))


def tell_edited(after: Session, at: float, sink: Sink) -> None:
    """Tell of an edit at `at`, if that is what a session is after: what comes before it is still cached, unless the
    summary is another one."""
    if (after.prefix_reason, after.prefix_revision, after.updated_at) == ("edited", after.revision, at):
        sink(_broken(after, rules.expected(after) if after.bound_revision == after.revision else 0))


def _broken(after: Session, tokens: int) -> CacheBroken:
    return CacheBroken(after.key.tenant, after.key.session, str(after.prefix_reason), tokens, None)
