"""Who writes a summary: by tier, where models of several tiers are named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from memsvc.core.asking import SummaryRequest
from memsvc.core.flatten import said
from memsvc.core.route import LOOKED_AT, Asked, Score, Tier, chain, score
from memsvc.ports import Summarizer
from memsvc.service.deferral import Deferrals
from memsvc.service.material import REBUILD_EPOCHS

LOOKED_AT_ENTRIES = 20
"""The newest messages tell what a conversation is about."""


class Writers:
    """Summarizers in the order in which they are asked; the last one is local.

    Args:
        tiers: models by tier; empty = one order for every conversation.
        deferrals: takes summaries that can wait; None = all are written at once.
        rebuild_epochs: how often models write from the originals again (see `Material`).
    """

    def __init__(
        self,
        summarizers: Sequence[Summarizer],
        tiers: Mapping[Tier, Sequence[Summarizer]] | None = None,
        deferrals: Deferrals | None = None,
        rebuild_epochs: int = REBUILD_EPOCHS,
    ) -> None:
        self._summarizers = summarizers
        self._tiers = tiers or {}
        self.deferrals = deferrals
        self.rebuild_epochs = rebuild_epochs

    def order(self, request: SummaryRequest) -> tuple[Sequence[Summarizer], Score | None]:
        """Who is asked for a summary, and the score that it follows from (None = it was not looked at). Below the
        tier cheaper ones follow, never a dearer one: the local summarizer costs nothing."""
        if not self._tiers:
            return self._summarizers, None
        found = score(asked(request))
        return [*chain(found.tier, self._tiers, up=False), self._summarizers[-1]], found


def asked(request: SummaryRequest) -> Asked:
    """A summary as a request to be routed."""
    texts: list[str] = []
    room, tools = 2 * LOOKED_AT, False
    for entry in reversed(request.entries[-LOOKED_AT_ENTRIES:]):
        for piece in said(entry).pieces:
            tools = tools or piece.kind in ("call", "result", "error")
            if piece.kind != "media" and room > 0:  # code stands in results, too
                texts.append(piece.text[:room])
                room -= len(piece.text)
    return Asked("\n".join(texts), sum(e.tokens for e in request.entries), task="summary", tools=tools)
