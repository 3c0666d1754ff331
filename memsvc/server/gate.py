"""Who is asking: from a request's headers to a tenant and what may be done there, or a refusal.

Keys are on when the settings name any, when the store has ever had one (one that ended counts), or when the service
was told so because it listens on more than loopback. Once on they stay on until the process ends. While they are
off there is one tenant, and only programs on this machine are answered.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping

from multidict import istr

from memsvc.core.access import OWNER_SCOPES, ApiKey, Caller, digest_of, fits, id_of
from memsvc.core.model import DEFAULT_TENANT
from memsvc.errors import Forbidden, Unauthorized
from memsvc.service.holders import Holders

_AUTHORIZATION, _KEY, _SHORT_KEY = istr("Authorization"), istr("x-api-key"), istr("api-key")
_HOST_NAME, _FROM, _SITE = istr("Host"), istr("Origin"), istr("Sec-Fetch-Site")
Headers = Mapping[str, str]

_LOOPBACK = r"(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?"
_HOST = re.compile(_LOOPBACK, re.IGNORECASE)
_ORIGIN = re.compile(r"https?://" + _LOOPBACK, re.IGNORECASE)
_HERE = Caller(DEFAULT_TENANT, OWNER_SCOPES)
# `istr`: names that a header map finds without folding their case again at each request.
OWN_KEY = istr("x-memsvc-key")
"""Where a client of the gateway puts its key for this service, when the usual header has its provider's."""


def taken(headers: Headers, caller: Caller) -> bool:
    """Whether the credential in a request's usual headers is this service's own, and so nobody else's business."""
    return caller is not _HERE and not headers.get(OWN_KEY)


def without_keys(caller: Caller) -> bool:
    """Whether a caller was let in because keys are off and it is a program of this machine."""
    return caller is _HERE


class Gate:
    """Lets a request in.

    Args:
        settings: key -> tenant; they may do everything there. None = there are none; an empty mapping lets nobody in.
        holders: the keys of the store; None = it has none.
        required: keys are on, whether there is one or not.
    """

    def __init__(
        self, settings: Mapping[str, str] | None = None, holders: Holders | None = None, *, required: bool = False
    ) -> None:
        self._given = {digest_of(key): (digest_of(key), Caller(tenant)) for key, tenant in (settings or {}).items()}
        self._on = required or settings is not None
        self._holders = holders
        self._loopback = _Loopback()

    def caller(self, headers: Headers) -> Caller | None:
        """Whom these headers speak for, as far as is known without waiting; None = `ask` the store.

        Raises Unauthorized or Forbidden."""
        key = _sent(headers)
        if self._given and (caller := self._by_settings(key)):
            return caller
        holders, id = self._holders, id_of(key) if key else None
        if holders is None:
            return self._without(key, headers, on=self._on)
        if id is not None:  # also while keys are off: the first request with the first key is its tenant's
            found = holders.known(id)
            return None if found is None else _holder(found[0], key, holders.now())
        on = self._on or holders.any_known()
        return None if on is None else self._without(key, headers, on=on)

    async def ask(self, headers: Headers) -> Caller:
        """The same after a look into the store. Raises Unavailable too."""
        holders = self._holders
        assert holders is not None, "where no store has keys, nothing is left to ask"
        key = _sent(headers)
        id = id_of(key)
        if id is None:
            return self._without(key, headers, on=await holders.any())
        return _holder(await holders.one(id), key, holders.now())

    def _by_settings(self, key: str) -> Caller | None:
        digest = digest_of(key)
        stored, caller = self._given.get(digest, (b"", None))
        return caller if hmac.compare_digest(stored, digest) else None

    def _without(self, key: str, headers: Headers, *, on: bool) -> Caller:
        """For a request that brings no key, or none of a stored key's form."""
        if not on:
            return self._loopback.caller(headers)
        if not key:
            raise Unauthorized("No key was sent; send `Authorization: Bearer <key>` or `x-api-key: <key>`.")
        raise _unknown()


class _Loopback:
    """No keys: one tenant, and only programs on this machine.

    A web page must not reach the service through a visitor's browser: neither under a name of its
    own that resolves to this machine (the Host header tells) nor across origins (Origin tells, or Sec-Fetch-Site).
    """

    def __init__(self) -> None:
        self._good_host = "localhost"

    def caller(self, headers: Headers) -> Caller:
        """The one tenant. Raises Forbidden unless the request is meant for, and comes from, here."""
        host = headers.get(_HOST_NAME, "")
        if host != self._good_host and _HOST.fullmatch(host) is None:
            raise Forbidden(
                "Without keys only requests to a local name are answered; use http://127.0.0.1 "
                "or http://localhost, or configure keys.",
                field="Host",
            )
        self._good_host = host  # the same in nearly every request
        origin = headers.get(_FROM)
        # An image or a link of another site tells no origin.
        site = headers.get(_SITE) if origin is None else None
        if site in ("cross-site", "same-site") or (origin is not None and not is_local_origin(origin)):
            raise Forbidden(
                "Without keys no request from another origin is answered; call from a program, not from a "
                "web page, or configure keys.",
                field="Origin",
            )
        return _HERE


def is_local_origin(origin: str) -> bool:
    """Whether an Origin header names a page of this machine."""
    return _ORIGIN.fullmatch(origin) is not None


def _holder(stored: ApiKey | None, key: str, now: float) -> Caller:
    # One answer for all that is wrong: whether an id exists, or ended, is nobody else's business.
    if not fits(stored, key, now) or stored is None:
        raise _unknown()
    return stored.caller


def _unknown() -> Unauthorized:
    return Unauthorized("The key is not known here; check that it was copied whole and has not ended.")


def _sent(headers: Headers) -> str:
    if own := headers.get(OWN_KEY):
        return own
    scheme, _, key = headers.get(_AUTHORIZATION, "").partition(" ")
    return (key.strip() if scheme.lower() == "bearer" else "") or headers.get(_KEY, "") or headers.get(_SHORT_KEY, "")
