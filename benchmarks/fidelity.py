"""What contexts still hold after one and after many compactions, made by a running server with its local summarizer,
beside compactors in common use at the same budgets.

    python -m benchmarks.fidelity --data FOLDER     # FOLDER/locomo/conversations.jsonl and so on

A part of it (`--only`, `--limit`, `--no-speed`) is printed, and written where `--out` says. Exit code 1 if a context of
the service was larger than its budget.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a script from anywhere

from benchmarks import report
from benchmarks.retention import cases, table
from benchmarks.retention.driving import KEEP_SHARE, Server, Session, Sessions
from benchmarks.retention.jobs import KINDS, OURS, Job, Record, Terms, done, listed
from benchmarks.retention.messages import Json, size, sizes
from benchmarks.serving import ROOT, memsvc_server

SPEED_TOKENS, SPEED_ROUNDS, SPEED_SHARE = 100_000, 5, 0.1
SUITES = ("snowballstemmer", "conpact", "compaction-conformance-kit")
MARKS = ("<!-- fidelity -->\n", "<!-- /fidelity -->\n")
"""Around the table in README.md."""
_mine: dict[str, Sessions] = {}
"""Of a worker process: the server that it alone uses."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the tables, write the files; the exit code."""
    args = arguments(argv)
    terms = Terms(args.data, tuple(sorted(args.epochs)), args.cache, args.limit)
    made, started = report.stamp(SUITES), time.perf_counter()
    records = measured(listed(terms, args.only), terms, args.jobs, args.keep_share)
    figures = table.Figures(records)
    speeds = {} if args.no_speed else speed(args.data, args.keep_share)
    text, all_of_them = table.summary(figures) + _told(speeds), table.every(figures)
    print(text, all_of_them, sep="\n")
    over = sum(r.over for r in records if r.method == OURS)
    body: dict[str, Any] = {"stamp": made, "keep_share": args.keep_share, "epochs": terms.epochs}
    body |= {"limit": args.limit, "seconds": round(time.perf_counter() - started), "over_budget": over}
    body |= {"rows": table.body(figures), "speed": speeds}
    whole = args.limit is None and set(args.only) == set(KINDS) and speeds
    if whole or args.out != report.RESULTS:
        for path in report.write("fidelity", body, f"{text}\n{all_of_them}", args.out):
            print(f"wrote {path.name}", file=sys.stderr)
    if whole and args.readme is not None:
        _put_between(args.readme, MARKS, text)
    if over:
        print(f"{over} contexts over their budget", file=sys.stderr)
    return 1 if over else 0


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0] if __doc__ else None)
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="FOLDER", help="holds a folder for each set (README.md)")
    add("--epochs", type=int, nargs="+", default=[1, 3, 10], help="how many compactions (default 1 3 10)")
    add("--keep-share", type=float, default=KEEP_SHARE, help="of the budget, the most kept verbatim (default 0.1)")
    add("--only", nargs="+", choices=KINDS, default=list(KINDS))
    add("--limit", type=int, help="conversations of each set")
    add("--jobs", type=int, default=2, help="processes, each with a server (default 2)")
    add("--cache", type=Path, default=ROOT / "build" / "fidelity", help="where the baselines' figures are remembered")
    add("--no-speed", action="store_true", help="do not measure how long a compaction takes")
    add("--readme", type=Path, help="a page whose table is replaced")
    add("--out", type=Path, default=report.RESULTS)
    return parser.parse_args(argv)


def measured(jobs: Sequence[Job], terms: Terms, processes: int, keep_share: float) -> list[Record]:
    """All records of the jobs."""
    context = multiprocessing.get_context("spawn")
    with _servers(processes) as ports, context.Manager() as manager:
        free = manager.Queue()
        for port in ports:
            free.put(port)
        with (
            ProcessPoolExecutor(processes, context, _begin, (free, keep_share)) as pool,
            report.Progress("fidelity", len(jobs)) as progress,
        ):
            waiting = [pool.submit(_do, job, terms) for job in jobs]
            try:
                for finished in as_completed(waiting):
                    finished.result()
                    progress.step()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)  # nothing more is begun
                raise
    return [record for one in waiting for record in one.result()]


def _begin(free: Queue[int], keep_share: float) -> None:
    _mine["sessions"] = Sessions(Server(free.get()), keep_share)


def _do(job: Job, terms: Terms) -> list[Record]:
    return done(job, terms, _mine["sessions"])


@contextmanager
def _servers(many: int) -> Iterator[list[int]]:
    with ExitStack() as stack:
        yield [stack.enter_context(memsvc_server()).port for _ in range(many)]


def speed(data: Path, keep_share: float) -> Json:
    """Seconds that a compaction of a long history takes, asked for over HTTP: reading, summarizing, committing."""
    spent: Json = {}
    with memsvc_server() as running, Server(running.port) as server:
        for name, messages in cases.haystacks(data, SPEED_TOKENS):
            kind, ends = name.partition("-")[0], sizes(messages)
            if kind in spent:
                continue
            long = next(n for n in range(len(ends)) if sum(ends[: n + 1]) >= SPEED_TOKENS)
            taken = []
            for _ in range(SPEED_ROUNDS):
                session = Session(server, keep_share)
                session.step(messages[:long], None, int(size(messages[:long]) * SPEED_SHARE))
                session.close()
                taken.append(session.compact_s)
            spent[kind] = round(statistics.median(taken), 3)
    return spent


def _told(speeds: Json) -> str:
    if not speeds:
        return ""
    each = ", ".join(f"{kind} {seconds:.2f} s" for kind, seconds in speeds.items())
    return f"\nOne compaction of {SPEED_TOKENS:,} tokens to {SPEED_SHARE:.0%}: {each} (goal: 1 s, aim 0.3 s).\n"


def _put_between(page: Path, marks: tuple[str, str], text: str) -> None:
    before, found, rest = page.read_text(encoding="utf-8").partition(marks[0])
    _, ended, after = rest.partition(marks[1])
    if not (found and ended):
        raise SystemExit(f"{page.name} has no place for the table: {marks[0].strip()} ... {marks[1].strip()}")
    page.write_text(f"{before}{found}{text}{ended}{after}", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
