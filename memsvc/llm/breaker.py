"""A rest for a provider that fails: after some failures in a row nobody calls it for a while."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

TRIPS_AFTER = 3
"""Failures in a row; one that will not pass by itself (a wrong key) is enough alone."""
FIRST_REST_S, LONGEST_REST_S = 30.0, 900.0


class Pass(Struct, frozen=True, eq=False):
    """Leave to call, given by `Breaker.enter`.

    Attributes:
        rests: how many rests there had been by then.
    """

    rests: int


class Breaker:
    """Closed = calls go through; open = none does until the rest is over, then one may try.

    Calls overlap: what began before a rest says nothing more when it fails during it, else a hundred calls
    that fail at one moment would look like a provider that has failed for an hour.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures = 0
        self._row = 0
        self._rests = 0
        self._until = 0.0
        self._trying: Pass | None = None

    def resting_s(self) -> float:
        """Seconds until somebody may call; 0 = now. While one call tries after a rest, the others wait on."""
        left = self._until - self._clock()
        if left > 0:
            return left
        return FIRST_REST_S if self._trying is not None else 0.0

    def enter(self) -> Pass:
        """Somebody calls now. Follow it with `worked` or `failed`, and always with `left`."""
        leave = Pass(self._rests)
        if self._row > 0:
            self._trying = leave
        return leave

    def worked(self, leave: Pass) -> None:
        """The provider answered, whatever it said."""
        if leave.rests != self._rests:
            return  # it was asked before the last rest began
        self._failures = self._row = 0
        self._until, self._trying = 0.0, None

    def failed(self, leave: Pass, *, for_good: bool) -> None:
        """The provider did not answer; `for_good` = trying again soon is no use."""
        if leave.rests != self._rests:
            return
        self._failures += 1
        if for_good or leave is self._trying or self._failures >= TRIPS_AFTER:
            self._until = self._clock() + min(FIRST_REST_S * 2**self._row, LONGEST_REST_S)
            self._row = min(self._row + 1, 16)
            self._rests += 1
            self._failures = 0
            self._trying = None

    def left(self, leave: Pass) -> None:
        """The call is over; cancelled, or never made, it says nothing about the provider."""
        if leave is self._trying:
            self._trying = None
