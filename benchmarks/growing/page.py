"""The curves as tables and as charts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from benchmarks import charts
from benchmarks.corpus import Json
from benchmarks.report import table as made

NAMES = {"sqlite": "SQLite", "valkey": "Valkey"}
MB = 1_000_000
_HABITS = {
    "at_once": "all messages in one append",
    "by_turns": "one append a message",
    "keyed": "the same, each with an Idempotency-Key",
    "named": "the same, each with an id",
}


def table(figures: Json) -> str:
    """All that was measured, one section a curve."""
    parts = {
        "sessions": ("Sessions in the store", _sessions),
        "messages": ("Messages in a session", _messages),
        "replicas": ("Processes on one store", _replicas),
        "moving": ("Export and import", _moving),
        "habits": ("What a message takes beside its JSON, by how it is written", _habits),
    }
    texts = [
        f"## {title}\n\n{work(figures[name], figures['plan'])}\n"
        for name, (title, work) in parts.items()
        if name in figures
    ]
    if (found := figures.get("compaction")) is not None:
        texts.append(f"## A local summary\n\n{_compaction(found)}\n")
    return "\n".join(texts)


def _sessions(curves: Json, plan: Json) -> str:
    head = [*("store", "sessions", "messages", "first fetch ms", "fetch ms", "append ms", "begin ms", "list ms")]
    head += ["CPU first", "CPU fetch", "CPU append", "RSS MB", "memory B", "disk B", "filled a s", "start s"]
    rows = []
    for name, point in _points(curves):
        asked, filled = point["asked"], point["filled"]
        times = [asked[kind]["p50_ms"] for kind in ("fetch_first", "fetch", "append", "begin", "list")]
        costs = [_cost(asked[kind]) for kind in ("fetch_first", "fetch", "append")]
        memory = _each(point["memory"], point["sessions"])
        held = [round(point["rss"]["after"] / MB), memory, _each(point["disk"], point["sessions"])]
        rate = round(filled["messages"] / filled["seconds"])
        rows.append([name, point["sessions"], point["messages"], *times, *costs, *held, rate, point["ready_s"]])
    note = (
        f"Sessions of {plan['messages_full']} messages of {plan['message_bytes']:.0f} bytes of JSON; past "
        f"{plan['full_sessions']:,} sessions all but every hundredth have {plan['messages_small']}. Asked are "
        f"{plan['picked']} sessions of {plan['messages_full']} messages anywhere in the store, one after the other; "
        "the first line is an empty store, but for them. Times are medians. CPU: µs a request of the service / of the "
        "engine's own process. RSS: of the service, after all that. Memory (`used_memory`) and disk: bytes a session. "
        "Filled: messages a second, through the store's own appends. Append: one message of 1 KB. List: 50 sessions."
    )
    return f"{made(head, rows)}\n{note}"


def _messages(curves: Json, plan: Json) -> str:
    head = ["store", "messages", "append ms", "fetch ms", "CPU append", "CPU fetch", "history's end ms"]
    head += ["history's begin ms", "compaction ms", "context KB", "memory B", "disk B", "filled a s"]
    rows = []
    for name, point in _points(curves):
        asked, filled, count = point["asked"], point["filled"], point["messages"]
        times = [asked["append"]["p50_ms"], asked["fetch"]["p50_ms"], _cost(asked["append"]), _cost(asked["fetch"])]
        times += [asked[kind]["p50_ms"] for kind in ("history_end", "history_begin", "compact")]
        held = [_each(point["memory"], count), _each(point["disk"], count)]
        rate = round(filled["messages"] / filled["seconds"])
        rows.append([name, count, *times, round(point["context_bytes"] / 1000), *held, rate])
    note = (
        f"Messages of {plan['message_bytes']:.0f} bytes, a summary of {plan['summary_bytes']:,} after each "
        f"{plan['messages_a_summary']:,}; all lengths asked by turns in one run, contexts of one size. A page of "
        "history is 50 messages. One forced compaction at the end: it looks at most 150,000 tokens back. Memory, disk: "
        "bytes a message."
    )
    return f"{made(head, rows)}\n{note}"


def _replicas(curves: Json, plan: Json) -> str:
    head = (
        "store",
        "processes",
        "started as",
        "fetches a s",
        "CPU",
        "p99 ms",
        "appends a s",
        "CPU",
        "p99 ms",
        "RSS MB",
    )
    rows = []
    for name, point in _points(curves):
        cells = [(round(one["rps"]), _cost(one), one["p99_ms"]) for one in (point["fetch"], point["append"])]
        started = "`--workers`" if point["as"] == "--workers" else "`memsvc serve`"
        rows.append([name, point["processes"], started, *cells[0], *cells[1], round(point["rss"] / MB)])
    note = (
        f"{plan['connections']} connections in all, each with a session of its own; appends of 1 KB. Processes, engine "
        "and load generators share the cores of one machine, so that requests a second say little where these are few: "
        "CPU (µs a request, service / engine) is what counts. More than two processes are measured where there are two "
        "cores for each."
    )
    return f"{made(head, rows)}\n{note}"


def _habits(found: Json, plan: Json) -> str:
    head = ("store", "written", "memory B", "disk B", "filled a s")
    rows = []
    for engine, ways in found.items():
        for way, point in ways.items():
            filled = point["filled"]
            over = [
                _each(_beside(point[what], plan["message_bytes"] * filled["messages"]), filled["messages"])
                for what in ("memory", "disk")
            ]
            rows.append([NAMES[engine], _HABITS[way], *over, round(filled["messages"] / filled["seconds"])])
    note = (
        f"{plan['habits']} sessions of {plan['messages_full']} messages that grow side by side; bytes a message, its "
        "share of the session among them. Below zero: packed."
    )
    return f"{made(head, rows)}\n{note}"


def _moving(found: Json, plan: Json) -> str:
    head = ("store", "messages", "MB of JSON lines", "export, messages a s", "import, messages a s")
    rows = [
        [NAMES[engine], one["messages"], round(one["bytes"] / MB), _rate(one, "export_s"), _rate(one, "import_s")]
        for engine, one in found.items()
    ]
    return f"{made(head, rows)}\n`memsvc export`, `memsvc import`, their start among it; import checks every digest."


def _rate(found: Json, seconds: str) -> int:
    return int(found["messages"] / found[seconds])


def _compaction(found: Json) -> str:
    asked, bulk = found["asked"]["compact"], found["asked"]["bulk"]
    return (
        f"{found['messages']:,} messages of {found['tokens']:,} tokens, never compacted before: "
        f"{asked['cpu_us'] / 1e6:.2f} s of CPU, {asked['p50_ms'] / 1000:.2f} s (median of {asked['requests']}). Put in "
        f"by one append over HTTP, tokens counted: {found['messages'] / bulk['p50_ms'] * 1000:,.0f} messages a second."
    )


def _points(curves: Json) -> Iterable[tuple[str, Json]]:
    return ((NAMES[engine], point) for engine, points in curves.items() for point in points)


def _cost(found: Json) -> str:
    return f"{found['cpu_us']:,.0f}" + (f" / {found['engine_us']:,.0f}" if found["engine_us"] else "")


def _each(total: float | None, count: int) -> int | None:
    return None if total is None else round(total / count)


def _beside(total: float | None, json_bytes: float) -> float | None:
    return None if total is None else total - json_bytes


def draw(figures: Json, folder: Path) -> None:
    """The charts `growth-*.svg`."""
    for curve, x_label in (("sessions", "sessions in the store"), ("messages", "messages in the session")):
        if curve in figures:
            _draw_requests(figures[curve], curve, x_label, folder)
            _draw_sizes(figures[curve], curve, x_label, folder)
    if "replicas" in figures:
        bars = [
            (f"{NAMES[engine]}, {kind}, {p['processes']} {p['as']}", p[kind]["cpu_us"], None)
            for engine, points in figures["replicas"].items()
            for kind in ("fetch", "append")
            for p in points
        ]
        charts.bars(folder / "growth-replicas.svg", "CPU of the service a request, by processes", bars, "µs")


def _draw_requests(curves: Json, curve: str, x_label: str, folder: Path) -> None:
    kinds = [kind for kind in ("fetch_first", "fetch", "append") if kind in next(iter(curves.values()))[0]["asked"]]
    for what, field, label in (
        ("time", "p50_ms", "median, ms"),
        ("cpu", "cpu_us", "CPU of the service, µs a request"),
    ):
        series = {
            f"{kind.replace('_', ' ')}, {NAMES[engine]}": [
                (float(p[curve]), float(p["asked"][kind][field])) for p in points
            ]
            for kind in kinds
            for engine, points in curves.items()
        }
        path = folder / f"growth-{curve}-{what}.svg"
        charts.lines(path, f"Against {x_label}", series, x_label, label, log_x=True)


def _draw_sizes(curves: Json, curve: str, x_label: str, folder: Path) -> None:
    series = {
        f"{what}, {NAMES[engine]}": [(float(p[curve]), max(p[what], 1) / MB) for p in points]
        for what in ("memory", "disk")
        for engine, points in curves.items()
        if points[0][what] is not None
    }
    path, title = folder / f"growth-{curve}-size.svg", f"Memory and disk against {x_label}"
    charts.lines(path, title, series, x_label, "MB", log_x=True, log_y=True)
