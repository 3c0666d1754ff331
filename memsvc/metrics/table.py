"""The table of metrics: one row per metric. The registry, `docs/metrics.md` and the checks of dashboards and alerts
are made from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

Kind = Literal["counter", "gauge", "histogram"]
REQUEST_S = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1),
    *(0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0),
)
"""A fetch takes a millisecond, a streamed reply minutes."""
SUMMARY_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 300.0, 900.0)
OTHER = "other"
"""Stands for every value of a label beyond the most that it may have."""


class Row(Struct, frozen=True):
    """One metric.

    Attributes:
        name: as a query names it; what is exposed of a histogram has `_bucket`, `_sum` or `_count` behind it.
        help: what it counts; one sentence.
        buckets: upper bounds of a histogram, seconds.
        live: read from the store or the system when somebody asks for metrics, not counted before.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    live: bool = False

    @property
    def samples(self) -> tuple[str, ...]:
        """Names of what is exposed of it."""
        if self.kind == "histogram":
            return tuple(f"{self.name}{end}" for end in ("_bucket", "_sum", "_count"))
        return (self.name,)


MOST: Mapping[str, int] = {"model": 100, "provider": 20, "feature": 30, "writer": 100, "error": 100, "summarizer": 100}
"""The most values that a label may have in one process; it is set by names that callers or providers choose. Those
that come later count as `other`."""

MOST_SERIES = 1_000
"""Series of one metric in one process: labels that each have few values could together have a hundred thousand. Those
that come later count as `other` in all labels of MOST."""

_CALL_LABELS = ("provider", "model", "feature")

