"""Composition root: the only package that names every class. `parts.py` makes each from the settings."""

from __future__ import annotations

import time
from collections.abc import Callable

from memsvc.app.parts import (
    REAL,
    Pace,
    default_policy,
    deferrals_of,
    economics_of,
    is_priced,
    models_of,
    prices_of,
    sink_of,
    store_of,
    terms_of,
    tiers_of,
    ways_of,
    written_summarizers,
)
from memsvc.config import Config
from memsvc.gateway import Gateway, Outside, open_gateway
from memsvc.llm import LocalSummarizer, WrittenSummarizer
from memsvc.observe import Sink, both, log_sink
from memsvc.ports import NO_SPANS, Counter, Spans
from memsvc.service import Memory
from memsvc.service.budgets import Purse
from memsvc.service.holders import Holders
from memsvc.service.recorder import Recorder
from memsvc.service.routing import Writers
from memsvc.service.vault import Vault
from memsvc.tokens import build_counter
from memsvc.worker import Worker

__all__ = [
    "App",
    "Pace",
    "default_policy",
    "economics_of",
    "is_priced",
    "models_of",
    "prices_of",
    "store_of",
    "terms_of",
    "ways_of",
    "written_summarizers",
]


class App:
    """Everything that serves: built from a Config, opened once, closed once. ConfigError for a store URL
    that makes no sense. Events go to `log`, None = the process's log, and to `counted`. `own_loop`: see `open_store`.

    Attributes:
        memory: what the faces call; set by `open`.
        gateway: answers the vendors' own calls; set by `open`.
        worker: runs compactions in the background; set by `open`.
        holders: whose the store's API keys are.
        sink: where all events go.
        store: where everything lives.
    """

    memory: Memory
    gateway: Gateway
    worker: Worker

    def __init__(
        self,
        config: Config,
        *,
        clock: Callable[[], float] = time.time,
        log: Sink | None = None,
        counted: Sink | None = None,
        spans: Spans = NO_SPANS,
        pace: Pace = REAL,
        own_loop: bool = False,
    ) -> None:
        self.config = config
        self._clock = clock
        self._pace = pace
        self._spans = spans
        log = log or log_sink()
        told, self._webhook = sink_of(config, clock, log if counted is None else both(log, counted))
        self.store = store_of(config, told, own_loop=own_loop)
        self._recorder = Recorder(self.store, clock=clock)
        self.sink = both(told, self._recorder)
        self.holders = Holders(self.store, clock=clock, monotonic=time.monotonic)
        self._prices = prices_of(config)
        self._written: list[WrittenSummarizer] = []

    @property
    def summarizers(self) -> list[str]:
        """Names of the models that write summaries, in order; set by `open`."""
        return [s.name for s in self._written]

    async def open(self, *, work: bool = True) -> None:
        """Open the store, load the vocabulary, start the worker (unless `work` is False).

        Raises Unavailable or VocabularyError, and then nothing is open."""
        await self.store.open()
        try:
            await self._open(work=work)
        except BaseException:
            await self.store.close()
            raise

    async def _open(self, *, work: bool) -> None:
        config = self.config
        counts = build_counter(config.token_counter)  # holds the interpreter: a thread would gain nothing
        sink = self.sink
        purse = Purse(self.store, terms_of(config), clock=self._clock, tell=sink)
        self._written = written_summarizers(
            config, purse, counts, self._prices, self._clock, pace=self._pace, spans=self._spans
        )
        for summarizer in self._written:
            await summarizer.open()
        self.memory = Memory(
            self.store,
            counts,
            self._writers(counts, purse),
            defaults=default_policy(config),
            clock=self._clock,
            wake=lambda: self.worker.wake(),
            sink=sink,
            cache_bytes=config.cache_bytes,
            prices=self._prices,
            purse=purse,
            economics=economics_of(config, self._prices, self._clock),
            lease_s=config.lease_s,
            spans=self._spans,
        )
        self.gateway = self._gateway(counts)
        self.worker = Worker(
            self.store,
            self.memory.compactor,
            clock=self._clock,
            sink=sink,
            concurrency=config.workers_concurrency,
            lease_s=config.lease_s,
            poll_s=config.poll_s,
        )
        if work:
            self.worker.start()

    def _gateway(self, counts: Counter) -> Gateway:
        """What answers the vendors' own calls."""
        config, sealing = self.config, self.config.encryption_bytes()
        return open_gateway(
            self.memory,
            self.store,
            Outside(counts, self._prices, self._clock, self.sink, self._spans),
            ways_of(config),
            models={"nano": config.models_nano, "standard": config.models_standard, "pro": config.models_pro},
            idle_s=config.gateway_idle_s,
            vault=Vault(self.store, sealing) if sealing is not None else None,
        )

    def _writers(self, counts: Counter, purse: Purse) -> Writers:
        """Who writes summaries, the local summarizer last."""
        return Writers(
            [*(self._written if self.config.summarizers else ()), LocalSummarizer(counts.count, counts.count_each)],
            tiers_of(self.config, self._written),
            deferrals_of(self.config, self._written, purse, self._prices, self._clock),
            self.config.rebuild_epochs,
        )

    async def close(self, *, since: float | None = None) -> None:
        """Finish what runs, at most until `shutdown_s` after `since` (monotonic; None = now), then let go of the
        store."""
        end = (time.monotonic() if since is None else since) + self.config.shutdown_s
        await self.gateway.close()
        await self.worker.stop(max(0.0, end - time.monotonic()))
        await self.memory.drain(max(0.0, end - time.monotonic()))
        for summarizer in self._written:
            await summarizer.close()
        await self._recorder.close(max(0.0, end - time.monotonic()))
        if self._webhook is not None:
            await self._webhook.close(max(0.0, end - time.monotonic()))
        await self.store.close()
