"""What border and handlers look at of a request: aiohttp's has it, and so has one that came through no socket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Target(Protocol):
    """What was asked for, as it was written: percent-encoded."""

    @property
    def raw_path(self) -> str:
        """Without the query."""

    @property
    def raw_query_string(self) -> str:
        """What follows the question mark; "" = nothing."""


class Content(Protocol):
    """A body that may still be arriving."""

    async def readany(self) -> bytes:
        """What has arrived since; b"" = that was all."""

    def is_eof(self) -> bool:
        """Whether all of it has arrived, read or not."""

    def read_nowait(self) -> bytes:
        """All that has arrived and was not read."""


class Headed(Protocol):
    """What has headers."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Looked up by the usual spelling of their names (`If-Match`, `x-request-id`)."""


class Asked(Headed, Protocol):
    """A request whose route is known."""

    @property
    def match_info(self) -> Mapping[str, str]:
        """The decoded values of the row's path, by name."""

    @property
    def rel_url(self) -> Target:
        """Path and query."""

    @property
    def query(self) -> Mapping[str, str]:
        """The query, taken apart."""

    @property
    def content_length(self) -> int | None:
        """Bytes of the body; None = not told."""

    @property
    def content(self) -> Content:
        """The body."""
