"""The kill soak: load on several sessions while servers, workers and the store are killed; then an account.

python -m benchmarks.soak --store sqlite|valkey|cluster|URL [--kills 200] [--seed N]
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.soaking.figures import figures, page
from benchmarks.soaking.run import Plan, soak
from benchmarks.soaking.stores import place

SECONDS_A_KILL = 1.3
"""A killed process needs about so long of one core until it serves again."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a soak, print and write its figures; 1 if anything is wrong."""
    args = arguments(argv)
    found = run(args)
    text = page(found)
    print(text)
    if args.out is not None:
        name = "soak" if args.store == "sqlite" else f"soak-{args.store.partition('://')[0]}"
        for path in report.write(name, found, text, args.out):
            print(path.name, file=sys.stderr)
    return 1 if any(found["faults"].values()) else 0


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description="Kill servers, workers and the store under load; account for all.")
    parser.add_argument("--store", default="sqlite", help="sqlite, valkey, cluster, or a URL (which is not killed)")
    parser.add_argument("--kills", type=int, default=220, help="at least so many")
    parser.add_argument("--seconds", type=float, help=f"over so long (default: {SECONDS_A_KILL:g} a kill)")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is drawn at random")
    parser.add_argument("--servers", type=int, default=3, help="memsvc serve; --workers 2 is one more")
    parser.add_argument("--workers", type=int, default=2, help="memsvc worker")
    parser.add_argument("--sessions", type=int, default=8)
    parser.add_argument("--summarizer", choices=("local", "model"), default="model", help="model: a slow stand-in")
    parser.add_argument("--fsync", choices=("always", "everysec"), default="always", help="of a Valkey: appendfsync")
    parser.add_argument("--wait-replicas", type=int, default=1, help="of a cluster: redis_wait_replicas")
    parser.add_argument("--out", type=Path, default=report.RESULTS, help="folder for the results")
    parser.add_argument("--quick", action="store_true", help="seconds: a few kills; writes nothing")
    parser.add_argument("--logs", type=Path, help="keep the processes' logs and files in this folder")
    args = parser.parse_args(argv)
    if args.quick:
        args.out, args.summarizer = None, "local"
        args.kills, args.seconds, args.servers, args.workers, args.sessions = 3, 2.0, 2, 1, 4
    return args


def run(args: argparse.Namespace) -> dict[str, Any]:
    """One soak in a folder of its own; its figures."""
    plan = Plan(
        kills=args.kills,
        seconds=args.kills * SECONDS_A_KILL if args.seconds is None else args.seconds,
        seed=args.seed,
        servers=args.servers,
        workers=args.workers,
        sessions=args.sessions,
        group=not args.quick,
        pace_s=0.02 if args.quick else 0.1,
        delay_s=0.4 if args.summarizer == "model" else None,
    )
    made = report.stamp()
    folder = args.logs or Path(tempfile.mkdtemp(prefix="memsvc-soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise SystemExit(f"{folder} is not empty: what an earlier soak left would be counted")
    store = place(args.store, folder.resolve(), fsync=args.fsync, wait=args.wait_replicas)
    try:
        store.start()
        result = asyncio.run(soak(plan, store, folder))
        return figures(result, plan, store.name, made)
    finally:
        store.stop()
        if args.logs is None:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
