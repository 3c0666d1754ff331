"""Who is asking: from a request's headers to a tenant, or a refusal."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Protocol

from multidict import CIMultiDictProxy

from memsvc.core.model import DEFAULT_TENANT
from memsvc.errors import Forbidden, Unauthorized

Headers = CIMultiDictProxy[str]

_LOOPBACK = r"(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?"
_HOST = re.compile(_LOOPBACK, re.IGNORECASE)
_ORIGIN = re.compile(r"https?://" + _LOOPBACK, re.IGNORECASE)


class Gate(Protocol):
    """Lets a request in."""

    def tenant(self, headers: Headers) -> str:
        """The tenant these headers speak for. Raises Unauthorized or Forbidden."""
        ...


class Keys:
    """Each key stands for a tenant. Only hashes are kept, and they are compared in constant time."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._by_digest = {_digest(key): (_digest(key), tenant) for key, tenant in keys.items()}

    def tenant(self, headers: Headers) -> str:
        """The tenant of the key in `Authorization: Bearer` or `x-api-key`. Raises Unauthorized."""
        key = _bearer(headers.get("Authorization", "")) or headers.get("x-api-key", "")
        if not key:
            raise Unauthorized("No key was sent; send `Authorization: Bearer <key>` or `x-api-key: <key>`.")
        digest = _digest(key)
        stored, tenant = self._by_digest.get(digest, (b"", ""))
        if not hmac.compare_digest(stored, digest):
            raise Unauthorized("The key is not known here; check that it was copied whole and not revoked.")
        return tenant


class Loopback:
    """No keys: one tenant, and only programs on this machine.

    A web page must not reach the service through a visitor's browser: neither under a name of its
    own that resolves to this machine (the Host header tells) nor across origins (Origin tells).
    """

    def __init__(self) -> None:
        self._good_host = "localhost"

    def tenant(self, headers: Headers) -> str:
        """The one tenant. Raises Forbidden unless the request is meant for, and comes from, here."""
        host = headers.get("Host", "")
        if host != self._good_host and _HOST.fullmatch(host) is None:
            raise Forbidden(
                "Without keys only requests to a local name are answered; use http://127.0.0.1 "
                "or http://localhost, or configure keys.",
                field="Host",
            )
        self._good_host = host  # the same in nearly every request
        origin = headers.get("Origin")
        if origin is not None and _ORIGIN.fullmatch(origin) is None:
            raise Forbidden(
                "Without keys no request from another origin is answered; call from a program, not from a "
                "web page, or configure keys.",
                field="Origin",
            )
        return DEFAULT_TENANT


def _bearer(value: str) -> str:
    scheme, _, key = value.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
