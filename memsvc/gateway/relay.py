"""Bytes of replies on their way to the client: passed on as they come, listened to beside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
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
    order: Order, request: web.Request, reply: aiohttp.ClientResponse, finish: Finish
) -> web.StreamResponse:
    """Pass a stream on. Its reply is stored before its last event goes out, so that whoever has read it may go on at
    once; and also when either side breaks it off."""
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
    try:
        await response.prepare(request)
        async for chunk in _chunks(reply, request):
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
        if not ended:
            await shielded(finish.heard(order, tap.heard()))
        reply.close()
    if not whole and request.transport is not None:
        request.transport.abort()  # as the provider's own connection broke: no end that looks like one
    return response


async def _chunks(reply: aiohttp.ClientResponse, request: web.Request) -> AsyncIterator[bytes]:
    """The body as it comes, until the provider ends or breaks it off (ProviderLeft), or the client leaves
    (ClientLeft)."""
    import aiohttp

    while True:
        try:
            async with asyncio.timeout(LOOK_S):
                chunk = await reply.content.readany()
        except (aiohttp.ClientError, OSError) as failed:
            if type(failed) is not TimeoutError:  # that is ours, and an OSError
                raise ProviderLeft from None
            if request.transport is None or request.transport.is_closing():
                raise ClientLeft from None
            continue
        if not chunk:
            return
        yield chunk
