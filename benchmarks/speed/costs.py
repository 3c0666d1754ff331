"""What the service takes: time to start, memory, and what its gateway adds to a call."""

from __future__ import annotations

from benchmarks import footprint
from benchmarks import gateway as gateways
from benchmarks.speed.goals import QUICK, Goal, Json, Plan, reading

MB_IN_MIB = 1.048576
GOALS = {
    "start": Goal("start to ready", "-", "less", 1.0, 0.5, "s"),
    "memory_idle": Goal("resident memory, idle", "-", "less", 120.0, 80.0, "MB"),
    "memory_live": Goal("resident memory, 10,000 live sessions more", "-", "less", 60.0, 30.0, "MB"),
    "gateway": Goal(
        "gateway: added p50, a client that resends 200 messages", "the provider itself", "less", 3.0, 1.0, "ms"
    ),
    "streams": Goal("gateway: streams at once on one core, kept pace with", "-", "more", 500, 2_000, "streams"),
}


def start(plan: Plan) -> dict[str, Json]:
    """As `benchmarks.footprint` measures it."""
    found = footprint.measure_start(plan.starts)
    return {"start": reading(found["all_s"], cpu_s=found["cpu_s"], resident_mib=found["rss_mib"])}


def memory(plan: Plan) -> dict[str, Json]:
    """As `benchmarks.footprint` measures it, over SQLite."""
    found = footprint.measure_memory(plan.sessions, stores=("sqlite",))
    grown = found["sqlite"]
    also = {name: found[name] for name in ("sessions", "messages", "message_chars")}
    live = reading([grown["per_10000_mib"] * MB_IN_MIB], first_request_mib=grown["first_mib"], **also)
    return {"memory_idle": reading([grown["idle_mib"] * MB_IN_MIB]), "memory_live": live}


def gateway(plan: Plan) -> dict[str, Json]:
    """As `benchmarks.gateway` measures it."""
    found = gateways.measure_gateway(gateways.Plan() if plan.rounds > QUICK.rounds else gateways.QUICK)
    also = {name: found[name] for name in ("added_p99_ms", "cpu_ms_per_call")}
    names = ("streams_lost", "core_busy", "events_per_s", "stream_added_p50_ms", "stream_added_p99_ms")
    streams = reading([found["streams"]], **{name: found[name] for name in names})
    return {"gateway": reading([found["added_p50_ms"]], **also), "streams": streams}
