"""The catalogue of keys. Everything of a session lies in one hash slot, by the tag `{m<shard>}`.

A session is named by a hash of (tenant, session), which also gives its shard. Every script is told all the
keys it touches, so that a cluster can move slots under it. `P` is the namespace, `T` the tag.

```text
of a session      P:T:h:<name>  header (packed)            P:T:g:<name>  settings (packed)
                  P:T:e:<name>  log: zset by seq           P:T:i:<name>  message ids: hash id -> seq
                  P:T:r:<name>  idempotency records: hash  P:T:a:<name>  the same by age: list
                  P:T:s:<name>  summaries: zset by epoch   P:T:c:<name>  the chain in force: zset by to_seq
                  P:T:x:<name>  superseded ranges: zset    P:T:p:<name>  pins: zset by seq
                  P:T:q:<name>  spent: zset, lexical       P:T:d:<name>  redacted in the live log: zset by seq
                  P:T:b:<name>  payloads: hash by hash     P:T:o:<name>  how many messages have each: hash
                  P:T:j:<name>  ids of its lines in the books: zset by time
being put together  P:T:y:<name>!, and e i x s p b o under the same name: gone after an hour
of a shard        P:T:due       queue: zset by due time    P:T:claimed   claimed jobs: zset by claim time
                  P:T:t:<tenant>  sessions by activity     P:T:u:<user>  the same of one user
                  P:T:all       sessions: zset by uid      P:T:lines     of the books: zset, lexical
                  P:T:l:<tenant>  ledger: hash id -> line  P:T:k:<tenant>  ids of the tenant's books -> shard
                  P:T:w:<tenant>  what they come to: hash of day, feature, model and figure
                  P:T:v:<tenant>  the days, features and models of that: zset by day
                  P:T:tenants   that have any of these: set
                  P:T:n:<tenant>  its newest compactions: list   P:T:n:<tenant>:<month>  its running figures: hash
                  P:T:n:<tenant>:books  what w of all shards come to: hash by span of days
                  P:T:f:<tenant>  its budgets: hash        P:T:f:<tenant>:<day or month>  what counts in them: hash
                  P:T:heirs     hash uid -> uid of the session that took its place
                  P:T:touch     written to be waited for
of the store      P:{m0}:schema            P:{m0}:keys   API keys: hash id -> key
                  P:{m0}:sealed            encrypted keys for providers: hash
```
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from hashlib import blake2b

from memsvc.core.model import Key

SHARDS = 64
NAME_BYTES = 20
"""Size of a hash that stands for a name: two names with one hash would be one session."""


def fingerprint(*parts: bytes) -> str:
    """A short text that stands for texts or bytes, each taken whole."""
    return base64.urlsafe_b64encode(_hash(*parts)).decode().rstrip("=")


def _hash(*parts: bytes) -> bytes:
    hasher = blake2b(digest_size=NAME_BYTES)
    for part in parts:
        hasher.update(b"%d:" % len(part))
        hasher.update(part)
    return hasher.digest()


def tag(shard: int) -> str:
    """The part of a key that chooses its slot."""
    return f"{{m{shard}}}"


def user_token(tenant: str, user: str | None) -> str:
    """Names a user's index; `-` where a session has no user."""
    return "-" if user is None else fingerprint(tenant.encode(), user.encode())


@dataclass(frozen=True, slots=True)
class Place:
    """Where a session's keys are.

    Attributes:
        base: what its shard's keys begin with.
        name: the hash that stands for it.
        tenant: the hash that stands for its tenant.
    """

    shard: int
    base: str
    name: str
    tenant: str

    def of(self, letters: str) -> list[str]:
        """Keys of the session, one for each letter."""
        return [f"{self.base}{letter}:{self.name}" for letter in letters]

    def staged(self) -> list[str]:
        """Keys of what is put together out of sight under this name: what is known of it, then its parts."""
        return [f"{self.base}{letter}:{self.name}!" for letter in "yeixspbo"]

    def shared(self, name: str) -> str:
        """A key of the shard."""
        return self.base + name

    @property
    def index(self) -> str:
        """The tenant's sessions of this shard, by activity."""
        return f"{self.base}t:{self.tenant}"

    @property
    def ledger(self) -> str:
        """The tenant's lines of this shard."""
        return f"{self.base}l:{self.tenant}"

    @property
    def spent(self) -> str:
        """What the tenant's lines of this shard come to."""
        return f"{self.base}w:{self.tenant}"

    @property
    def days(self) -> str:
        """The same, to be found by day."""
        return f"{self.base}v:{self.tenant}"

    def user_index(self, user: str) -> str:
        """One user's sessions of this shard, by activity."""
        return f"{self.base}u:{user}"


class Keys:
    """Names keys in one namespace."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._tenants: dict[str, str] = {}

    def base(self, shard: int) -> str:
        """What the keys of a shard begin with."""
        return f"{self._prefix}:{tag(shard)}:"

    def place(self, key: Key) -> Place:
        """Where a session's keys are."""
        digest = _hash(key.tenant.encode(), key.session.encode())
        shard = digest[0] % SHARDS
        name = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        return Place(shard, self.base(shard), name, self.tenant(key.tenant))

    def tenant(self, tenant: str) -> str:
        """The hash that stands for a tenant."""
        found = self._tenants.get(tenant)
        if found is None:
            if len(self._tenants) > 10_000:
                self._tenants.clear()
            found = self._tenants[tenant] = fingerprint(tenant.encode())
        return found

    def book(self, tenant: str, line: str) -> tuple[int, str]:
        """(shard, key) of the index that says where in the books a line's id stands."""
        shard = _hash(b"line", tenant.encode(), line.encode("utf-8", "surrogatepass"))[0] % SHARDS
        return shard, f"{self.base(shard)}k:{self.tenant(tenant)}"

    def budgets(self, tenant: str) -> tuple[int, str]:
        """(shard, key) of a tenant's budgets; the keys of what counts in them begin with it."""
        shard = _hash(b"budgets", tenant.encode())[0] % SHARDS
        return shard, f"{self.base(shard)}f:{self.tenant(tenant)}"

    def figures(self, tenant: str) -> tuple[int, str]:
        """(shard, key) of a tenant's newest compactions; the keys of its running figures begin with it."""
        shard = _hash(b"figures", tenant.encode())[0] % SHARDS
        return shard, f"{self.base(shard)}n:{self.tenant(tenant)}"

    def sums(self, tenant: str) -> tuple[int, str]:
        """(shard, key) of what a tenant's lines of all shards come to."""
        shard, key = self.figures(tenant)
        return shard, f"{key}:books"

    @property
    def schema(self) -> str:
        """The schema's version."""
        return f"{self.base(0)}schema"

    @property
    def access(self) -> str:
        """The API keys."""
        return f"{self.base(0)}keys"

    @property
    def sealed(self) -> str:
        """Encrypted keys for providers."""
        return f"{self.base(0)}sealed"
