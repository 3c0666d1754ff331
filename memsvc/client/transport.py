"""The one seam of the client: a request goes in, an answer comes out, over a socket or in this process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

from memsvc.wire import Call


@dataclass(frozen=True, slots=True)
class Request:
    """One call, ready to be sent any number of times.

    Attributes:
        row: the call's row of the endpoint table.
        values: the decoded values of its path, by name.
        query: percent-encoded; "" = none.
        headers: by their usual spelling.
        body: JSON; None = none.
        patience_s: seconds that the service is asked to wait for something, beside its own work.
        repeatable: sent twice it changes nothing more than sent once.
    """

    row: Call
    values: Mapping[str, str]
    query: str
    headers: Mapping[str, str]
    body: bytes | None
    patience_s: float
    repeatable: bool

    @property
    def path(self) -> str:
        """Percent-encoded, without the query."""
        return self.row.path.format_map({name: _quoted(value) for name, value in self.values.items()})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status. Headers are looked up by their usual spelling."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NoAnswer(Exception):
    """The service could not be reached, or its answer was lost.

    Attributes:
        sent: the service may have received the request, and acted.
        again: another try may go better.
    """

    def __init__(self, detail: str, *, sent: bool, again: bool = True) -> None:
        super().__init__(detail)
        self.sent = sent
        self.again = again


class Transport(Protocol):
    """Carries requests to a service."""

    async def open(self) -> None:
        """Get ready; called once, before the first request."""

    async def send(self, request: Request, timeout_s: float) -> Answer:
        """The answer. Raises NoAnswer. `timeout_s` is the longest to wait for it."""

    async def close(self) -> None:
        """Let go of everything; called once, after the last request."""


def _quoted(value: str) -> str:
    # `.` and `..` alone would be steps in the path.
    text = quote(value, safe="", errors="surrogatepass")
    return text.replace(".", "%2E") if not text.strip(".") else text
