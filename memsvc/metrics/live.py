"""What is not counted but looked up: the queue, budgets, the store, the processes."""

from __future__ import annotations

import asyncio
import platform
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any, cast

from msgspec import Struct, field
from prometheus_client import ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from memsvc import __version__
from memsvc.core.model import Backlog
from memsvc.errors import MemsvcError
from memsvc.metrics.counting import Metrics
from memsvc.metrics.table import ROWS
from memsvc.ports import Store

KEPT_S = 5.0
"""How long queue and budgets are believed: several scrapers are one look into the store."""
_ROWS = {row.name: row for row in ROWS}
_FIRST = ("process_start_time_seconds",)
_MOST = ("process_max_fds",)


class Look(Struct, frozen=True):
    """One look into the store.

    Attributes:
        up: the store answered.
        backlog: the queue; None = it could not be read.
        budgets: documents of budgets, by tenant.
        left_out: tenants beyond the most that are shown.
    """

    up: bool
    backlog: Backlog | None = None
    budgets: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    left_out: int = 0


class Live:
    """Looks, and shows everything.

    Args:
        store: whose queue it is, and whose API keys name tenants.
        budgets: a tenant's budgets in force.
        tenants: those that the settings name.
        most_tenants: of so many the budgets are shown, in the order of their names.
        engine: the store's kind, for `memsvc_build_info`.
        clock: unix seconds.
    """

    def __init__(
        self,
        metrics: Metrics,
        store: Store,
        budgets: Callable[[str], Awaitable[list[dict[str, Any]]]],
        *,
        tenants: Sequence[str],
        most_tenants: int,
        engine: str,
        clock: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._metrics = metrics
        self._store = store
        self._budgets = budgets
        self._tenants = frozenset(tenants)
        self._most = most_tenants
        self._engine = engine
        self._clock = clock
        self._monotonic = monotonic
        self._looking = asyncio.Lock()
        self._last: tuple[float, Look] | None = None

    async def scrape(self) -> bytes:
        """All metrics as text. The store may be away: then what it knows is missing."""
        look = await self._looked()
        self._metrics.flush()
        return await asyncio.to_thread(self._metrics.render, _Shown(look, self._metrics.pids(), self._engine))

    async def _looked(self) -> Look:
        async with self._looking:
            if self._last is None or self._monotonic() - self._last[0] >= KEPT_S:
                try:
                    look = await self._look()
                except MemsvcError:
                    self._metrics.scrape_failed()
                    look = Look(up=False)
                self._last = (self._monotonic(), look)
            return self._last[1]

    async def _look(self) -> Look:
        await self._store.ping()
        backlog = await self._store.backlog(now=self._clock())
        tenants = sorted(self._tenants | {key.tenant for key in await self._store.keys()}) if self._most else []
        shown = tenants[: self._most]
        budgets = dict(zip(shown, await asyncio.gather(*map(self._budgets, shown)), strict=True))
        return Look(True, backlog, budgets, len(tenants) - len(shown))


class _Shown(Collector):
    """A look, as metrics."""

    def __init__(self, look: Look, pids: Sequence[str], engine: str) -> None:
        self._look = look
        self._pids = pids
        self._engine = engine

    def collect(self) -> Iterable[Metric]:
        """Them."""
        look = self._look
        yield _gauge("memsvc_store_up", float(look.up))
        if look.backlog is not None:
            yield _gauge("memsvc_compaction_jobs_due", look.backlog.due)
            yield _gauge("memsvc_compaction_jobs_waiting", look.backlog.jobs)
            yield _gauge("memsvc_compaction_oldest_due_seconds", look.backlog.oldest_s)
            yield _gauge("memsvc_budget_tenants_left_out", look.left_out)
        yield from self._of_budgets()
        build = _family("memsvc_build_info")
        build.add_metric([__version__, platform.python_version(), self._engine], 1)
        yield build
        yield from _processes(self._pids)

    def _of_budgets(self) -> Iterable[Metric]:
        for name, member in (("memsvc_budget_left_usd", "left_usd"), ("memsvc_budget_limit_usd", "limit_usd")):
            family = _family(name)
            for tenant, documents in self._look.budgets.items():
                for one in documents:
                    family.add_metric([tenant, one["period"], one["feature"] or ""], one[member])
            yield family


def _processes(pids: Sequence[str]) -> Iterable[Metric]:
    """Those that run, added up."""
    found: dict[str, list[float]] = {}
    for pid in pids:
        for metric in _Process(pid=partial(str, pid), registry=None).collect():
            for sample in metric.samples:
                found.setdefault(sample.name, []).append(sample.value)
    found.pop("process_cpu_seconds_total", None)  # counted, so that it does not fall when a process ends
    for name, values in found.items():
        total = min(values) if name in _FIRST else max(values) if name in _MOST else sum(values)
        yield _gauge(name, total)


class _Process(ProcessCollector):
    """What the library reads of a process, also where a unit hides all of /proc but processes (`ProcSubset=pid`)."""

    def _boot_time(self) -> float | None:
        try:
            return cast("float | None", super()._boot_time())  # type: ignore[no-untyped-call]
        except OSError:
            if not hasattr(time, "CLOCK_BOOTTIME"):
                raise
            return float(round(time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)))


def _family(name: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, _ROWS[name].help, labels=_ROWS[name].labels)


def _gauge(name: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, _ROWS[name].help, value=value)
