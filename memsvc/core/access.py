"""API keys: what is kept of one, how it is written down, and what it allows."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from msgspec import Struct

from memsvc.core.patterns import regex

Access = Literal["read", "write", "admin", "operator"]
"""What a caller may do: see, change, what only a tenant's own administration should, and see figures of all tenants:
see `wire.table`."""

ALL: tuple[Access, ...] = ("read", "write", "admin")
"""All that a tenant may do with what it has."""
ALL_SCOPES = frozenset(ALL)
EVERY: tuple[Access, ...] = (*ALL, "operator")
OWNER_SCOPES = frozenset(EVERY)
"""Of who has the store itself: the machine's owner."""
SECRET_BYTES = 32
"""Of randomness in a key: 256 bits cannot be guessed, so nothing has to slow guessing down."""
SHOWN = 4
"""Characters at the end of a key that are kept, to recognize it by; the others still have 240 bits."""

_TOKEN = regex(r"msk_([0-9a-f]{12})_[0-9a-f]{64}")
_NOBODY = b"\0" * 32


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is stored: everything but the key itself.

    Attributes:
        id: 12 hex digits, the middle of the key; not secret.
        name: what its owner calls it.
        scopes: in the order of `EVERY`, without one that is not there.
        digest: SHA-256 of the whole key.
        ending: the key's last characters.
        created_at, expires_at, revoked_at: unix seconds; None = never, not.
    """

    id: str
    tenant: str
    name: str
    scopes: tuple[Access, ...]
    digest: bytes = field(repr=False)
    ending: str
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None

    @property
    def caller(self) -> Caller:
        """Whom it speaks for while it is good."""
        return Caller(self.tenant, frozenset(self.scopes))

    def state(self, now: float) -> Literal["active", "expired", "revoked"]:
        """Whether it opens anything at `now`, and if not, why."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"


class Caller(Struct, frozen=True):
    """Whom a request speaks for, and what it may do there."""

    tenant: str
    scopes: frozenset[Access] = ALL_SCOPES


def key_of(id: str, secret: bytes) -> str:
    """A key as its owner gets it: `msk_<id>_<secret>`, letters and digits that a double click selects."""
    return f"msk_{id}_{secret.hex()}"


def id_of(key: str) -> str | None:
    """The id in a key, or None if this is no stored key's form."""
    found = _TOKEN.fullmatch(key)
    return found[1] if found else None


def digest_of(key: str) -> bytes:
    """What is kept of a key.

    A plain SHA-256 on purpose. Slow, salted hashes protect what people choose, which can be guessed; a key made
    here has 256 random bits, so that trying keys against a stolen hash is hopeless at any speed, equal keys do
    not occur, and a check that every request makes may take a microsecond."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def fits(stored: ApiKey | None, key: str, now: float) -> bool:
    """Whether a key is the stored one and still good. The same work whether or not there is one."""
    same = hmac.compare_digest(_NOBODY if stored is None else stored.digest, digest_of(key))
    return same and stored is not None and stored.state(now) == "active"


def ordered(scopes: Iterable[str]) -> tuple[Access, ...]:
    """The scopes among `scopes`, in their order, each once."""
    given = set(scopes)
    return tuple(scope for scope in EVERY if scope in given)
