"""Bytes of replies on their way to the client: passed on as they come, listened to beside."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from memsvc.core import stream
from memsvc.errors import Unavailable
from memsvc.gateway.conversation import shielded
from memsvc.gateway.upstream import backward
from memsvc.gateway.wishes import REQUEST_ID

if TYPE_CHECKING:
    import aiohttp
    from aiohttp import web

    from memsvc.gateway.finish import Finish
    from memsvc.gateway.order import Order

LOOK_S = 2.0
"""So often a stream that is silent looks whether its client is still there."""


class ClientLeft(Exception):
    """Nobody reads the stream any more."""


class ProviderLeft(Exception):
    """The provider's connection broke."""


async def copied(reply: aiohttp.ClientResponse, body: bytes, more: Mapping[str, str]) -> web.Response:
    """A reply that came in one piece, with more headers."""
    from aiohttp import web

    headers = backward(reply.headers)
    headers.update(more)
    return web.Response(status=reply.status, reason=reply.reason, headers=headers, body=body)


async def read_all(reply: aiohttp.ClientResponse, most: int | None = None) -> bytes:
    """A reply's body, its first `most` bytes. Raises Unavailable if it breaks off."""
    import aiohttp

    try:
        if most is None:
            return await reply.read()
        body = bytearray()
        async for chunk in reply.content.iter_any():
            body += chunk
            if len(body) >= most:
                reply.close()
                break
        return bytes(body[:most])
    except (aiohttp.ClientError, TimeoutError, OSError) as failed:
        raise Unavailable(
            f"The provider's reply broke off ({type(failed).__name__}); try again.",
            code="upstream_broke_off",
            retry_after=1,
        ) from None
    finally:
        reply.release()


async def streamed(
    order: Order, request: web.Request, reply: aiohttp.ClientResponse, finish: Finish, *, idle_s: float
) -> web.StreamResponse:
    """Pass a stream on. Its reply is stored before its last event goes out, so that whoever has read it may go on at
    once; and also when either side breaks it off. `idle_s`: as for `Connections`."""
    from aiohttp import web

    headers = backward(reply.headers)
    headers.update(await finish.headers(order, None))
    if order.request_id:  # on a stream nobody can add it later
        headers[REQUEST_ID] = order.request_id
    response = web.StreamResponse(status=reply.status, reason=reply.reason, headers=headers)
    call = order.call
    tap = stream.tap(call.api)
    sieve = stream.WithoutUsage() if call.api == "chat" and not call.wants_usage else None
    ended, whole = False, False
    watch = Watch(request, reply, idle_s)
    try:
        await response.prepare(request)
        while chunk := await watch.chunk():
            tap.feed(chunk)
            if tap.ended and not ended:
                ended = True
                await shielded(finish.heard(order, tap.heard()))
            if out := chunk if sieve is None else sieve.feed(chunk):
                await response.write(out)
        if sieve is not None and (rest := sieve.rest()):
            await response.write(rest)
        whole = True
    except ProviderLeft:
        finish.broke_off(order)
    except (ClientLeft, ConnectionError):
        pass
    finally:
        watch.end()
        if not ended:
            await shielded(finish.heard(order, tap.heard()))
        reply.close()
    if not whole and request.transport is not None:
        request.transport.abort()  # as the provider's own connection broke: no end that looks like one
    return response


class Watch:
    """The chunks of a reply; and from time to time a look whether its client is still there, and its provider not
    silent for too long. One timer for both, which is not set anew with each chunk: there are thousands a second.

    Args:
        idle_s: a provider that sends nothing for so long is given up.
    """

    __slots__ = (
        "_client_left",
        "_content",
        "_every_s",
        "_failures",
        "_idle_s",
        "_reply",
        "_request",
        "_seen",
        "_silent_s",
        "_timer",
        "_waits",
    )

    def __init__(self, request: web.Request, reply: aiohttp.ClientResponse, idle_s: float) -> None:
        import aiohttp

        self._failures = (aiohttp.ClientError, OSError)
        self._request = request
        self._reply = reply
        self._content = reply.content
        self._idle_s = idle_s
        self._every_s = min(LOOK_S, idle_s / 2)
        self._client_left = False
        self._waits = False
        self._seen, self._silent_s = 0, 0.0
        if reply.connection is not None and reply.connection.protocol is not None:
            reply.connection.protocol.read_timeout = None  # the one of the connection, kept by these looks instead
        self._timer = asyncio.get_running_loop().call_later(self._every_s, self._look)

    async def chunk(self) -> bytes:
        """What comes next; b"" at the end. Raises ProviderLeft, ClientLeft."""
        self._waits = True
        try:
            return await self._content.readany()
        except self._failures:
            raise (ClientLeft if self._client_left else ProviderLeft) from None
        finally:
            self._waits = False

    def end(self) -> None:
        """No more looks."""
        self._timer.cancel()

    def _look(self) -> None:
        seen, transport = self._content.total_bytes, self._request.transport
        # While a slow client is waited for, a provider is not read, and so says nothing.
        self._silent_s = self._silent_s + self._every_s if seen == self._seen and self._waits else 0.0
        self._seen = seen
        self._client_left = transport is None or transport.is_closing()
        if self._client_left or self._silent_s >= self._idle_s:
            self._reply.close()  # whoever waits for a chunk is told
            return
        self._timer = asyncio.get_running_loop().call_later(self._every_s, self._look)
