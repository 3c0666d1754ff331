"""Stores that hold very much, made once by the store's own appends and commits, and kept.

They lie in `MEMSVC_BENCH_CACHE` (else a cache folder of the user), one file for each form of the database; a
server gets a copy.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.speed.talk import message
from memsvc.core.model import Batch, Draft, Key, Summary
from memsvc.ports import Store
from memsvc.stores import open_store
from memsvc.stores.sqlite import connect

LONG = "long"
_BEGAN = 1_700_000_000.0
_BATCH, _AT_ONCE, _EPOCH = 500, 256, 1_000
_LAST, _LAST_BYTES = 10, 1_000
"""Messages after the last summary, as large as those that are appended."""
Filler = Callable[[Store, int], Awaitable[None]]


def folder() -> Path:
    """Where they lie."""
    named = os.environ.get("MEMSVC_BENCH_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "memsvc-bench"


@contextmanager
def copy_of(name: str, fill: Filler, many: int, into: Path) -> Iterator[str]:
    """The URL of a store of its own that holds what `fill` makes of `many`; made now if it never was."""
    made = _made(name, fill, many)
    copy = into / made.name
    shutil.copyfile(made, copy)
    try:
        yield f"sqlite:///{copy}"
    finally:
        for file in into.glob(f"{copy.name}*"):
            file.unlink()


def _made(name: str, fill: Filler, many: int) -> Path:
    kept = folder() / f"{name}-{many}-{_form()}.db"
    if kept.is_file():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    part = kept.with_suffix(".part")
    for old in kept.parent.glob(f"{part.name}*"):
        old.unlink()
    started = time.perf_counter()
    asyncio.run(_filled(f"sqlite:///{part}", fill, many))
    took = time.perf_counter() - started
    part.replace(kept)
    print(f"made a store of {many:,} {name} in {took:.0f} s, kept in the cache folder", file=sys.stderr, flush=True)
    return kept


def _form() -> str:
    """Of the database and of what is put into it: another one is another file."""
    scripts = Path(connect.__file__).parent / "schema"
    texts = [path.read_bytes() for path in sorted(scripts.glob("*.sql"))]
    return hashlib.sha256(b"".join([*texts, Path(__file__).read_bytes()])).hexdigest()[:12]


async def _filled(url: str, fill: Filler, many: int) -> None:
    store = open_store(url)
    await store.open()
    try:
        await fill(store, many)
    finally:
        await store.close()


async def messages(store: Store, many: int) -> None:
    """One session of `many` short messages, a summary of every thousand, and the last few as they came."""
    key, cut = Key("default", LONG), 0
    ends = [*range(_EPOCH, many - _LAST, _EPOCH), many - _LAST]
    for epoch, end in enumerate(ends):
        for start in range(cut, end, _BATCH):
            await store.append(key, _batch(start, min(start + _BATCH, end), 80))
        await store.commit(
            key,
            Summary(epoch + 1, cut + 1, end, _summary(end), 120, "local", "forced", _BEGAN + end),
            expect_epoch=epoch,
            expect_cut=cut,
            soft_tokens=None,
            factor=None,
            renderer=1,
        )
        cut = end
    await store.append(key, _batch(cut, many, _LAST_BYTES))


def _batch(start: int, end: int, size: int) -> Batch:
    drafts = (
        Draft(json.dumps(message(n, size)).encode(), "anthropic", size // 4, _BEGAN + n) for n in range(start, end)
    )
    return Batch(tuple(drafts), _BEGAN + end, format="anthropic")


def _summary(upto: int) -> str:
    return f"<summary>\nNotes 0 to {upto - 1} were about orders, invoices and shipments.\n</summary>"


async def sessions(store: Store, many: int) -> None:
    """`many` sessions of a question and an answer."""

    async def one(number: int) -> None:
        await store.append(Key("default", session(number)), _batch(2 * number, 2 * number + 2, 60))

    for start in range(0, many, _AT_ONCE):
        await asyncio.gather(*(one(n) for n in range(start, min(start + _AT_ONCE, many))))


def session(number: int) -> str:
    """Name of the session of that number."""
    return f"small-{number:07}"
