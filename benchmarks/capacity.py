"""How many machines so many sessions need, by the constants that `benchmarks.growth` measured.

    python -m benchmarks.capacity --sessions 100e6 --messages 40 --bytes 600 --active 0.05 --turns 10
    python -m benchmarks.capacity --write        # the tables of docs/capacity.md

Nothing is measured here; the arithmetic is `benchmarks/growing/planning.py`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a script from anywhere

from benchmarks import report
from benchmarks.corpus import Json
from benchmarks.growing.constants import Constants, Room, constants
from benchmarks.growing.page import NAMES
from benchmarks.growing.planning import Load, Need, Rules, need, worst_share
from benchmarks.serving import ROOT

PAGE = ROOT / "docs" / "capacity.md"
RESULTS = report.RESULTS / "growth.json"
GB = 1e9
SESSIONS = (1e4, 1e5, 1e6, 1e7, 1e8)
MARK = "<!-- {} {} -->"
_COSTS = (
    ("an append of 1 KB", "append", "replicas"),
    ("a fetch of an unchanged session", "fetch", "replicas"),
    ("a fetch after an append", "following", "sessions"),
    ("a process's first fetch of 20 messages", "first", "sessions"),
)
_ROOMS = (
    ("a session", "session", "sessions"),
    ("a message, beside its JSON", "message", "messages"),
    ("an `Idempotency-Key`, each append", "keyed", "habits"),
    ("an id of yours, each message", "named", "habits"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Print what is needed, or write the page's tables; the exit code."""
    args = arguments(argv)
    figures = json.loads(args.results.read_text())
    if args.write:
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), figures), encoding="utf-8")
        return 0
    load = Load(args.sessions, args.messages, args.bytes, args.active, args.turns, args.peak, not args.no_keys)
    rules = Rules(node_bytes=args.node_gb * GB, disk_bytes=args.disk_gb * GB)
    print(needs([load], rules, figures))
    return 0


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    load, rules = Load(), Rules()
    add = parser.add_argument
    add("--sessions", type=float, default=load.sessions, help="kept at once (1e6)")
    add("--messages", type=float, default=load.messages, help="of a session (40)")
    add("--bytes", type=float, default=load.size, help="of JSON of a message (600)")
    add("--active", type=float, default=load.active, help="share of the sessions that are used on a day (0.05)")
    add("--turns", type=float, default=load.turns, help="of such a session on that day (10)")
    add("--peak", type=float, default=load.peak, help="the busiest hour, times the mean (3)")
    add("--no-keys", action="store_true", help="appends come without an Idempotency-Key")
    add("--node-gb", type=float, default=rules.node_bytes / GB, help="memory of a machine for Valkey (64)")
    add("--disk-gb", type=float, default=rules.disk_bytes / GB, help="disk of a machine with SQLite (1000)")
    add("--results", type=Path, default=RESULTS, help="what growth.py wrote")
    add("--write", action="store_true", help="renew the tables of docs/capacity.md")
    return parser.parse_args(argv)


def written(page: str, figures: Json) -> str:
    """The page with its tables renewed. ValueError where it lacks a mark."""
    for name, text in tables(figures).items():
        begin, end = MARK.format("table:", name), MARK.format("end:", name)
        before, found, rest = page.partition(begin)
        _, ended, after = rest.partition(end)
        if not (found and ended):
            raise ValueError(f"docs/capacity.md lacks {begin} ... {end}")
        page = f"{before}{begin}\n{text.strip()}\n{end}{after}"
    return page


def tables(figures: Json) -> dict[str, str]:
    """By name."""
    rules = Rules()
    return {
        "constants": constants_table(figures),
        "fits": fits_table(figures, rules),
        "worked": needs([Load(sessions=number) for number in SESSIONS], rules, figures),
        "ranges": ranges_table(),
        "stamp": _stamp(figures),
    }


def constants_table(figures: Json) -> str:
    """What one of everything takes, on each engine, and the part of `benchmarks.growth` that says so."""
    by_engine = [constants(figures, engine) for engine in NAMES]
    rows: list[list[Any]] = []
    for title, what, part in _COSTS:
        rows.append([f"CPU of {title}, µs: service / engine", *(_cost(c, what) for c in by_engine), part])
    seconds = (f"{c.compaction_s:.2f}" for c in by_engine)
    rows.append(["CPU of a local compaction in a long session, s", *seconds, "messages"])
    rows.append(["durable appends a second, one process", *(f"{_round(c.appends_s):,}" for c in by_engine), "replicas"])
    for where in ("memory", "disk"):
        for title, field, part in _ROOMS:
            each = [_part(getattr(c, where), field) for c in by_engine]
            rows.append([f"{where} of {title}, bytes", *each, part])
    rows = [[*cells, f"`--only {part}`"] for *cells, part in rows]
    return report.table(("", *NAMES.values(), "`python -m benchmarks.growth`"), rows)