ROWS: tuple[Row, ...] = (
    Row("memsvc_requests_total", "counter", "Requests answered, by call and class of status.", ("call", "status")),
    Row("memsvc_request_seconds", "histogram", "Time to an answer; of a stream to its end.", ("call",), REQUEST_S),
    Row("memsvc_gateway_streams_open", "gauge", "Streams through the gateway that are under way."),
    Row(
        "memsvc_provider_errors_total",
        "counter",
        "Calls of the gateway that a provider refused or broke off; `error` is its status or our code.",
        ("provider", "error"),
    ),
    Row(
        "memsvc_replies_not_stored_total",
        "counter",
        "Replies that a client got through the gateway and its session lacks.",
        ("error",),
    ),
    Row(
        "memsvc_compactions_total",
        "counter",
        "Compactions and looks at whether one is due, by trigger and outcome; `committed` changed a session.",
        ("trigger", "outcome"),
    ),
    Row(
        "memsvc_compaction_tokens_removed_total",
        "counter",
        "Raw tokens by which commits made contexts smaller.",
        ("trigger",),
    ),
    Row(
        "memsvc_summary_seconds",
        "histogram",
        "From the first question to a summarizer to the commit; `writer` is whose answer stands.",
        ("writer",),
        SUMMARY_S,
    ),
    Row(
        "memsvc_summarizer_failures_total",
        "counter",
        "Summarizers that gave no answer that may stand.",
        ("summarizer", "error"),
    ),
    Row("memsvc_compaction_jobs_due", "gauge", "Compactions that are due and that nobody is at.", live=True),
    Row("memsvc_compaction_jobs_waiting", "gauge", "Compactions in the queue, due or not, claimed or not.", live=True),
    Row("memsvc_compaction_oldest_due_seconds", "gauge", "How long the oldest of those due has been due.", live=True),
    Row("memsvc_calls_booked_total", "counter", "Model calls in the books, settled or reported.", _CALL_LABELS),
    Row(
        "memsvc_tokens_total",
        "counter",
        "Provider tokens of booked calls; classes `input` (neither read from nor written to a cache), `cache_read`, "
        "`cache_write` and `output` share none.",
        ("class", *_CALL_LABELS),
    ),
    Row("memsvc_cost_usd_total", "counter", "Dollars of booked calls.", _CALL_LABELS),
    Row("memsvc_unpriced_calls_total", "counter", "Booked calls whose model's price is unknown.", _CALL_LABELS),
    Row(
        "memsvc_prompt_tokens_total",
        "counter",
        "All input tokens of booked calls that tell what came from a cache.",
        ("provider", "feature"),
    ),
    Row(
        "memsvc_prompt_cached_tokens_total",
        "counter",
        "Those of them that were read from a cache; over the row above: the hit ratio.",
        ("provider", "feature"),
    ),
    Row("memsvc_cache_breaks_total", "counter", "Changes by clients that broke a provider's cache.", ("cause",)),
    Row("memsvc_cache_break_tokens_total", "counter", "Tokens that were written anew for them.", ("cause",)),
    Row("memsvc_cache_break_usd_total", "counter", "What that cost beyond reading them.", ("cause",)),
    Row(
        "memsvc_budget_alerts_total",
        "counter",
        "Levels of tenants' budgets that were reached; at 100 % a call was refused, or made all the same.",
        ("period", "percent"),
    ),
    Row(
        "memsvc_budget_left_usd",
        "gauge",
        'Dollars left of a tenant\'s budget; feature "" = that of all calls.',
        ("tenant", "period", "feature"),
        live=True,
    ),
    Row(
        "memsvc_budget_limit_usd",
        "gauge",
        "The budget itself.",
        ("tenant", "period", "feature"),
        live=True,
    ),
    Row(
        "memsvc_budget_tenants_left_out",
        "gauge",
        "Tenants whose budgets are not shown, for they are more than metrics_tenants.",
        live=True,
    ),
    Row(
        "memsvc_store_errors_total",
        "counter",
        "Times that the store was away, by who met it: a request, the worker or a scrape.",
        ("where",),
    ),
    Row("memsvc_store_up", "gauge", "1 = the store answers, 0 = it does not.", live=True),
    Row("memsvc_faults_total", "counter", "Errors that nobody foresaw, by where they ended.", ("where",)),
    Row("memsvc_alerts_lost_total", "counter", "News that could not be sent to the webhook."),
    Row("memsvc_build_info", "gauge", "1, with what runs.", ("version", "python", "store"), live=True),
    Row("process_cpu_seconds_total", "counter", "CPU time of the service's processes, also of those that have ended."),
    Row("process_resident_memory_bytes", "gauge", "Memory that they hold.", live=True),
    Row("process_virtual_memory_bytes", "gauge", "Addresses that they hold.", live=True),
    Row("process_open_fds", "gauge", "Open files and connections.", live=True),
    Row("process_max_fds", "gauge", "The most that one of them may open.", live=True),
    Row("process_start_time_seconds", "gauge", "When the oldest of them began, unix seconds.", live=True),
)


def page() -> str:
    """docs/metrics.md as it should be."""
    lines = [
        "# Metrics",
        "",
        "What `GET /metrics` shows, in Prometheus' text format. Who may see it, how to scrape it, dashboard and alerts",
        "are in [observability.md](observability.md). A histogram `x` is exposed as `x_bucket`, `x_sum` and `x_count`.",
        "",
        "No metric names a session, and none of those that requests write names a tenant. Values of these labels are",
        "chosen by callers or providers, so their number is limited in each process, and what comes later counts as",
        "`other`: " + ", ".join(f"`{name}` {most}" for name, most in sorted(MOST.items())) + ".",
        f"So do, in these labels, series of one metric beyond {MOST_SERIES:,}.",
        "",
        "*live* = read from the store or the system at each scrape (queue and budgets at most every five seconds).",
        "",
        "| metric | kind | labels | meaning |",
        "|---|---|---|---|",
    ]
    for row in ROWS:
        labels = ", ".join(f"`{label}`" for label in row.labels) or "–"
        lines.append(f"| `{row.name}` | {row.kind}{', *live*' if row.live else ''} | {labels} | {row.help} |")
    return "\n".join(lines) + "\n"
