"""How fast: fetch against a bare handler, deep against shallow sessions, start, durable appends.

    python benchmarks/latency.py [--only fetch depth start writers] [--quick]

Every server is started here, on 127.0.0.1, over a new SQLite file, and stopped at the end.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a script from anywhere

from benchmarks import report
from benchmarks.load import load
from benchmarks.rawhttp import Link
from benchmarks.serving import bare_server, cores, cpu_seconds, memsvc_server

Json = dict[str, Any]
_FETCH = "/context?format=anthropic"
_WORDS = (
    "order,invoice,refund,shipment,delay,account,customer,region,replica,latency,deploy,rollback,ticket,"
    "schedule,report,budget,warehouse,carrier,label,address,payment,card,limit,retry,queue,session,token"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to do; `QUICK` only shows that everything runs."""

    rounds: int = 7
    seconds: float = 3.0
    deep: int = 10_000
    shallow: int = 10
    pairs: int = 20
    depth_rounds: int = 15
    starts: int = 5


QUICK = Plan(rounds=2, seconds=0.5, deep=300, pairs=5, depth_rounds=3, starts=2)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the files."""
    parts: dict[str, Callable[[Plan], Json]] = {
        "fetch": fetch_against_bare,
        "depth": deep_against_shallow,
        "start": start_to_ready,
        "writers": writers,
    }
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--only", nargs="+", choices=list(parts), default=list(parts))
    parser.add_argument("--quick", action="store_true", help="a few seconds, figures worth nothing")
    parser.add_argument("--out", type=Path, default=report.RESULTS)
    args = parser.parse_args(argv)
    plan = QUICK if args.quick else Plan()
    figures: Json = {"stamp": report.stamp()}
    for name in args.only:
        print(f"{name} ...", file=sys.stderr, flush=True)
        figures[name] = parts[name](plan)
    text = table(figures)
    print(text)
    if not args.quick:
        report.write("latency", figures, text, args.out)
    return 0


def fetch_against_bare(plan: Plan) -> Json:
    """Fetch of a 16 KB context at 50 connections, and a bare handler with the same bytes, in turn."""
    server_cpus, load_cpus = cores()
    with memsvc_server(server_cpus) as ours:
        path = fill(ours.port, "fetch", 16_000) + _FETCH
        link = Link(ours.port)
        reply = link.ok("GET", path)
        link.close()
        with bare_server(reply, server_cpus) as bare:
            rounds: dict[str, list[Json]] = {"memsvc": [], "bare": []}
            turns = [("memsvc", ours, path), ("bare", bare, "/")]
            for number in range(plan.rounds):
                for name, server, where in turns if number % 2 == 0 else turns[::-1]:
                    rounds[name].append(load(server, where, 50, plan.seconds, load_cpus))
    rps = {name: statistics.median(r["rps"] for r in found) for name, found in rounds.items()}
    return {
        "context_bytes": len(reply),
        "connections": 50,
        "pinned": bool(server_cpus),
        "rounds": plan.rounds,
        "memsvc_rps": rps["memsvc"],
        "bare_rps": rps["bare"],
        "ratio": report.ratio(rps["memsvc"], rps["bare"]),
        "memsvc_p50_ms": _median(rounds["memsvc"], "p50_ms"),
        "memsvc_p99_ms": _median(rounds["memsvc"], "p99_ms"),
        "bare_p50_ms": _median(rounds["bare"], "p50_ms"),
        "bare_p99_ms": _median(rounds["bare"], "p99_ms"),
        "ratio_by_round": _median_ratio(rounds["memsvc"], rounds["bare"]),
        "memsvc_cpu_us": _median(rounds["memsvc"], "server_cpu_us"),
        "bare_cpu_us": _median(rounds["bare"], "server_cpu_us"),
        "errors": sum(r["errors"] for found in rounds.values() for r in found),
        "generator": rounds["bare"][0]["generator"],
        "generator_busy": _median(rounds["bare"], "generator_busy"),
        "runs": rounds,
    }


def deep_against_shallow(plan: Plan) -> Json:
    """Append of 1 KB, then fetch, one after the other: 10,000 stored messages against 10.

    The deep session is compacted to about as much as the shallow one holds, before each round;
    each round has a new shallow session whose context is made as large as the deep one's.
    """
    server_cpus, _ = cores()
    spent: dict[str, list[float]] = {f"{s}_{w}": [] for s in ("deep", "shallow") for w in ("append", "fetch")}
    sizes: dict[str, list[int]] = {"deep": [], "shallow": []}
    with memsvc_server(server_cpus) as server:
        link = Link(server.port)
        deep = "/v1/sessions/deep"
        link.ok("PUT", deep, _json({"policy": {"mode": "manual"}}))
        for start in range(0, plan.deep, 100):
            link.ok("POST", f"{deep}/messages", _messages(range(start, min(start + 100, plan.deep))))
        for number in range(plan.depth_rounds):
            size = compacted(link, deep, plan.shallow)
            shallow = fill(server.port, f"shallow-{number}", size, plan.shallow)
            order = [("deep", deep), ("shallow", shallow)]
            for name, path in order if number % 2 == 0 else order[::-1]:
                before = len(link.ok("GET", path + _FETCH))
                for i in range(plan.pairs):
                    a, f, after = pair(link, path, i)
                    spent[f"{name}_append"].append(a)
                    spent[f"{name}_fetch"].append(f)
                sizes[name].append((before + after) // 2)
        stored = {n: json.loads(link.ok("GET", p))["messages"] for n, p in (("deep", deep), ("shallow", shallow))}
        link.close()
    return depth_figures(spent, sizes, stored)


def depth_figures(spent: dict[str, list[float]], sizes: dict[str, list[int]], stored: dict[str, int]) -> Json:
    """Medians, tails and ratios of the two sessions; `pair` = one append and one fetch."""
    found: Json = {"messages_at_the_end": stored}
    found["context_bytes"] = {name: int(statistics.median(s)) for name, s in sizes.items()}
    for name in ("deep", "shallow"):
        spent[f"{name}_pair"] = [a + f for a, f in zip(spent[f"{name}_append"], spent[f"{name}_fetch"], strict=True)]
    for what in ("append", "fetch", "pair"):
        deep, shallow = spent[f"deep_{what}"], spent[f"shallow_{what}"]
        for name, values in (("deep", deep), ("shallow", shallow)):
            found[f"{name}_{what}_p50_ms"] = round(statistics.median(values), 3)
            found[f"{name}_{what}_p99_ms"] = round(report.percentile(values, 0.99) or 0.0, 3)
        found[f"{what}_ratio"] = report.ratio(statistics.median(deep), statistics.median(shallow))
    return found


def start_to_ready(plan: Plan) -> Json:
    """From starting the process to the first 200 of /readyz, each time with a new store."""
    spent, busy = [], []
    for _ in range(plan.starts):
        with memsvc_server() as server:
            spent.append(round(server.ready_s, 3))
            busy.append(cpu_seconds(server.pid))
    return {"median_s": statistics.median(spent), "all_s": spent, "cpu_s": busy}


def writers(plan: Plan) -> Json:
    """Appends of 1 KB by 64 writers, each to its own session, each answered when it is durable."""
    server_cpus, load_cpus = cores()
    with memsvc_server(server_cpus) as server, tempfile.NamedTemporaryFile() as file:
        link = Link(server.port)
        for i in range(64):
            link.ok("PUT", f"/v1/sessions/w{i}", _json({"policy": {"mode": "manual"}}))
        link.close()
        file.write(_messages(range(1)))
        file.flush()
        path = "/v1/sessions/w{i}/messages"
        rounds = [load(server, path, 64, plan.seconds, load_cpus, body=Path(file.name)) for _ in range(3)]
    return {
        "writers": 64,
        "rps": _median(rounds, "rps"),
        "p50_ms": _median(rounds, "p50_ms"),
        "p99_ms": _median(rounds, "p99_ms"),
        "errors": sum(r["errors"] for r in rounds),
        "runs": rounds,
    }


def pair(link: Link, path: str, number: int) -> tuple[float, float, int]:
    """One append and one fetch: milliseconds of each, and the bytes of the context."""
    body = _messages(range(number, number + 1))
    started = time.perf_counter()
    link.ok("POST", f"{path}/messages", body)
    middle = time.perf_counter()
    context = link.ok("GET", path + _FETCH)
    ended = time.perf_counter()
    return (middle - started) * 1000, (ended - middle) * 1000, len(context)


def fill(port: int, session: str, size: int, messages: int = 16) -> str:
    """A session of `messages` messages whose context is about `size` bytes; its path."""
    path = f"/v1/sessions/{session}"
    each = max(40, size // messages - 90)  # the reply's envelope and each message's own framing
    link = Link(port)
    link.ok("PUT", path, _json({"policy": {"mode": "manual"}}))
    link.ok("POST", f"{path}/messages", _messages(range(messages), each))
    link.close()
    return path


def compacted(link: Link, path: str, messages: int) -> int:
    """Compact the session to a summary and about the last `messages`; bytes of its context then."""
    link.ok("POST", f"{path}/compact", _json({"force": True, "keep_tokens": messages * 200, "wait_ms": 60_000}))
    deadline = time.monotonic() + 120
    while json.loads(link.ok("GET", path))["compaction"]["state"] in ("queued", "running"):
        if time.monotonic() > deadline:
            raise RuntimeError("the forced compaction did not end")
        time.sleep(0.02)
    return len(link.ok("GET", path + _FETCH))


def table(figures: Json) -> str:
    """The rows a reader wants; everything else is in the JSON file."""
    rows: list[list[Any]] = []
    if (f := figures.get("fetch")) is not None:
        where = "other core" if f["pinned"] else "same cores"
        what = f"fetch of {f['context_bytes']:,} bytes, 50 connections, requests/s"
        against = f"bare aiohttp {f['bare_rps']:,.0f} ({f['generator']}, {where})"
        rows.append([what, f["memsvc_rps"], against, f["ratio"]])
        if f["memsvc_cpu_us"] and f["bare_cpu_us"]:
            part = report.ratio(f["bare_cpu_us"], f["memsvc_cpu_us"])
            rows.append(["the same, server CPU, µs a request", f["memsvc_cpu_us"], f"bare {f['bare_cpu_us']}", part])
    if (d := figures.get("depth")) is not None:
        for w in ("append", "fetch", "pair"):
            deep, shallow = d[f"deep_{w}_p50_ms"], d[f"shallow_{w}_p50_ms"]
            rows += [[f"{w} in a deep session, p50 ms", deep, f"shallow {shallow}", d[f"{w}_ratio"]]]
    if (s := figures.get("start")) is not None:
        rows.append([f"start to ready, median of {len(s['all_s'])}, s", s["median_s"], "-", None])
    if (a := figures.get("writers")) is not None:
        rows.append(["durable appends of 1 KB, 64 writers, requests/s", a["rps"], f"p99 {a['p99_ms']} ms", None])
    return report.table(("what", "memsvc", "against", "ratio"), rows)


def _median(rounds: Sequence[Json], what: str) -> Any:
    values = [r[what] for r in rounds if r[what] is not None]
    return round(statistics.median(values), 3) if values else None


def _median_ratio(ours: Sequence[Json], bare: Sequence[Json]) -> float | None:
    """The median over rounds of our rate to the bare one's in the same round."""
    ratios = [a["rps"] / b["rps"] for a, b in zip(ours, bare, strict=True) if b["rps"]]
    return round(statistics.median(ratios), 3) if ratios else None


def _messages(numbers: range, size: int = 1000) -> bytes:
    """An append of messages of about `size` bytes each, user and assistant in turn."""
    return _json({"format": "anthropic", "messages": [_message(n, size) for n in numbers]})


def _message(number: int, size: int) -> Json:
    dice, words = random.Random(number), _WORDS.split(",")
    text = f"Note {number}:"
    while len(text) < size:
        text += f" {dice.choice(words)}" if dice.random() < 0.9 else f" {dice.randrange(10_000)}."
    return {"role": "assistant" if number % 2 else "user", "content": text[:size]}


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


if __name__ == "__main__":
    raise SystemExit(main())
