"""The floor with SQLite: an aiohttp handler that inserts the body and answers once that is durable, and the same
inserts without HTTP.

What makes a commit durable is set as the service sets it. Inserts that wait at one moment share a commit: one thread
takes what there is, commits it, and tells all of them.
"""

from __future__ import annotations

import argparse
import asyncio
import queue
import threading
import time
from pathlib import Path

import apsw
from aiohttp import web

from benchmarks.bare import serve

_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "fullfsync=1", "secure_delete=ON", "cache_size=-16000")
_INSERT = "INSERT INTO log (session, body) VALUES (?, ?)"
Item = tuple[str, bytes, "asyncio.Future[int]"]


class Inserts:
    """One table, one writer."""

    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, args=(path,), daemon=True)
        self._thread.start()

    async def insert(self, session: str, body: bytes) -> int:
        """The row's number, once it is durable."""
        future: asyncio.Future[int] = self._loop.create_future()
        self._queue.put((session, body, future))
        return await future

    async def close(self) -> None:
        """Do what was accepted, then end."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self, path: Path) -> None:
        db = apsw.Connection(str(path))
        for pragma in _PRAGMAS:
            db.execute(f"PRAGMA {pragma}")
        db.execute("CREATE TABLE IF NOT EXISTS log (seq INTEGER PRIMARY KEY, session TEXT, body BLOB)")
        while (first := self._queue.get()) is not None:
            group = [first]
            more = True
            while more and not self._queue.empty():
                item = self._queue.get()
                if item is None:
                    self._queue.put(None)
                    more = False
                else:
                    group.append(item)
            db.execute("BEGIN IMMEDIATE")
            done: list[tuple[asyncio.Future[int], int]] = []
            for session, body, future in group:
                db.execute(_INSERT, (session, body))
                done.append((future, db.last_insert_rowid()))
            db.execute("COMMIT")
            self._loop.call_soon_threadsafe(_tell, done)
        db.close()


def _tell(done: list[tuple[asyncio.Future[int], int]]) -> None:
    for future, row in done:
        if not future.done():
            future.set_result(row)


def application(path: Path) -> web.Application:
    """One handler: POST, acknowledged when durable."""
    app = web.Application()
    kept = web.AppKey("kept", Inserts)

    async def begin(app: web.Application) -> None:
        app[kept] = Inserts(path, asyncio.get_running_loop())

    async def end(app: web.Application) -> None:
        await app[kept].close()

    async def append(request: web.Request) -> web.Response:
        row = await request.app[kept].insert(request.match_info["session"], await request.read())
        return web.json_response({"seq": row})

    async def ready(request: web.Request) -> web.Response:
        return web.Response()

    app.router.add_get("/", ready)
    app.router.add_post("/v1/sessions/{session}/messages", append)
    app.on_startup.append(begin)
    app.on_cleanup.append(end)
    return app


async def raw(path: Path, body: bytes, writers: int, seconds: float) -> float:
    """Inserts a second of that many writers in one process, each waiting until its own is durable; no HTTP."""
    inserts = Inserts(path, asyncio.get_running_loop())
    end = time.perf_counter() + seconds

    async def write(session: str) -> int:
        count = 0
        while time.perf_counter() < end:
            await inserts.insert(session, body)
            count += 1
        return count

    started = time.perf_counter()
    counts = await asyncio.gather(*(write(f"w{i}") for i in range(writers)))
    took = time.perf_counter() - started
    await inserts.close()
    return sum(counts) / took


def main() -> None:
    """Serve until terminated; or, with `--raw`, print what plain inserts reach."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--raw", type=float, metavar="SECONDS")
    parser.add_argument("--body-file", type=Path)
    parser.add_argument("--writers", type=int, default=64)
    args = parser.parse_args()
    if args.raw is None:
        serve(application(args.file), args.port)
        return
    try:
        from uvloop import run
    except ImportError:
        from asyncio import run
    print(run(raw(args.file, args.body_file.read_bytes(), args.writers, args.raw)))


if __name__ == "__main__":
    main()
