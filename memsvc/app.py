"""Composition root: the only file that names every class."""

from __future__ import annotations

import time
from collections.abc import Callable

from memsvc.config import Config
from memsvc.core.model import Policy
from memsvc.llm import LocalSummarizer
from memsvc.observe import log_sink
from memsvc.service import Memory
from memsvc.stores import open_store
from memsvc.tokens import build_counter
from memsvc.worker import Worker


class App:
    """Everything that serves: built from a Config, opened once, closed once.

    Attributes:
        memory: what the faces call; set by `open`.
        worker: runs compactions in the background; set by `open`.
    """

    memory: Memory
    worker: Worker

    def __init__(self, config: Config, *, clock: Callable[[], float] = time.time) -> None:
        self.config = config
        self._clock = clock
        self._store = open_store(config.store)

    async def open(self, *, work: bool = True) -> None:
        """Open the store, load the vocabulary, start the worker (unless `work` is False).

        Raises Unavailable or VocabularyError."""
        config = self.config
        await self._store.open()
        counts = build_counter(config.token_counter)  # holds the interpreter: a thread would gain nothing
        sink = log_sink()
        self.memory = Memory(
            self._store,
            counts,
            [LocalSummarizer(counts.count)],
            defaults=default_policy(config),
            clock=self._clock,
            wake=lambda: self.worker.wake(),
            sink=sink,
            cache_bytes=config.cache_bytes,
        )
        self.worker = Worker(
            self._store,
            self.memory.compactor,
            clock=self._clock,
            sink=sink,
            concurrency=config.workers_concurrency,
            lease_s=config.lease_s,
            poll_s=config.poll_s,
        )
        if work:
            self.worker.start()

    async def close(self) -> None:
        """Finish what runs (at most `shutdown_s`), then let go of the store."""
        await self.worker.stop(self.config.shutdown_s)
        await self.memory.drain(self.config.shutdown_s)
        await self._store.close()


def default_policy(config: Config) -> Policy:
    """The service's own policy, which sessions override; max_tokens 0 = by the model."""
    return Policy(
        mode=config.mode,
        threshold_tokens=config.threshold_tokens,
        keep_tokens=config.keep_tokens,
        summary_tokens=config.summary_tokens,
        max_tokens=config.max_tokens or 0,
        max_bytes=config.max_bytes,
        cache_ttl=config.cache_ttl,
        alpha=config.alpha,
        guard=config.guard,
        placement=config.placement,
    )


def build(config: Config, *, clock: Callable[[], float] = time.time) -> App:
    """An App that is not open yet."""
    return App(config, clock=clock)
