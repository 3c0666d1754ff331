"""Cursors of a listing: the place of the last session of a page, so that pages hold while others write."""

from __future__ import annotations

import base64
from typing import Any, TypeVar, cast

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


T = TypeVar("T", bound="int | list[Any]")


def packed_place(place: object) -> str:
    """A cursor for any place that JSON can hold."""
    return base64.urlsafe_b64encode(orjson.dumps(place)).decode()


def place_of(given: str | None, begin: T) -> T:
    """The place that such a cursor names, `begin` without one. Raises InvalidRequest for one that was not given
    here: its parts must be of the types that those of `begin` are."""
    if given is None:
        return begin
    try:
        found = orjson.loads(base64.urlsafe_b64decode(given))
    except ValueError:
        found = None
    if _alike(found, begin):
        return cast(T, found)
    raise InvalidRequest("after is not a cursor this store gave; start without it", field="after")


def _alike(found: object, begin: object) -> bool:
    if isinstance(found, list) and isinstance(begin, list):
        return len(found) == len(begin) and all(map(_alike, found, begin))
    return type(found) is type(begin)
