"""`memsvc export`, `import` and `purge`: a store's contents as a whole."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from memsvc.cli.progress import bar, counted
from memsvc.errors import MemsvcError

if TYPE_CHECKING:
    from memsvc.config import Config
    from memsvc.ports import Store


def move(config: Config, args: argparse.Namespace) -> int:
    """Run one of these commands; gives the exit status."""
    return asyncio.run(_moved(config, args))


def missing_file(config: Config) -> str | None:
    """The configured store, if it is a file that is not there: reading it would make an empty one."""
    name = config.store.removeprefix("sqlite:///")
    return config.shown_store if name != config.store and not Path(name).exists() else None


async def _moved(config: Config, args: argparse.Namespace) -> int:
    from memsvc.app import store_of
    from memsvc.config import ConfigError
    from memsvc.observe import Event, StoreNotice

    def notice(event: Event) -> None:  # not to standard output, where an export goes
        print(f"memsvc: {event.text if isinstance(event, StoreNotice) else event}", file=sys.stderr)

    if args.command != "import" and (missing := missing_file(config)):
        print(f"memsvc: there is no store {missing}; name the one to read with --store.", file=sys.stderr)
        return 1
    try:
        store = store_of(config, notice)
    except ConfigError as wrong:
        print(f"memsvc: {wrong}", file=sys.stderr)
        return 2
    try:
        await store.open()
        return await {"export": _exported, "import": _imported, "purge": _purged}[args.command](store, args)
    except BrokenPipeError:
        raise
    except (MemsvcError, OSError) as failed:
        print(f"memsvc: {args.command} failed on {config.shown_store}: {failed}", file=sys.stderr)
        return 1
    finally:
        await store.close()


async def _exported(store: Store, args: argparse.Namespace) -> int:
    from memsvc.service.export import export

    out = sys.stdout.buffer
    # Between lines on the same terminal a bar would be in the way: there are lines enough to see that it goes on.
    with contextlib.nullcontext(lambda more: None) if sys.stdout.isatty() else bar(None, " sessions") as more:

        def write(line: bytes) -> None:
            out.write(line)
            if line.startswith(b'{"end"'):
                more(1)

        done = await export(store, write, tenant=args.tenant, digests=args.digest)
        out.flush()
    for key in done.moving:
        print(f"memsvc: {key.tenant}/{key.session} is changed all the time: not exported", file=sys.stderr)
    return 1 if done.moving else 0


async def _imported(store: Store, args: argparse.Namespace) -> int:
    from memsvc.service.restore import restore

    if args.file != "-" and not Path(args.file).is_file():  # noqa: ASYNC240
        print(f"memsvc: there is no file {args.file!r} to import.", file=sys.stderr)
        return 1
    size = None if args.file == "-" else Path(args.file).stat().st_size  # noqa: ASYNC240
    with (
        sys.stdin.buffer if args.file == "-" else open(args.file, "rb") as lines,  # noqa: ASYNC230
        bar(size, "B", bytes_=True) as more,
    ):
        done = await restore(store, counted(lines, more), replace=args.replace)
    for key in done.refused:
        print(f"memsvc: {key.tenant}/{key.session} is there already and differs: not imported", file=sys.stderr)
    print(
        f"{done.imported} sessions imported, {done.replaced} replaced, {done.skipped} already there, "
        f"{len(done.refused)} refused; {done.lines} lines of the books, {done.known} already there"
    )
    return 1 if done.refused else 0


async def _purged(store: Store, args: argparse.Namespace) -> int:
    from memsvc.service.deletion import purge
    from memsvc.wire.requests import read_moment

    try:
        since = read_moment(args.inactive_since)
    except (ValueError, OverflowError):
        print("memsvc: --inactive-since takes unix seconds, or a time such as 2026-05-01T12:00:00Z", file=sys.stderr)
        return 2
    number = await purge(store, args.tenant, since, now=time.time(), forget=lambda key: None, dry=args.dry_run)
    print(f"{number} sessions {'would be ' if args.dry_run else ''}deleted")
    return 0
