"""One call from end to end: whose it is, what it carries, where it goes, what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from memsvc.core import vendor_calls
from memsvc.core.model import Key
from memsvc.core.render.context import needs_breakpoints
from memsvc.core.render.splice import edit, string
from memsvc.core.vendor_calls import AUTO, Api, VendorCall
from memsvc.errors import BudgetExceeded, InvalidRequest, MemsvcError, NotFound
from memsvc.gateway import relay
from memsvc.gateway.auto import Router
from memsvc.gateway.books import Books, Held, guessed_before, guessed_tokens, worst
from memsvc.gateway.conversation import SHORT_S, Conversations, Start, Turn
from memsvc.gateway.finish import Finish
from memsvc.gateway.refusals import Repair, repair_for
from memsvc.gateway.upstream import PATHS, STORED, VIA, Connections, Upstream, no_key, onward, sent_key
from memsvc.gateway.wishes import Wishes, wishes
from memsvc.service.vault import Vault

if TYPE_CHECKING:
    import aiohttp
    from aiohttp import web
    from multidict import CIMultiDict

Vendor = Literal["anthropic", "openai"]
WINDOW = "model_context_window_exceeded"
MOST_ERROR_BYTES = 1_000_000
MOST_REMEMBERED = 10_000
"""Sessions whose thinking a provider has refused; of one that is forgotten it is refused once more."""
NOBODY = ""


@dataclass(frozen=True, slots=True)
class Ways:
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


@dataclass(slots=True)
class Order:
    """A call in the making.

    Attributes:
        model: that it goes to.
        limit: the most tokens of its reply; None = the model's own limit.
        long: what it writes to the provider's cache may have the longer lifetime.
        members: what is exchanged in the body whatever the conversation is.
        repaired: what was repaired of it.
        refused: by a budget, the last time that it was asked.
    """

    tenant: str
    call: VendorCall
    wishes: Wishes
    upstream: Upstream
    headers: CIMultiDict[str]
    model: str
    query: str = ""
    limit: int | None = None
    long: bool = False
    members: dict[str, bytes | None] = field(default_factory=dict)
    turn: Turn | None = None
    held: Held | None = None
    repaired: list[Repair] = field(default_factory=list)
    refused: BudgetExceeded | None = None


class Gateway:
    """Answers calls in the vendors' own shapes.

    Args:
        vault: tenants' keys for providers; None = there are none.
    """

    def __init__(
        self,
        conversations: Conversations,
        books: Books,
        router: Router,
        ways: Ways,
        connections: Connections,
        finish: Finish,
        vault: Vault | None = None,
    ) -> None:
        self._conversations = conversations
        self._books = books
        self._router = router
        self._ways = ways
        self._connections = connections
        self._finish = finish
        self._vault = vault
        self._thoughtless: OrderedDict[Key, int] = OrderedDict()

    async def answer(
        self, request: web.Request, api: Api, tenant: str, raw: Mapping[str, bytes], *, ours: bool
    ) -> web.StreamResponse:
        """Answer a model call. `ours`: the credential in the vendors' own headers is one of this service, and goes no
        further. Raises MemsvcError."""
        if VIA in request.headers.getall("Via", ()):
            raise InvalidRequest("This call comes from this service: its upstream address is its own.", code="loop")
        call = vendor_calls.read(api, raw)
        upstream = self._ways.of(api)
        headers = onward(request.headers, upstream, await self._key(request, upstream, tenant, ours=ours))
        order = Order(
            tenant, call, wishes(request.headers), upstream, headers, call.model, request.rel_url.raw_query_string
        )
        with contextlib.ExitStack() as flight:
            await self._prepare(order, flight)
            return await self._call(order, request)

    async def passed(self, request: web.Request, path: str, tenant: str, body: bytes, *, ours: bool) -> web.Response:
        """Pass a request on that is no call of a model: lists of models, token counts."""
        vendor: Vendor = "anthropic" if "anthropic-version" in request.headers else "openai"
        upstream = self._ways.anthropic if vendor == "anthropic" else self._ways.openai
        headers = onward(request.headers, upstream, await self._key(request, upstream, tenant, ours=ours))
        below = path if vendor == "anthropic" else path.removeprefix("/v1")
        url = upstream.address(below, "", request.rel_url.raw_query_string)
        if request.method == "GET":
            reply = await self._connections.get(url, headers)
        else:
            reply = await self._connections.post(url, headers, body)
        return await relay.copied(reply, await relay.read_all(reply), {})

    async def close(self) -> None:
        """Let go of connections."""
        await self._connections.close()

    async def _key(self, request: web.Request, upstream: Upstream, tenant: str, *, ours: bool) -> str | None:
        """The stored key to call with; None = the caller's own goes on."""
        sent = "" if ours else sent_key(request.headers)
        if sent and sent != STORED:
            return None
        if self._vault is not None:
            try:
                return await self._vault.read(tenant, upstream.provider)
            except NotFound:
                pass
        if upstream.own:
            return ""  # such servers ask for none; ours must not reach them
        raise no_key(upstream.provider)

    async def _prepare(self, order: Order, flight: contextlib.ExitStack) -> None:
        """Bring the session up to date and hold the call's worst case, with the first model that a budget reaches."""
        call, asked = order.call, order.wishes
        key = Key(order.tenant, asked.session or NOBODY)
        head = await self._conversations.head(key) if asked.session is not None else None
        ttl_s = self._conversations.ttl_s(head) if head is not None else SHORT_S
        models = self._router.order(call, order.upstream.vendor, head, ttl_s)
        order.long = ttl_s > SHORT_S or call.long_marks
        cap = self._ways.cap(asked.feature)
        order.members, order.limit = vendor_calls.capped(call, cap, older=order.upstream.old_names)
        order.model = models[0]
        if asked.session is None:
            held = await self._tried(order, guessed_tokens(b"".join(call.parts.values())))
        else:
            held = await self._begun(order, Start(key, head, asked.history, flight))
        for model in models[1:]:
            if held is not None:
                break
            order.model = model
            if order.turn is not None:
                order.turn = await self._conversations.moved(order.turn, call, model)
            held = await self._tried(order, self._size(order))
        if held is None:
            raise order.refused or BudgetExceeded("the tenant's budget is used up")

    async def _begun(self, order: Order, start: Start) -> Held | None:
        """Bring the session up to date, and hold the call beside it where its size can be told before."""
        begin = self._conversations.begin(start, order.call, order.model)
        if start.head is None:
            order.turn = await begin
            return await self._tried(order, self._size(order))
        before = guessed_before(start.head, order.call)
        turn, held = await asyncio.gather(begin, self._tried(order, before, start.key), return_exceptions=True)
        for failed in (turn, held):
            if isinstance(failed, BaseException):
                if isinstance(held, Held):
                    await self._books.drop(held)
                raise failed
        assert isinstance(turn, Turn)
        order.turn = turn
        if isinstance(held, Held) and (turn.size > before or turn.key != start.key):
            await self._books.drop(held)  # another line of the conversation, or more than was seen
            held = await self._tried(order, turn.size)
        return held if isinstance(held, Held) else None

    async def _tried(self, order: Order, size: int, key: Key | None = None) -> Held | None:
        """The held call; None where a budget refuses it (which `order.refused` says)."""
        turn = order.turn
        key = key or (turn.key if turn is not None else Key(order.tenant, NOBODY))
        most = worst(size, order.limit, long=order.long)
        try:
            held = await self._books.hold(key, order.wishes.feature, order.upstream.provider, order.model, most)
        except BudgetExceeded as refused:
            order.refused = refused
            return None
        order.held = held
        return held

    def _size(self, order: Order) -> int:
        assert order.turn is not None or not order.call.messages
        return order.turn.size if order.turn is not None else 0

    async def _call(self, order: Order, request: web.Request) -> web.StreamResponse:
        assert order.held is not None, "no call is made that is not held"
        try:
            reply, refused = await self._sent(order)
        except MemsvcError as error:
            if error.code in ("upstream_unreachable", "invalid_request"):  # nothing was sent
                await self._books.drop(order.held)
            raise
        if refused is not None:
            await self._books.drop(order.held)
            return await relay.copied(reply, refused, await self._finish.headers(order, None))
        if reply.content_type == "text/event-stream":
            return await relay.streamed(order, request, reply, self._finish)
        body = await relay.read_all(reply)
        done = await self._finish.whole(order, body)
        if done.stop == WINDOW and order.turn is not None and not order.repaired:
            return await self._called_again(order, request)
        return await relay.copied(reply, body, await self._finish.headers(order, done))

    async def _called_again(self, order: Order, request: web.Request) -> web.StreamResponse:
        """The window was full before the reply was: once more, with less in it."""
        assert order.turn is not None
        order.repaired.append("context_overflow")
        order.turn = await self._conversations.regenerated(order.turn, order.call)
        if await self._tried(order, self._size(order)) is None:
            raise order.refused or BudgetExceeded("the tenant's budget is used up")
        return await self._call(order, request)

    async def _sent(self, order: Order) -> tuple[aiohttp.ClientResponse, bytes | None]:
        """The reply that has begun; or what a refusal said, after one repair at most."""
        url = order.upstream.address(PATHS[order.call.api], order.model, order.query)
        while True:
            reply = await self._connections.post(url, order.headers, self._body(order))
            if reply.status < 400:
                return reply, None
            refused = await relay.read_all(reply, MOST_ERROR_BYTES)
            kind = repair_for(reply.status, refused)
            if kind is None or order.repaired or not await self._repaired(order, kind):
                return reply, refused
            order.repaired.append(kind)

    async def _repaired(self, order: Order, kind: Repair) -> bool:
        """Whether there is something else to send."""
        if order.turn is None:
            return False
        if kind == "thinking":
            self._thoughtless[order.turn.key] = order.turn.epoch
            if len(self._thoughtless) > MOST_REMEMBERED:
                self._thoughtless.popitem(last=False)
            return True
        again = await self._conversations.again(order.turn, order.call)
        if again is None:
            return False
        order.turn = again
        return True

    def _body(self, order: Order) -> bytes:
        """The request's bytes."""
        call, turn = order.call, order.turn
        new: dict[str, bytes | None] = dict(order.members)
        if call.model == AUTO:
            new["model"] = string(order.model)
        if call.api == "chat" and not call.wants_usage:
            options = call.parts.get("stream_options", b"null")
            new["stream_options"] = edit(b"{}" if options == b"null" else options, (), {"include_usage": b"true"})
        if turn is None:
            return vendor_calls.rewritten(call, new)
        new |= vendor_calls.conversation(call, turn.context, explicit=needs_breakpoints(order.model))
        if self._thoughtless.get(turn.key) == turn.epoch:
            name = vendor_calls.LISTS[call.api]
            new[name] = vendor_calls.without_thinking(call, new[name] or b"[]")
        if call.api == "messages":
            new["cache_control"] = None  # the context has marks of its own, four at most
        elif order.upstream.caches_by_key and "prompt_cache_key" not in call.parts:
            new["prompt_cache_key"] = vendor_calls.cache_key(_digest(turn.key))
        return vendor_calls.rewritten(call, new)


def _digest(key: Key) -> bytes:
    return hashlib.blake2b(repr((key.tenant, key.session)).encode(), digest_size=16).digest()
