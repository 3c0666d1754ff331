"""How a server is reached over HTTP (streamable HTTP, as the protocol calls it)."""

from __future__ import annotations

import json
import socket
from typing import Any

import uvicorn
from mcp.server.lowlevel.server import Server
from mcp.server.transport_security import TransportSecuritySettings
from multidict import CIMultiDict

from memsvc.core.model import DEFAULT_TENANT
from memsvc.errors import Forbidden, MemsvcError, Unauthorized
from memsvc.server.gate import Gate, is_local_origin

PATH = "/mcp"
MOST_BODY = 2 * 1024 * 1024
"""Bytes of a request; the largest that the tools take."""


def http_app(server: Server[Any], *, host: str, key: str | None) -> Any:
    """The ASGI application at `PATH`. Nothing is kept between requests: any process may answer the next one.

    Args:
        host: the address it will listen on.
        key: what a request must bring as `Authorization: Bearer`; None = only programs on this machine are answered.
            Pages of other machines are never.
    """
    # The SDK looks at Host and Origin too where it knows that only this machine may call.
    security = None if key is None else TransportSecuritySettings(enable_dns_rebinding_protection=False)
    inner = server.streamable_http_app(
        streamable_http_path=PATH,
        json_response=True,
        stateless_http=True,
        max_request_body_size=MOST_BODY,
        transport_security=security,
        host=host,
    )
    gate = Gate(None if key is None else {key: DEFAULT_TENANT})

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = CIMultiDict((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
            try:
                gate.caller(headers)
                _check_origin(headers.get("Origin"))
            except MemsvcError as refused:
                await _refuse(refused, send)
                return
        await inner(scope, receive, send)

    return app


async def over_http(app: Any, listening: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM."""
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, ws="none", timeout_graceful_shutdown=5
    )
    await uvicorn.Server(config).serve(sockets=[listening])


def _check_origin(origin: str | None) -> None:
    if origin is not None and not is_local_origin(origin):
        raise Forbidden("No web page of another machine is answered.", field="Origin")


async def _refuse(refused: MemsvcError, send: Any) -> None:
    body = json.dumps({"code": refused.code, "detail": refused.detail}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if isinstance(refused, Unauthorized):
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
