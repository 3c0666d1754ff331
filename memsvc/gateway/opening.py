"""Putting a gateway together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from memsvc.core.route import Tier
from memsvc.gateway.auto import Router
from memsvc.gateway.books import Books
from memsvc.gateway.conversation import Conversations
from memsvc.gateway.finish import Finish
from memsvc.gateway.order import Ways
from memsvc.gateway.proxy import Gateway
from memsvc.gateway.upstream import Connections
from memsvc.observe import Sink
from memsvc.ports import NO_SPANS, Counter, Prices, Spans, Store
from memsvc.service import Memory
from memsvc.service.lines import Lines
from memsvc.service.vault import Vault


class Outside(Struct, frozen=True):
    """What a gateway asks of the outside.

    Attributes:
        clock: unix seconds.
        tell: hears of caches that clients broke, of replies that could not be stored, of providers that failed.
        spans: where calls are told as steps of traces.
    """

    counter: Counter
    prices: Prices
    clock: Callable[[], float]
    tell: Sink
    spans: Spans = NO_SPANS


def open_gateway(
    memory: Memory,
    store: Store,
    outside: Outside,
    ways: Ways,
    *,
    models: Mapping[Tier, Sequence[str]],
    idle_s: float = 600.0,
    vault: Vault | None = None,
) -> Gateway:
    """A gateway over an open memory. `models`: what `auto` chooses from, by tier, as the settings name them."""
    conversations = Conversations(memory, store, Lines(memory, store), clock=outside.clock)
    books = Books(memory.purse, outside.prices, clock=outside.clock)
    finish = Finish(conversations, books, outside.counter, tell=outside.tell)
    router = Router(models, clock=outside.clock)
    connections = Connections(idle_s)
    tell, spans = outside.tell, outside.spans
    return Gateway(conversations, books, router, ways, connections, finish, vault, tell=tell, spans=spans)
