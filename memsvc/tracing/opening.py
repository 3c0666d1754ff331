"""A tracer that sends to an OTLP collector over HTTP, as the standard `OTEL_*` variables say."""

from __future__ import annotations

import os
import threading
import uuid

from msgspec import Struct
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from memsvc import __version__
from memsvc.ports import Spans
from memsvc.tracing.spans import OtelSpans


class Tracing(Struct, frozen=True):
    """Traces while they are on."""

    spans: Spans
    provider: TracerProvider

    def close(self, timeout_s: float) -> None:
        """Send what is left, at most for so long. Blocks: not for the event loop."""
        # Neither of the library's own ways to end heeds a limit while a collector takes what is sent and never
        # answers. A thread that nobody waits for at the end of the process: what it has not sent by then is lost.
        ending = threading.Thread(target=self.provider.shutdown, daemon=True)
        ending.start()
        ending.join(timeout_s)


def open_tracing() -> Tracing:
    """Sampler, address, headers, limits and resource are what the standard variables say; the service is `memsvc`
    where they name none. The provider is no global one: other libraries of this process are not traced.

    Raises ValueError for variables that contradict each other, and for a protocol that is not spoken."""
    spoken = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    if spoken and not spoken.startswith("http/"):
        # The collector's port for gRPC would take every span and answer none.
        raise ValueError(f"OTEL_EXPORTER_OTLP_PROTOCOL is {spoken!r}; traces go out as http/protobuf alone (port 4318)")
    named = {"service.version": __version__, "service.instance.id": str(uuid.uuid4())}
    told = os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    if not os.environ.get("OTEL_SERVICE_NAME") and "service.name=" not in told:
        named["service.name"] = "memsvc"
    provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Tracing(OtelSpans(provider.get_tracer("memsvc", __version__)), provider)
