"""What a model call used and cost: the values that the books are made of."""

from __future__ import annotations

from msgspec import Struct

from memsvc.core.model import Key

OWN = "memsvc-"
"""The id of a call that the service made itself begins with this; nobody can report one."""


class Usage(Struct, frozen=True):
    """Tokens of one call, in the provider's own count. None = the report does not say.

    Attributes:
        input: all input, cached or not: the size of the request.
        cache_read, cache_write: the parts of `input` that were read from and written to the cache.
        cache_write_long: the part of `cache_write` with the longer, dearer lifetime.
        output: everything generated, thinking included.
    """

    input: int
    output: int
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_long: int | None = None


class Line(Struct, frozen=True):
    """One line of the ledger.

    Attributes:
        id: unique in the tenant: the provider's response id, or one of our own.
        feature: what the call was for (`summary`, `chat`, ...).
        micros: cost in millionths of a dollar; None = the price is unknown.
        held: the worst case, booked before the call; the settled line takes its place.
        revision: of the context that was sent, where a report names it.
    """

    id: str
    key: Key
    at: float
    feature: str
    provider: str
    model: str
    usage: Usage
    micros: int | None
    held: bool = False
    revision: int | None = None


DAY_S = 86_400


class Spent(Struct, frozen=True):
    """What the calls of one day, feature and model came to.

    Attributes:
        day: days since 1970 (UTC) of the calls' time.
        calls: all of them; `unpriced` those whose price is unknown, `held` those not settled yet.
        usage: sums; what a call does not say counts as 0.
        micros: millionths of a dollar, held calls at their worst, unpriced ones at nothing.
    """

    day: int
    feature: str
    provider: str
    model: str
    calls: int
    usage: Usage
    micros: int
    unpriced: int
    held: int
    held_micros: int


class Sent(Struct, frozen=True):
    """What a context of an earlier revision was, to compare a provider's count with.

    Attributes:
        uid, prefix_revision: the session and the prefix it was sent under.
        tokens: raw tokens of the whole context at that revision.
    """

    uid: int
    prefix_revision: int
    revision: int
    tokens: int
