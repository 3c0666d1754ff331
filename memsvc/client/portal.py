"""An event loop in a thread of its own, for callers that cannot await."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from memsvc.client.calls import CLOSED

T = TypeVar("T")


class Portal:
    """Runs coroutines for any number of threads. The thread begins with the first of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What the coroutine gives or raises. If this thread is interrupted meanwhile, it is cancelled."""
        with self._lock:
            if self._closed:
                coroutine.close()
                raise RuntimeError(CLOSED)
            future = asyncio.run_coroutine_threadsafe(coroutine, self._started())
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise RuntimeError(CLOSED) from None
        finally:
            future.cancel()

    def close(self, last: Coroutine[Any, Any, None]) -> None:
        """Run one more coroutine, give up what still runs, and end the thread. The second time nothing happens."""
        with self._lock:
            closed, self._closed = self._closed, True
            loop, thread = self._loop, self._thread
            if closed or loop is None or thread is None:
                last.close()
                return
            future = asyncio.run_coroutine_threadsafe(last, loop)
        try:
            future.result()
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            # A daemon: a program that forgot to close its client still ends.
            self._thread = threading.Thread(target=_serve, args=(self._loop,), name="memsvc-client", daemon=True)
            self._thread.start()
        return self._loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
