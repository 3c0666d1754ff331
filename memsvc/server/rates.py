"""How fast a tenant may ask: a token bucket each, in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from memsvc.errors import RateLimited

SWEPT = 10_000
"""Buckets that may be there before full ones, which say nothing, are thrown away."""


@dataclass(slots=True)
class _Bucket:
    """What was left at a moment."""

    left: float
    at: float


class Rates:
    """Lets `per_s` requests a second of each tenant pass, `burst` at once.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, per_s: float, burst: int | None, *, clock: Callable[[], float]) -> None:
        self._per_s = per_s
        self._burst = float(burst or max(1, round(per_s)))
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def take(self, tenant: str) -> None:
        """Count one request. Raises RateLimited with the seconds until the next one passes."""
        now = self._clock()
        bucket = self._buckets.get(tenant)
        if bucket is None:
            if len(self._buckets) >= SWEPT:
                self._sweep(now)
            bucket = self._buckets[tenant] = _Bucket(self._burst, now)
        left = self._left(bucket, now)
        if left < 1.0:
            raise RateLimited(
                f"This tenant asks more often than {self._per_s:g} times a second; wait for Retry-After seconds.",
                retry_after=(1.0 - left) / self._per_s,
            )
        bucket.left, bucket.at = left - 1.0, now

    def _left(self, bucket: _Bucket, now: float) -> float:
        return min(self._burst, bucket.left + (now - bucket.at) * self._per_s)

    def _sweep(self, now: float) -> None:
        self._buckets = {t: b for t, b in self._buckets.items() if self._left(b, now) < self._burst}
