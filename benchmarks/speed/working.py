"""What the service does beside answering: fetches while compactions run, one long compaction, several processes."""

from __future__ import annotations

import statistics
from contextlib import ExitStack

from benchmarks import speed_summarizer
from benchmarks.rawhttp import Link
from benchmarks.serving import Server, cores, memsvc_server
from benchmarks.speed.goals import QUICK, Goal, Json, Plan, reading
from benchmarks.speed.sides import Side, by_cpu, in_turn, measure
from benchmarks.speed.talk import FETCH, fill, manual, one_message
from benchmarks.speed.valkey import valkey_server

GOALS = {
    "compacting": Goal("fetch p99 while 50 compactions run", "while none does", "less", 2.0, 1.3),
    "workers": Goal("CPU time of a request, `--workers 2`, Valkey", "`--workers 1`", "less", 1.1, 1.02),
    "summarizer": Goal("a compaction of 100,000 tokens, local summarizer", "-", "less", 1.0, 0.3, "s"),
}


def compacting(plan: Plan) -> dict[str, Json]:
    """As `benchmarks.speed_summarizer` measures it: no process is kept to a core."""
    small = plan.compactions < speed_summarizer.COMPACTIONS
    found = speed_summarizer.measure_compacting(
        plan.compactions, 2_000 if small else speed_summarizer.EACH_TOKENS, idle_s=plan.seconds * 3
    )
    return {"compacting": reading([found.pop("ratio")], **found)}


def summarizer(plan: Plan) -> dict[str, Json]:
    """As `benchmarks.speed_summarizer` measures it: the least of some rounds, in this process."""
    tokens = speed_summarizer.TOKENS if plan.rounds > QUICK.rounds else 3_000
    found = speed_summarizer.measure(tokens, rounds=plan.starts)
    return {"summarizer": reading([found.pop("first_s")], cpu_s=found.pop("first_cpu_s"), **found)}


def workers(plan: Plan) -> dict[str, Json]:
    """Fetches of one session and appends to 64: two processes against one, on the same core; the time of all counts."""
    ours_on, _ = cores()
    with ExitStack() as stack:
        body, valkey = stack.enter_context(one_message()), stack.enter_context(valkey_server())
        servers = [
            stack.enter_context(memsvc_server(ours_on, store=valkey.url, options=["--workers", str(n)])) for n in (2, 1)
        ]
        path = fill(servers[0].port, "fetched", 16_000) + FETCH
        link = Link(servers[0].port)
        for i in range(64):
            manual(link, f"w{i}")
        link.close()

        def both(server: Server) -> tuple[float | None, float | None]:
            fetch = measure(Side(server, path), 50, plan.seconds)
            append = measure(Side(server, "/v1/sessions/w{i}/messages", body), 64, plan.seconds)
            return fetch["cpu_us"], append["cpu_us"]

        pairs = in_turn(plan.rounds, lambda: both(servers[0]), lambda: both(servers[1]))
    if any(cpu is None for pair in pairs for side in pair for cpu in side):
        raise RuntimeError("this system does not tell the processor time of a process")
    sums = [tuple(sum(c or 0.0 for c in side) for side in pair) for pair in pairs]
    kinds = {
        name: {
            "ratio": by_cpu([(two[n], one[n]) for two, one in pairs]),
            "cpu_us": [round(statistics.median(pair[side][n] or 0.0 for pair in pairs), 1) for side in (0, 1)],
        }
        for n, name in enumerate(("fetch", "append"))
    }
    return {"workers": reading([two / one for two, one in sums], **kinds)}
