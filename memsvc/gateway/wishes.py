"""What a request says to the gateway beside what it says to the vendor: its `x-memsvc-` headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, get_args
from urllib.parse import unquote

from msgspec import Struct

from memsvc.errors import InvalidRequest
from memsvc.wire import check_name

SESSION, FEATURE, HISTORY, KEY = "x-memsvc-session", "x-memsvc-feature", "x-memsvc-history", "x-memsvc-key"
PREFIX = "x-memsvc-"
REQUEST_ID = "x-memsvc-request-id"
"""Header that names a request in the log."""
History = Literal["auto", "full", "new"]
_HISTORIES = get_args(History)
_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")


class Wishes(Struct, frozen=True):
    """What the headers of one request ask for.

    Attributes:
        session: name of the conversation; None = the call belongs to none.
        feature: what the call is for, in the books.
        history: whether its messages are the whole conversation, only what is new, or either.
    """

    session: str | None
    feature: str
    history: History


def wishes(headers: Mapping[str, str]) -> Wishes:
    """Read them. Raises InvalidRequest that names the header."""
    session = headers.get(SESSION)
    if session is not None:
        session = check_name(_decoded(session), "session")
    feature = headers.get(FEATURE, "chat")
    if not 1 <= len(feature) <= 100 or not feature.isprintable():
        raise InvalidRequest(f"`{FEATURE}` must be 1 to 100 printable characters.", field=FEATURE)
    told = headers.get(HISTORY, "auto")
    history: History | None = next((h for h in _HISTORIES if h == told), None)
    if history is None:
        raise InvalidRequest(f"`{HISTORY}` must be one of {', '.join(_HISTORIES)}.", field=HISTORY)
    return Wishes(session, feature, history)


def _decoded(name: str) -> str:
    """A session's name as it is written in a header: plain, or percent-encoded UTF-8 where it is not ASCII."""
    if _ENCODED.search(name) is None:
        return name
    try:
        return unquote(name, errors="strict")
    except UnicodeDecodeError:
        raise InvalidRequest(f"`{SESSION}` is percent-encoded, but not as UTF-8.", field=SESSION) from None
