"""A call in the making, and where calls go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct, field

from memsvc.core.vendor_calls import Api, VendorCall
from memsvc.errors import BudgetExceeded
from memsvc.gateway.books import Held
from memsvc.gateway.conversation import Turn
from memsvc.gateway.refusals import Repair
from memsvc.gateway.upstream import Upstream
from memsvc.gateway.wishes import Wishes
from memsvc.ports import Span

if TYPE_CHECKING:
    from multidict import CIMultiDict


class Ways(Struct, frozen=True):
    """Where calls go, and what they may.

    Attributes:
        caps: the most tokens of a reply, by feature; `*` = of every other.
    """

    anthropic: Upstream
    openai: Upstream
    caps: Mapping[str, int] = field(default_factory=dict)

    def of(self, api: Api) -> Upstream:
        """The provider that speaks an API."""
        return self.anthropic if api == "messages" else self.openai

    def cap(self, feature: str) -> int | None:
        """The most tokens of a reply; None = any number."""
        return self.caps.get(feature, self.caps.get("*"))


class Asker(Struct, frozen=True):
    """Who asks.

    Attributes:
        request_id: the request's name in the log.
        ours: the credential in the vendors' own headers is one of this service, and goes no further.
    """

    tenant: str
    request_id: str
    ours: bool


class Order(Struct):
    """A call in the making.

    Attributes:
        prints: fingerprints of its first messages, where they are known.
        model: that it goes to.
        limit: the most tokens of its reply; None = the model's own limit.
        long: what it writes to the provider's cache may have the longer lifetime.
        members: what is exchanged in the body whatever the conversation is.
        repaired: what was repaired of it.
        held: its worst case in the books; None = it costs nothing, yet or at all.
        begun: a provider may have begun to answer, and bill; sent_at: since when, by the event loop's clock.
        refused: by a budget, the last time that it was asked.
        span: the call as a step of a trace; None = it is not made yet.
    """

    tenant: str
    call: VendorCall
    wishes: Wishes
    upstream: Upstream
    headers: CIMultiDict[str]
    model: str
    query: str = ""
    request_id: str = ""
    limit: int | None = None
    long: bool = False
    members: dict[str, bytes | None] = field(default_factory=dict)
    turn: Turn | None = None
    held: Held | None = None
    repaired: list[Repair] = field(default_factory=list)
    begun: bool = False
    sent_at: float = 0.0
    refused: BudgetExceeded | None = None
    span: Span | None = None
    prints: Sequence[bytes] = ()

    @property
    def session(self) -> str:
        """The session that it is for; "" = none."""
        return self.turn.key.session if self.turn is not None else self.wishes.session or ""
