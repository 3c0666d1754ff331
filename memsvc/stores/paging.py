"""Cursors of a listing: the place of the last session of a page, so that pages hold while others write."""

from __future__ import annotations

import base64

import orjson

from memsvc.errors import InvalidRequest


def cursor(at: float, uid: int) -> str:
    """The cursor after a session of that activity."""
    return base64.urlsafe_b64encode(orjson.dumps([at, uid])).decode().rstrip("=")


def position(given: str, *, most_uid: int) -> tuple[float, int]:
    """(activity, uid) of a cursor. Raises InvalidRequest for one that was not given here."""
    try:
        at, uid = orjson.loads(base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)))
        if type(at) is float and type(uid) is int and 0 < uid < most_uid and cursor(at, uid) == given:
            return at, uid
    except (ValueError, TypeError):
        pass
    raise InvalidRequest("after is not a cursor this service gave; start without it", field="after")
