"""Steps of traces as OpenTelemetry spans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

from opentelemetry.trace import Span as OtelSpan
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from memsvc.errors import MemsvcError
from memsvc.ports import Attribute, Span

_KINDS = {"internal": SpanKind.INTERNAL, "client": SpanKind.CLIENT, "server": SpanKind.SERVER}
_PARENTS = TraceContextTextMapPropagator()
CALLERS_FAULT_BELOW = 500
"""Errors below it are answers, not failures of a step."""


class _Step:
    """A span under way."""

    def __init__(self, span: OtelSpan) -> None:
        self._span = span
        self.failed: str | None = None

    def note(self, attributes: Mapping[str, Attribute]) -> None:
        """Set attributes."""
        self._span.set_attributes(attributes)

    def fail(self, kind: str) -> None:
        """Set the status, and `error.type`."""
        self.failed = kind
        self._span.set_attribute("error.type", kind)
        self._span.set_status(Status(StatusCode.ERROR))


class OtelSpans:
    """Makes spans with a tracer. They hold no exception: its text may quote a conversation."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    @contextmanager
    def span(
        self,
        name: str,
        attributes: Mapping[str, Attribute] | None = None,
        *,
        kind: Literal["internal", "client", "server"] = "internal",
        carrier: Mapping[str, str] | None = None,
    ) -> Iterator[Span]:
        """A span, inside the current one or inside that which `traceparent` in `carrier` names."""
        parent = None
        if carrier is not None:
            told = {key: value for key in ("traceparent", "tracestate") if (value := carrier.get(key))}
            parent = _PARENTS.extract(told)
        with self._tracer.start_as_current_span(
            name,
            context=parent,
            kind=_KINDS[kind],
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            made = _Step(span)
            try:
                yield made
            except MemsvcError as error:
                if error.status >= CALLERS_FAULT_BELOW:
                    made.fail(error.code)
                raise
            except BaseException as error:
                if made.failed is None:
                    made.fail(type(error).__name__)
                raise
