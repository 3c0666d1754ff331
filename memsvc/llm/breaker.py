"""A rest for a provider that fails: after some failures in a row nobody calls it for a while."""

from __future__ import annotations

from collections.abc import Callable

TRIPS_AFTER = 3
"""Failures in a row; one that will not pass by itself (a wrong key) is enough alone."""
FIRST_REST_S, LONGEST_REST_S = 30.0, 900.0


class Breaker:
    """Closed = calls go through; open = none does until the rest is over, then one may try.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures = 0
        self._rests = 0
        self._until = 0.0
        self._trying = False

    def resting_s(self) -> float:
        """Seconds until somebody may call; 0 = now. While one call tries after a rest, the others wait on."""
        left = self._until - self._clock()
        if left > 0:
            return left
        return FIRST_REST_S if self._trying else 0.0

    def enter(self) -> None:
        """Somebody calls now. Follow it with `worked`, `failed` or `gave_up`."""
        self._trying = self._rests > 0

    def worked(self) -> None:
        """The provider answered, whatever it said."""
        self._failures = self._rests = 0
        self._until, self._trying = 0.0, False

    def failed(self, *, for_good: bool) -> None:
        """The provider did not answer; `for_good` = trying again soon is no use."""
        self._failures += 1
        if for_good or self._trying or self._failures >= TRIPS_AFTER:
            self._until = self._clock() + min(FIRST_REST_S * 2**self._rests, LONGEST_REST_S)
            self._rests += 1
            self._failures = 0
        self._trying = False

    def gave_up(self) -> None:
        """The call was cancelled, or never made: it says nothing about the provider."""
        self._trying = False