def fits_table(figures: Json, rules: Rules) -> str:
    """Sessions and messages in a GB, and on a core."""
    load = Load()
    rows: list[list[Any]] = []
    for engine, name in NAMES.items():
        found = constants(figures, engine)
        for what, room in (("memory", found.memory), ("disk", found.disk)):
            if room is not None:
                each = room.bytes(1, load.messages, load.size, keyed=load.keyed)
                count = GB / each
                rows.append([f"1 GB of {what}, {name}", _round(count), _round(count * load.messages)])
    head = ("", f"sessions of {load.messages:.0f} messages of {load.size:.0f} bytes", "messages")
    lines = [report.table(head, rows)]
    for engine, name in NAMES.items():
        one = need(Load(sessions=1e6), constants(figures, engine), rules)
        service = _round(one.turns_s / one.service_cores)
        engines = f", one core of {name} itself {_round(one.turns_s / one.engine_cores):,}" if one.engine_cores else ""
        lines.append(f"* {name}: one busy core of the service carries {service:,} turns a second{engines}.")
    return "\n".join(lines)


def needs(loads: Sequence[Load], rules: Rules, figures: Json) -> str:
    """A column for each load."""
    on = {engine: [need(load, constants(figures, engine), rules) for load in loads] for engine in NAMES}
    sqlite, valkey = on["sqlite"], on["valkey"]
    rows: list[list[Any]] = [
        ["turns a second at the peak", *(_number(n.turns_s) for n in sqlite)],
        ["SQLite: file", *(_size(n.disk) for n in sqlite)],
        ["SQLite: busy cores", *(_number(n.service_cores) for n in sqlite)],
        ["SQLite: one machine carries it", *("yes" if n.fits else "no" for n in sqlite)],
        ["Valkey: memory", *(_size(n.memory or 0) for n in valkey)],
        ["Valkey: append-only file, just rewritten", *(_size(n.disk) for n in valkey)],
        ["Valkey: busy cores of its own", *(_number(n.engine_cores) for n in valkey)],
        ["Valkey: busy cores of the service", *(_number(n.service_cores) for n in valkey)],
        ["Valkey: primaries", *(_primaries(n) for n in valkey)],
        ["`memsvc serve` processes", *(f"{n.processes}" for n in valkey)],
    ]
    return report.table(("sessions", *(f"{load.sessions:,.0f}" for load in loads)), rows)


def ranges_table() -> str:
    """How uneven equal ranges of slots are."""
    counts = (3, 6, 8, 16, 32)
    head = ("primaries", *(str(n) for n in counts))
    share = ["fullest one, of an even share", *(f"{worst_share(n) * n:.2f} times" for n in counts)]
    return report.table(head, [share])


def _stamp(figures: Json) -> str:
    made = figures["stamp"]
    far = {curve: figures[curve]["valkey"][-1][curve] for curve in ("sessions", "messages")}
    return (
        f"Curves up to {far['sessions']:,} sessions, and up to {far['messages']:,} messages in one. "
        f"Measured {made['date']} on {made['cores']} cores of {made['cpu']}, revision {made['revision']}: "
        "[growth.md](../benchmarks/results/growth.md)."
    )


def _cost(found: Constants, what: str) -> str:
    cost = getattr(found, what)
    return f"{cost.service:,.0f}" + (f" / {cost.engine:,.0f}" if cost.engine else "")


def _part(room: Room | None, field: str) -> str:
    return "-" if room is None else f"{getattr(room, field):,.0f}"


def _primaries(found: Need) -> str:
    if found.stores > 1:
        return f"{found.stores} clusters of {found.primaries}"
    return "1 server" if found.primaries == 1 else f"cluster of {found.primaries}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _round(value: float) -> int:
    """To two digits: more would be pretence."""
    return int(float(f"{value:.2g}"))


def _size(value: float) -> str:
    return (
        f"{value / 1e12:.1f} TB"
        if value >= 1e12
        else f"{value / GB:,.0f} GB"
        if value >= 10 * GB
        else f"{value / GB:.2g} GB"
    )


if __name__ == "__main__":
    raise SystemExit(main())
