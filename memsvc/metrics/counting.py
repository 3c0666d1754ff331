"""What is counted as it happens: requests, and the events of `memsvc.observe`."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from memsvc.errors import Unavailable
from memsvc.metrics.table import MOST, MOST_SERIES, OTHER, ROWS, Row
from memsvc.metrics.timing import Timing
from memsvc.observe import (
    AlertLost,
    Booked,
    BudgetReached,
    CacheBroken,
    Compacted,
    CompactionFailed,
    Ended,
    Event,
    NotCompacted,
    ProviderFailed,
    ReplyNotStored,
    RequestFailed,
    StreamMoved,
    SummarizerFailed,
    Unpriced,
    WorkerFailed,
)

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""Variable that names the folder through which processes on one port add their figures up. The library looks at it
once, so that it must be set when a process starts."""
MOST_CHILDREN = 5_000
"""Series whose handles are kept at hand."""
FLUSH_S = 0.5
"""Processes on one port write what requests came to so often: a write for each would cost more than counting it."""


class Metrics:
    """Counts. One for each process, in a registry of its own.

    Args:
        registry: where metrics are registered; None = a new one.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = CollectorRegistry(auto_describe=False) if registry is None else registry
        self._shared = os.environ.get(SHARED)
        self._of = {row.name: _made(row, self.registry) for row in ROWS if not row.live}
        self._children: dict[tuple[str, ...], Any] = {}
        self._values: dict[str, set[str]] = {}
        self._series: dict[str, set[tuple[str, ...]]] = {}
        self._cpu_s = 0.0
        self._timings: dict[str, Timing] = {}
        self._waiting = False
        self._takes: Mapping[type, Callable[[Any], None]] = {
            Compacted: self._compacted,
            NotCompacted: self._not_compacted,
            CompactionFailed: self._compaction_failed,
            SummarizerFailed: self._summarizer_failed,
            Booked: self._booked,
            Unpriced: lambda event: None,  # told once a day; each such call is counted by what it booked
            CacheBroken: self._cache_broken,
            BudgetReached: lambda e: self._add("memsvc_budget_alerts_total", e.period, str(e.percent)),
            ProviderFailed: lambda e: self._add("memsvc_provider_errors_total", e.provider, e.error),
            ReplyNotStored: lambda e: self._add("memsvc_replies_not_stored_total", e.error),
            StreamMoved: self._stream_moved,
            RequestFailed: lambda e: self._failed("request", e.error, e.where),
            WorkerFailed: lambda e: self._failed("worker", e.error, e.where),
            AlertLost: lambda e: self._add("memsvc_alerts_lost_total"),
        }

    def tell(self, event: Event) -> None:
        """Count an event: a sink."""
        take = self._takes.get(type(event))
        if take is not None:
            take(event)
            self._soon()

    def requests(self, call: str) -> Ended:
        """Counts requests of one call: a watcher."""
        return self._timings.setdefault(call, Timing(call, self._soon)).ended

    def flush(self) -> None:
        """Let requests that ended since the last time count. On the event loop."""
        self._waiting = False
        used = time.process_time()
        self._add("process_cpu_seconds_total", by=used - self._cpu_s)
        self._cpu_s = used
        for timing in self._timings.values():
            timing.flush(self._of["memsvc_requests_total"], self._of["memsvc_request_seconds"])

    def _soon(self) -> None:
        """Something has happened. Where processes add their figures up, another one may be asked for them any time."""
        if self._shared is not None and not self._waiting:
            self._waiting = True
            asyncio.get_running_loop().call_later(FLUSH_S, self.flush)

    def scrape_failed(self) -> None:
        """The store was away when metrics were asked for."""
        self._add("memsvc_store_errors_total", "scrape")

    def render(self, live: Collector) -> bytes:
        """All metrics in Prometheus' text format, those of processes on the same port added up. Reads files where there
        are several: not for the event loop, on which `flush` comes first.

        Args:
            live: gives what is not counted but looked up.
        """
        shown = CollectorRegistry(auto_describe=False)
        if self._shared is None:
            shown.register(_Without(self.registry))
        else:
            shown.register(MultiProcessCollector(None, self._shared))  # type: ignore[no-untyped-call]
        shown.register(live)
        return generate_latest(shown)

    def pids(self) -> list[str]:
        """Processes that count together; `self` for one alone."""
        if self._shared is None:
            return ["self"]
        # Of one that has died only what it counted is left: another program may have its id.
        return sorted({path.stem.rpartition("_")[2] for path in Path(self._shared).glob("gauge_live*.db")})

    # --- events ----------------------------------------------------------------

    def _compacted(self, event: Compacted) -> None:
        self._add("memsvc_compactions_total", event.reason, "committed")
        removed = max(0, event.before_tokens - event.after_tokens)
        self._add("memsvc_compaction_tokens_removed_total", event.reason, by=removed)
        self._child("memsvc_summary_seconds", event.model).observe(max(0.0, event.seconds))

    def _not_compacted(self, event: NotCompacted) -> None:
        self._add("memsvc_compactions_total", event.trigger, event.outcome)

    def _compaction_failed(self, event: CompactionFailed) -> None:
        self._add("memsvc_compactions_total", event.trigger, "failed")
        if event.error == Unavailable.code:
            self._add("memsvc_store_errors_total", "worker")

    def _summarizer_failed(self, event: SummarizerFailed) -> None:
        self._add("memsvc_summarizer_failures_total", event.summarizer, event.error)
        if event.where:
            self._add("memsvc_faults_total", "summarizer")

    def _booked(self, event: Booked) -> None:
        named = (event.provider, event.model, event.feature)
        usage = event.usage
        read, written = usage.cache_read or 0, usage.cache_write or 0
        self._add("memsvc_calls_booked_total", *named)
        classes = {
            "input": max(0, usage.input - read - written),
            "cache_read": read,
            "cache_write": written,
            "output": usage.output,
        }
        for name, tokens in classes.items():
            if tokens:
                self._add("memsvc_tokens_total", name, *named, by=tokens)
        if usage.cache_read is not None:
            self._add("memsvc_prompt_tokens_total", event.provider, event.feature, by=usage.input)
            self._add("memsvc_prompt_cached_tokens_total", event.provider, event.feature, by=read)
        if event.usd is None:
            self._add("memsvc_unpriced_calls_total", *named)
        else:
            self._add("memsvc_cost_usd_total", *named, by=event.usd)

    def _cache_broken(self, event: CacheBroken) -> None:
        self._add("memsvc_cache_breaks_total", event.cause)
        self._add("memsvc_cache_break_tokens_total", event.cause, by=event.tokens)
        self._add("memsvc_cache_break_usd_total", event.cause, by=event.usd or 0.0)

    def _stream_moved(self, event: StreamMoved) -> None:
        self._of["memsvc_gateway_streams_open"].inc(1 if event.opened else -1)

    def _failed(self, where: str, error: str, places: tuple[str, ...]) -> None:
        if places:
            self._add("memsvc_faults_total", where)
        elif error == Unavailable.code:
            self._add("memsvc_store_errors_total", where)

    # --- how -------------------------------------------------------------------

    def _add(self, name: str, *values: str, by: float = 1) -> None:
        child = self._child(name, *values)
        if by > 0:  # less, or no number, is no reason to fail what is counted
            child.inc(by)

    def _child(self, name: str, *values: str) -> Any:
        """The series of a metric; looking it up by its labels is what costs most."""
        found = self._children.get((name, *values))
        if found is None:
            metric = self._of[name]
            found = metric.labels(*self._labels(name, metric._labelnames, values)) if values else metric
            if len(self._children) < MOST_CHILDREN:
                self._children[(name, *values)] = found
        return found

    def _labels(self, name: str, labels: Sequence[str], values: Sequence[str]) -> tuple[str, ...]:
        """The values of a series: `other` for what comes too late."""
        bounded = tuple(self._bounded(label, value) for label, value in zip(labels, values, strict=True))
        known = self._series.setdefault(name, set())
        if bounded not in known and len(known) >= MOST_SERIES:
            bounded = tuple(OTHER if label in MOST else value for label, value in zip(labels, values, strict=True))
        known.add(bounded)
        return bounded

    def _bounded(self, label: str, value: str) -> str:
        most = MOST.get(label)
        if most is None:
            return value
        known = self._values.setdefault(label, set())
        if value in known:
            return value
        if len(known) >= most:
            return OTHER
        known.add(value)
        return value


class _Without(Collector):
    """A registry's metrics without the times at which each series began, which are a series each."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Any:
        """Them."""
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


def _made(row: Row, registry: CollectorRegistry) -> Any:
    if row.kind == "counter":
        return Counter(row.name, row.help, row.labels, registry=registry)
    if row.kind == "histogram":
        return Histogram(row.name, row.help, row.labels, buckets=row.buckets, registry=registry)
    return Gauge(row.name, row.help, row.labels, registry=registry, multiprocess_mode="livesum")
