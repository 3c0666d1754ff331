"""An OTLP collector over HTTP: a real server that decodes what exporters send."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

KINDS = {Span.SPAN_KIND_SERVER: "server", Span.SPAN_KIND_CLIENT: "client", Span.SPAN_KIND_INTERNAL: "internal"}


@dataclass(frozen=True)
class Seen:
    """A span as it was sent. `parent` "" = it has none."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, Any]
    failed: bool
    told: str
    """Its events and the text of its status: what could hold a conversation."""


@dataclass
class Collector:
    """What has come."""

    url: str = ""
    spans: list[Seen] = field(default_factory=list)
    resource: dict[str, Any] = field(default_factory=dict)
    raw: bytes = b""
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        raw = gzip.decompress(body) if request.headers.get("Content-Encoding") == "gzip" else body
        self.raw += raw
        for sent in ExportTraceServiceRequest.FromString(raw).resource_spans:
            self.resource = _attributes(sent.resource.attributes)
            self.spans += [_seen(span) for scope in sent.scope_spans for span in scope.spans]
        self.came.set()
        return web.Response(
            body=ExportTraceServiceResponse().SerializeToString(), content_type="application/x-protobuf"
        )

    async def until(self, *names: str) -> None:
        """Wait until spans of these names have come."""
        async with asyncio.timeout(30):
            while not set(names) <= {span.name for span in self.spans}:
                self.came.clear()
                await self.came.wait()

    def one(self, name: str) -> Seen:
        """The last span of a name."""
        return [span for span in self.spans if span.name == name][-1]


def _seen(span: Span) -> Seen:
    told = span.status.message + "".join(str(event) for event in span.events)
    return Seen(
        span.name,
        KINDS[span.kind],
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        _attributes(span.attributes),
        span.status.code == Status.STATUS_CODE_ERROR,
        told,
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    found = {}
    for pair in pairs:
        kind = pair.value.WhichOneof("value")
        value = getattr(pair.value, kind)
        found[pair.key] = [one.string_value for one in value.values] if kind == "array_value" else value
    return found


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    """A collector on a free port."""
    collector = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", collector.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    collector.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield collector
    finally:
        await runner.cleanup()
