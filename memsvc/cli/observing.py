"""What `serve` and `worker` tell operators: events counted, requests watched, traces sent."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memsvc.config import Config, ConfigError
from memsvc.observe import StoreNotice, access_log, log_sink, request_sink
from memsvc.ports import NO_SPANS

if TYPE_CHECKING:
    from memsvc.server.gate import Gate
    from memsvc.server.watch import MetricsDoor, Watch

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""See `memsvc.metrics.counting`."""
_NAMED = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_NO_OTEL = "traces (MEMSVC_TRACES) are on and OpenTelemetry is not installed: pip install 'memsvc[otel]'."
FLUSH_S = 3.0
"""How long a stop waits for traces that are still to be sent."""


class Observing:
    """Metrics and traces of one process, as the settings want them. ConfigError where they cannot be had."""

    def __init__(self, config: Config, env: Mapping[str, str] | None = None) -> None:
        self._config = config
        self._metrics: Any = None
        if config.metrics != "off":
            from memsvc.metrics import Metrics

            try:
                self._metrics = Metrics()
            except OSError as failed:
                raise ConfigError(f"{SHARED} names a folder where metrics cannot be kept: {failed.strerror}") from None
        self._tracing = _tracing(config, os.environ if env is None else env)

    def build(self) -> Any:
        """An App that tells what it does, not open yet. Raises ConfigError."""
        from memsvc.app import App

        counted = self._metrics.tell if self._metrics is not None else None
        return App(
            self._config, counted=counted, spans=self._tracing.spans if self._tracing else NO_SPANS, own_loop=True
        )

    def watch(self, app: Any, gate: Gate) -> Watch:
        """What hears of the requests to an open App."""
        from memsvc.server.watch import Watch

        watchers = access_log(self._config.access_log, request_sink(self._config.log_level, self._config.log_format))
        if self._metrics is not None:
            watchers = [self._metrics.requests, *watchers]
        spans = self._tracing.spans if self._tracing else NO_SPANS
        return Watch(app.sink, watchers, spans, self._door(app, gate))

    async def close(self) -> None:
        """Write figures and send traces that are left."""
        if self._metrics is not None:
            self._metrics.flush()
        if self._tracing is not None:
            await asyncio.to_thread(self._tracing.close, FLUSH_S)

    def _door(self, app: Any, gate: Gate) -> MetricsDoor | None:
        if self._metrics is None:
            return None
        from memsvc.metrics import Live
        from memsvc.server.watch import MetricsDoor

        config = self._config
        live = Live(
            self._metrics,
            app.store,
            app.memory.purse.document,
            tenants=sorted({"default", *config.tenant_keys().values()}),
            most_tenants=config.metrics_tenants,
            engine=config.store.partition("://")[0],
            clock=time.time,
        )
        token = config.metrics_token.get_secret_value() if config.metrics_token is not None else None
        return MetricsDoor(live.scrape, gate, token=token, public=config.metrics == "public")


def _tracing(config: Config, env: Mapping[str, str]) -> Any:
    """Traces, if they are on; None = they are off."""
    wanted = config.traces == "on" or (config.traces == "auto" and _named(env))
    if not wanted:
        return None
    try:
        from memsvc.tracing import open_tracing
    except ImportError:
        if config.traces == "on":
            raise ConfigError(_NO_OTEL) from None
        log_sink()(StoreNotice(_NO_OTEL))
        return None
    try:
        return open_tracing()
    except ValueError as wrong:
        raise ConfigError(f"traces cannot be sent as the OTEL_* variables say: {wrong}") from None


def _named(env: Mapping[str, str]) -> bool:
    """Whether the standard variables ask for traces."""
    if env.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = env.get("OTEL_TRACES_EXPORTER", "")
    if exporter:
        return exporter in ("otlp", "otlp_proto_http")
    return any(env.get(name) for name in _NAMED)


class Shared:
    """A folder through which processes on one port add their figures up. It goes when their parent ends."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="memsvc-metrics-"))

    @property
    def told(self) -> dict[str, str]:
        """Variables that each process gets."""
        return {SHARED: str(self._folder)}

    def gone(self, pid: int) -> None:
        """A process has died: what it was at counts no more, what it has counted does."""
        for file in self._folder.glob(f"gauge_live*_{pid}.db"):
            file.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove it."""
        shutil.rmtree(self._folder, ignore_errors=True)
