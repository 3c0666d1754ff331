"""OpenTelemetry traces: needs memsvc[otel], and is imported only where traces are on."""

from memsvc.tracing.opening import Tracing, open_tracing
from memsvc.tracing.spans import OtelSpans

__all__ = ["OtelSpans", "Tracing", "open_tracing"]
