"""Requests of one call, counted in plain numbers: this happens at every request, on the event loop alone."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

from prometheus_client import Counter, Histogram

from memsvc.metrics.table import REQUEST_S


class Timing:
    """What requests of one call came to since the last `flush`.

    Args:
        soon: called at each.
    """

    __slots__ = ("_buckets", "_call", "_seconds", "_soon", "_statuses")

    def __init__(self, call: str, soon: Callable[[], None]) -> None:
        self._call = call
        self._soon = soon
        self._empty()

    def _empty(self) -> None:
        self._statuses = [0] * 10
        self._buckets = [0] * (len(REQUEST_S) + 1)
        self._seconds = 0.0

    def ended(self, status: int, seconds: float) -> None:
        """One more."""
        self._statuses[status // 100] += 1
        self._buckets[bisect_left(REQUEST_S, seconds)] += 1
        self._seconds += seconds
        self._soon()

    def flush(self, counter: Counter, histogram: Histogram) -> None:
        """Add them to the metrics."""
        if not any(self._statuses):
            return
        for number, count in enumerate(self._statuses):
            if count:
                counter.labels(self._call, f"{number}xx").inc(count)
        # The library adds one observation at a time; many at once are these same two steps.
        series = histogram.labels(self._call)
        for place, count in enumerate(self._buckets):
            if count:
                series._buckets[place].inc(count)
        series._sum.inc(self._seconds)
        self._empty()
