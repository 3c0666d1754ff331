"""One call from end to end: whose it is, what it carries, where it goes, what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

from memsvc.core import vendor_calls
from memsvc.core.model import Key
from memsvc.core.render.context import needs_breakpoints
from memsvc.core.render.splice import edit, string
from memsvc.core.stream import Heard, whole
from memsvc.core.vendor_calls import AUTO, Api
from memsvc.errors import BudgetExceeded, InvalidRequest, NotFound, Unavailable
from memsvc.gateway import relay, steps
from memsvc.gateway.auto import Router
from memsvc.gateway.books import Books, Held, guessed_before, guessed_tokens, worst
from memsvc.gateway.conversation import SHORT_S, Conversations, Start, Turn
from memsvc.gateway.finish import Finish
from memsvc.gateway.order import Asker, Order, Ways
from memsvc.gateway.refusals import Repair, repair_for
from memsvc.gateway.upstream import PATHS, STORED, VIA, Connections, Upstream, no_key, onward, sent_key
from memsvc.gateway.wishes import wishes
from memsvc.observe import ProviderFailed, Sink
from memsvc.ports import NO_SPANS, Spans
from memsvc.service.vault import Vault

if TYPE_CHECKING:
    import aiohttp
    from aiohttp import web

Vendor = Literal["anthropic", "openai"]
INVALID = (400, 413, 422)
"""Statuses of requests that would be refused again and again."""
WINDOW = "model_context_window_exceeded"
MOST_ERROR_BYTES = 1_000_000
MOST_THOUGHTLESS = 10_000
"""Sessions of which is remembered that their thinking is refused; of one that is forgotten it is found out anew."""
NOBODY = ""


class Gateway:
    """Answers calls in the vendors' own shapes.

    Args:
        vault: tenants' keys for providers; None = there are none.
        tell: hears of providers that failed.
        spans: where calls are told as steps of traces.
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
        *,
        tell: Sink = lambda event: None,
        spans: Spans = NO_SPANS,
    ) -> None:
        self._conversations = conversations
        self._books = books
        self._router = router
        self._ways = ways
        self._connections = connections
        self._finish = finish
        self._vault = vault
        self._tell = tell
        self._spans = spans
        self._thoughtless: dict[Key, int] = {}

    async def answer(self, request: web.Request, api: Api, who: Asker, raw: Mapping[str, bytes]) -> web.StreamResponse:
        """Answer a model call. Raises MemsvcError."""
        _check_way(request)
        asked, query = wishes(request.headers), request.rel_url.raw_query_string
        key = Key(who.tenant, asked.session or NOBODY)
        begun = self._conversations.recent.get(key, api)
        listed = begun.of(raw.get(vendor_calls.LISTS[api], b""))
        call = vendor_calls.read(api, raw, listed, unmarked=begun.unmarked if listed is not None else 0)
        upstream = self._ways.of(api)
        headers = onward(request.headers, upstream, await self._key(request, upstream, who))
        order = Order(who.tenant, call, asked, upstream, headers, call.model, query, who.request_id)
        with contextlib.ExitStack() as flight:
            order.prints = begun.prints if listed is not None else ()
            await self._prepare(order, flight)
            answer = await self._call(order, request)
        if order.turn is not None:  # behind the reply's last byte
            self._conversations.recent.keep(key, call, order.turn.taken.asked.prints)
        return answer

    async def passed(self, request: web.Request, path: str, who: Asker, body: bytes) -> web.Response:
        """Pass a request on that is no call of a model: lists of models, token counts."""
        _check_way(request)
        if ".." in unquote(path).split("/"):
            raise InvalidRequest("This path leads elsewhere.", field="path")
        theirs = path.startswith("/v1/messages") or "anthropic-version" in request.headers
        vendor: Vendor = "anthropic" if theirs else "openai"
        upstream = self._ways.anthropic if vendor == "anthropic" else self._ways.openai
        headers = onward(request.headers, upstream, await self._key(request, upstream, who))
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

    async def _key(self, request: web.Request, upstream: Upstream, who: Asker) -> str | None:
        """The stored key to call with; None = the caller's own goes on."""
        sent = "" if who.ours else sent_key(request.headers)
        if sent and sent != STORED:
            return None
        if self._vault is not None:
            try:
                return await self._vault.read(who.tenant, upstream.provider)
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
            held = await self._tried(order, self._size(order))
        else:
            held = await self._begun(order, Start(key, head, asked.history, flight, order.prints))
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
        most = worst(size, order.limit, choices=order.call.choices, long=order.long)
        try:
            held = await self._books.hold(key, order.wishes.feature, order.upstream.provider, order.model, most)
        except BudgetExceeded as refused:
            order.refused = refused
            return None
        order.held = held
        return held

    def _size(self, order: Order) -> int:
        if order.turn is not None:
            return order.turn.size
        return guessed_tokens(b"".join(order.call.parts.values()))

    async def _call(self, order: Order, request: web.Request) -> web.StreamResponse:
        if self._spans is NO_SPANS:
            return await self._watched(order, request)
        with self._spans.span(f"chat {order.model}", steps.asked(order), kind="client") as order.span:
            return await self._watched(order, request)

    async def _watched(self, order: Order, request: web.Request) -> web.StreamResponse:
        try:
            return await self._called(order, request)
        except Unavailable as failed:
            if failed.code.startswith("upstream"):
                self._failed(order, failed.code)
            raise

    def _failed(self, order: Order, error: str) -> None:
        """A provider gave no good answer."""
        if order.span is not None:
            order.span.fail(error)
        self._tell(ProviderFailed(order.tenant, order.session, order.upstream.provider, error))

    async def _called(self, order: Order, request: web.Request) -> web.StreamResponse:
        assert order.held is not None, "no call is made that is not held"
        try:
            reply, refused = await self._sent(order)
        finally:
            if not order.begun:
                await self._books.drop(order.held)
                order.held = None
        if refused is not None:
            if reply.status in INVALID and order.turn is not None:
                await self._conversations.take_back(order.turn)
            return await relay.copied(reply, refused, await self._finish.headers(order, None))
        if reply.content_type == "text/event-stream":
            with self._finish.streaming(order):
                return await relay.streamed(order, request, reply, self._finish, idle_s=self._connections.idle_s)
        body = await relay.read_all(reply)
        heard = whole(order.call.api, body)
        if heard.stop == WINDOW and not order.repaired and await self._repaired(order, "context_overflow"):
            return await self._called_again(order, request, heard)
        done = await self._finish.heard(order, heard)
        return await relay.copied(reply, body, await self._finish.headers(order, done))

    async def _called_again(self, order: Order, request: web.Request, heard: Heard) -> web.StreamResponse:
        """The window was full before the reply was: once more, with less in it. `heard`: what is billed, and no part
        of the conversation."""
        await self._finish.unstored(order, heard)
        order.repaired.append("context_overflow")
        order.begun = False
        if await self._tried(order, self._size(order)) is None:
            raise order.refused or BudgetExceeded("the tenant's budget is used up")
        return await self._called(order, request)

    async def _sent(self, order: Order) -> tuple[aiohttp.ClientResponse, bytes | None]:
        """The reply that has begun; or what a refusal said, after one repair at most."""
        url = order.upstream.address(PATHS[order.call.api], order.model, order.query)
        while True:
            body = self._body(order)
            order.begun, order.sent_at = True, asyncio.get_running_loop().time()
            try:
                reply = await self._connections.post(url, order.headers, body)
            except Unavailable as error:
                order.begun = error.code != "upstream_unreachable"
                raise
            if reply.status < 300:
                return reply, None
            order.begun = False
            refused = await relay.read_all(reply, MOST_ERROR_BYTES)
            self._failed(order, str(reply.status))
            kind = repair_for(reply.status, refused)
            if kind is None or order.repaired or not await self._repaired(order, kind):
                return reply, refused
            order.repaired.append(kind)

    async def _repaired(self, order: Order, kind: Repair) -> bool:
        """Whether there is something else to send."""
        if order.turn is None:
            return False
        if kind == "thinking":
            if len(self._thoughtless) >= MOST_THOUGHTLESS:
                self._thoughtless.pop(next(iter(self._thoughtless)))
            self._thoughtless[order.turn.key] = order.turn.epoch
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
            # A branch has its beginning from the session, and so its cache.
            named = Key(order.tenant, order.wishes.session or NOBODY)
            new["prompt_cache_key"] = vendor_calls.cache_key(_digest(named))
        return vendor_calls.rewritten(call, new)


def _check_way(request: web.Request) -> None:
    """Raise for a call that this service made itself."""
    if any(way.strip() == VIA for line in request.headers.getall("Via", ()) for way in line.split(",")):
        raise InvalidRequest("This call comes from this service: its upstream address is its own.", code="loop")


def _digest(key: Key) -> bytes:
    return hashlib.blake2b(repr((key.tenant, key.session)).encode(), digest_size=16).digest()
