"""When a call is tried again, and after what pause."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Retry:
    """How patient a client is; all in seconds.

    Attributes:
        deadline_s: from the first try to the last answer; on top of it comes what the service is asked to wait.
        attempts: tries in all; 1 = none is repeated.
        first_s: the pause after the first, doubled each time.
        most_s: the longest pause that the client chooses itself.
        retry_after_s: the longest that it lets the service choose; then it tries all the same.
    """

    deadline_s: float = 60.0
    attempts: int = 8
    first_s: float = 0.1
    most_s: float = 5.0
    retry_after_s: float = 30.0

    def pause_s(self, attempt: int, after_s: float | None, chance: float) -> float:
        """Seconds to wait after try number `attempt`.

        Args:
            after_s: what the service asked for; None = nothing.
            chance: from 0 to 1; callers that failed together do not come back together.
        """
        own = min(self.most_s, self.first_s * 2.0 ** min(attempt - 1, 30)) * (0.5 + chance / 2)
        return own if after_s is None else max(own, min(after_s, self.retry_after_s))


PATIENT = Retry()
"""What a client does that was told nothing else."""
