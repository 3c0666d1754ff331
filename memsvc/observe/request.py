"""The request that is being answered, for whoever logs or counts on its behalf; and who hears of its end."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Literal

from memsvc.observe.events import Answered, Sink

AccessLog = Literal["off", "errors", "all"]
Ended = Callable[[int, float], None]
"""Told a request's status and how many seconds it took. Must not raise and must not block."""
Watcher = Callable[[str], Ended]
"""Gives for a call's name what is told of its requests."""
ERROR_FROM = 400


class CurrentRequest:
    """What is known of it.

    Attributes:
        id: its name in the log, which the answer carries too.
        tenant, session: "" = not known yet, or none.
    """

    __slots__ = ("id", "session", "tenant")

    def __init__(self, id: str) -> None:
        self.id = id
        self.tenant = self.session = ""


CURRENT: ContextVar[CurrentRequest | None] = ContextVar("memsvc_request", default=None)
"""One variable and no dictionary of them: it is set for each request. Tasks that a request starts have it too."""


def access_log(which: AccessLog, sink: Sink) -> list[Watcher]:
    """What writes answered requests to the log: all of them, those with an error (4xx, 5xx), or none."""
    if which == "off":
        return []
    least = 0 if which == "all" else ERROR_FROM

    def watcher(call: str) -> Ended:
        def ended(status: int, seconds: float) -> None:
            request = CURRENT.get()
            if status >= least and request is not None:
                sink(Answered(request.id, call, status, round(seconds, 6), request.tenant, request.session))

        return ended

    return [watcher]
