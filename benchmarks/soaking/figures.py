"""What a soak came to: figures, and the page that shows them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from benchmarks import report
from benchmarks.soaking.notes import Truth
from benchmarks.soaking.oracle import KINDS, Fault, account, recoveries
from benchmarks.soaking.run import COMPACTS, Plan, Result

SHOWN = 20


def figures(result: Result, plan: Plan, store: str, stamp: dict[str, Any]) -> dict[str, Any]:
    """All figures of a run, faults included; `shown` holds the first few of those in words."""
    faults = [(b.session, fault) for b in result.books for fault in account(b, result.truths[b.session])]
    tally = result.tally
    counted = Counter(kind for _, (kind, _) in faults)
    waits = recoveries(tally.seen, tally.kills, COMPACTS | {"store"})
    said = [s for b in result.books for s in b.said.values()]
    states = Counter(str(s.state) for s in said)
    killed = Counter(kill.kind for kill in tally.kills)
    return {
        "stamp": stamp,
        "store": store,
        "plan": {name: getattr(plan, name) for name in plan.__slots__},
        "seconds": round(result.seconds, 1),
        "kills": {"all": len(tally.kills), **dict(sorted(killed.items()))},
        "messages": {"sent": len(said), **_states(states), "stored": sum(len(t.log) for t in result.truths.values())},
        "appends": dict(sorted(tally.appends.items())),
        "done": {**dict(sorted(tally.done.items())), **_compactions(list(result.truths.values()))},
        "retries": tally.retries,
        "answers": dict(sorted(tally.answers.items())),
        "ended_by_themselves": dict(tally.ended),
        "recovery_s": {
            "compactions_under_way_at_a_kill": len(waits),
            "p50": _rounded(report.percentile(waits, 0.5)),
            "max": _rounded(max(waits, default=None)),
        },
        "faults": {kind: counted[kind] for kind in KINDS},
        "shown": [f"{session}: {_words(fault)}" for session, fault in faults[:SHOWN]],
    }


def page(found: dict[str, Any]) -> str:
    """The figures for people."""
    kills, messages, recovery = found["kills"], found["messages"], found["recovery_s"]
    by_kind = ", ".join(f"{k} {n}" for k, n in kills.items() if k != "all")
    rows: list[tuple[str, Any]] = [
        ("store", found["store"]),
        ("kill -9", f"{kills['all']} ({by_kind})"),
        ("seconds, sessions", f"{found['seconds']:.0f}, {found['plan']['sessions']}"),
        ("messages acknowledged", messages["acked"]),
        ("messages unanswered, refused", f"{messages['open']}, {messages['refused']}"),
        ("requests sent again", found["retries"]),
        ("contexts fetched and checked", found["done"].get("contexts", 0)),
        ("compactions", _listed(found["done"]["compactions"])),
        ("truncations, pins, usage reports", _three(found["done"], "truncations", "pins", "usage reports")),
        ("appends by how they may be repeated", _listed(found["appends"])),
        ("answers by status", _listed(found["answers"])),
        ("processes that ended by themselves", _listed(found["ended_by_themselves"]) or 0),
        ("compactions under way at a kill", recovery["compactions_under_way_at_a_kill"]),
        ("until they were over, p50 and max", f"{report.cell(recovery['p50'])} s, {report.cell(recovery['max'])} s"),
    ]
    faults = [(kind, found["faults"][kind], what) for kind, what in KINDS.items()]
    tables = report.table(("figure", "value"), [(a, report.cell(b)) for a, b in rows])
    tables += "\n" + report.table(("fault", "count", "what it means"), faults)
    shown = "".join(f"* {line}\n" for line in found["shown"])
    return f"{tables}\n{shown}" if shown else tables


def _states(states: Counter[str]) -> dict[str, int]:
    return {name: states[name] for name in ("acked", "open", "refused")}


def _compactions(truths: list[Truth]) -> dict[str, dict[str, int]]:
    summaries = [s for truth in truths for s in truth.summaries]
    by_reason = Counter(s["reason"] for s in summaries)
    by_model = Counter("by a model" if s["model"] != "local" else "local" for s in summaries)
    return {"compactions": {"all": len(summaries), **by_reason, **by_model}}


def _words(fault: Fault) -> str:
    return f"{fault[0]}: {fault[1]}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in counts.items())


def _three(done: dict[str, Any], *names: str) -> str:
    return ", ".join(f"{done.get(name, 0):,}" for name in names)
