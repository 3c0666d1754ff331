"""The rent meter of a session, read off its log: what its calls have paid since its epoch began.

A call is an assistant message, the first of a run; it was made at the time of the message before it. All of
it follows from the messages of the tail, their times and the header, so that any process reads the same.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from memsvc.core.economy import Market, Move, Position, Wishes, due, keep_for, price, rent, weighed
from memsvc.core.model import Session


class Mark(Struct, frozen=True):
    """A message of the tail, as far as the meter needs it.

    Attributes:
        assistant: it is a reply, or part of one.
        leads: a cut may fall before it: it is no result of a call.
    """

    tokens: int
    at: float
    epoch: int
    assistant: bool
    leads: bool


class Look(Struct, frozen=True):
    """What the meter says at a moment.

    Attributes:
        due: a compaction pays.
        reason: `rent`, or `cold` where the provider's cache has expired.
        keep_tokens: what is to stay verbatim then.
        need, paid: the price of compacting now and the rent so far, in millionths of a dollar.
        saving: what it is expected to save, in millionths of a dollar, should the session go on for
            as many calls as this epoch has seen.
        cold_at: when the cache expires (unix seconds); None = there is nothing in it.
    """

    due: bool
    reason: str
    keep_tokens: int
    need: float
    paid: float
    saving: float
    cold_at: float | None


class Meter:
    """Takes the messages of a tail in order, and can be asked at any time.

    Args:
        session: the header; only what stands before the tail is taken from it.
        behind: raw tokens of the live messages that its summary stands for.
        replaced: what stood in the place of that summary before it was committed; None = not known.
    """

    def __init__(
        self, session: Session, behind: int, market: Market, wishes: Wishes, *, replaced: int | None = None
    ) -> None:
        self._market, self._wishes = market, wishes
        self._epoch = session.epoch
        self._since = session.summary_epoch
        self._more = None if replaced is None else replaced - session.summary_tokens
        self._cached, self._cached_else = session.fixed_tokens, session.fixed_tokens + (replaced or 0)
        self._earned = 0.0
        self._missed, self._expired = session.missed_tokens, 0
        self._start = Position(session.fixed_tokens, session.summary_tokens, 0, behind, 0, 0)
        self._marks: list[Mark] = []
        self._before: list[int] = [0]
        self._sent = 0
        self._called: float | None = None
        self._returned = 0
        self._calls = 0
        self._paid = 0.0

    def add(self, mark: Mark) -> None:
        """The next message of the tail."""
        first_of_run = mark.assistant and not (self._marks and self._marks[-1].assistant)
        if first_of_run and self._marks:
            self._earn(self._marks[-1].at, spared=mark.epoch >= self._since)
            self._call(self._marks[-1].at, counts=mark.epoch >= self._epoch)
        self._marks.append(mark)
        self._before.append(self._before[-1] + mark.tokens)

    @property
    def earned(self) -> float | None:
        """What the compaction that began this epoch has spared its calls so far, in millionths of a dollar, less
        what it cost them to write the cache anew; None = not known. The summary's own price is not in it."""
        return None if self._more is None else self._earned

    @property
    def ttl_s(self) -> float:
        """How long the cache holds after a call."""
        return self._market.ttl_s

    @property
    def called(self) -> float | None:
        """When the last call was made (unix seconds); None = there was none."""
        return self._called

    def look(self, now: float, *, often: float = 0.5) -> Look:
        """What it says at `now` (unix seconds), before the next call. `often`: the share of sessions like this one
        that are taken up again after their cache has expired."""
        called = self._called
        waiting = bool(self._marks) and not self._marks[-1].assistant
        if waiting:  # for a reply: the call that will bring it has been made, or is about to be
            called = self._marks[-1].at
        cold_at = None if called is None else called + self._market.ttl_s
        cold = cold_at is not None and now > cold_at
        position, keep = self._position()
        move = self._weighed(position, cold, often)
        paid = self._paid + self._for_misses(position, move)
        pays = position.compactable > 0 and due(position, move, paid, self._wishes)
        pays = pays and (cold or not waiting)  # else the call would write to the cache what is about to go
        saving = move.saved * self._market.main.read * self._calls - move.need
        return Look(pays, "cold" if cold else "rent", keep, move.need, paid, saving, cold_at)

    def _call(self, at: float, *, counts: bool) -> None:
        if counts:
            cold = self._cold(at)
            position, _ = self._position()
            move = weighed(position, self._market, self._wishes, cold=cold)
            self._paid += rent(position, move, self._market, cold=cold)
            self._calls += 1
            self._returned += cold
            self._expired += min(self._sent, position.size) if cold else 0
            self._sent = position.size
        else:  # under the prefix before: of that only system prompt and tools are cached still
            self._sent = self._start.fixed
        self._called = at

    def _for_misses(self, position: Position, move: Move) -> float:
        """Rent for what reports say was not cached though it should have been: a compaction spares its share of
        what had to be written again. Calls after the cache had expired have paid that already."""
        missed = max(0, self._missed - self._expired)
        if not missed or move.saved <= 0 or position.size < self._market.minimum_tokens:
            return 0.0
        dearer = self._market.main.write - self._market.main.read
        return missed * dearer * move.saved / position.size

    def _earn(self, at: float, *, spared: bool) -> None:
        """A call, against the same with what the summary replaced still in its place, and cached as it was."""
        size = self._start.fixed + self._start.summary + self._before[-1]
        size_else = size + (self._more or 0)
        if spared and self._more is not None:
            cold = self._cold(at)
            real = price(size, 0 if cold else min(self._cached, size), self._market)
            self._earned += price(size_else, 0 if cold else min(self._cached_else, size_else), self._market) - real
        self._cached, self._cached_else = size if spared else self._start.fixed, size_else

    def _cold(self, now: float) -> bool:
        return self._called is not None and now - self._called > self._market.ttl_s

    def _position(self) -> tuple[Position, int]:
        tail = self._before[-1]
        position = replace(
            self._start, tail=tail, sent=self._sent, compactable=self._compactable(self._wishes.keep_tokens)
        )
        keep = keep_for(position, self._market, self._wishes)
        if keep > self._wishes.keep_tokens:
            position = replace(position, compactable=self._compactable(keep))
        return position, keep

    def _compactable(self, keep: int) -> int:
        """Tokens before the last place where a cut leaves at least `keep`."""
        first = bisect_right(self._before, self._before[-1] - keep) - 1
        while first > 0 and not (first < len(self._marks) and self._marks[first].leads):
            first -= 1
        return self._before[max(0, first)]

    def _weighed(self, position: Position, cold: bool, often: float) -> Move:
        """A compaction now. After the cache has expired it saves only if the session is taken up again, and
        costs its summary in any case."""
        move = weighed(position, self._market, self._wishes, cold=cold)
        if not cold:
            return move
        work = move.work
        chance = (self._returned + 2 * often) / (self._returned + 2)
        return replace(move, need=work + chance * (move.need - work))


def read(session: Session, behind: int, market: Market, wishes: Wishes, marks: Sequence[Mark]) -> Meter:
    """The meter of a tail."""
    meter = Meter(session, behind, market, wishes)
    for mark in marks:
        meter.add(mark)
    return meter
