"""What the service does beside answering: fetches while compactions run, one long compaction, several processes."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
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
    "compacting_apart": Goal("the same, where a `memsvc worker` compacts", "while none does", "less", 2.0, 1.3),
    "workers": Goal(
        "CPU time of a request, `--workers 2`, Valkey",
        "`--workers 1`, as many connections a process",
        "less",
        1.1,
        1.02,
    ),
    "workers_shared": Goal("the same", "`--workers 1`, as many connections in all", "less"),
    "summarizer": Goal("a compaction of 100,000 tokens, local summarizer", "-", "less", 1.0, 0.3, "s"),
}


def compacting(plan: Plan) -> dict[str, Json]:
    """As `benchmarks.speed_summarizer` measures it: no process is kept to a core."""
    small = plan.compactions < speed_summarizer.COMPACTIONS
    made = {}
    for name, apart in (("compacting", False), ("compacting_apart", True)):
        found = speed_summarizer.measure_compacting(
            plan.compactions, 5_000 if small else speed_summarizer.EACH_TOKENS, idle_s=plan.seconds * 3, apart=apart
        )
        made[name] = reading([found.pop("ratio")], **found)
    return made


def summarizer(plan: Plan) -> dict[str, Json]:
    """As `benchmarks.speed_summarizer` measures it: the least of some rounds, in this process."""
    tokens = speed_summarizer.TOKENS if plan.rounds > QUICK.rounds else 3_000
    found = speed_summarizer.measure(tokens, rounds=plan.starts)
    return {"summarizer": reading([found.pop("first_s")], cpu_s=found.pop("first_cpu_s"), **found)}


def workers(plan: Plan) -> dict[str, Json]:
    """Fetches of one session and appends to 64: two processes against one, on the same core; the time of all counts.

    Once with as many connections a process, once with as many in all: the fewer a process has, the fewer requests
    share a trip to the store."""
    ours_on, _ = cores()
    with ExitStack() as stack:
        body, valkey = stack.enter_context(one_message()), stack.enter_context(valkey_server())
        servers = [
            stack.enter_context(memsvc_server(ours_on, store=valkey.url, options=["--workers", str(n)])) for n in (2, 1)
        ]
        path = fill(servers[0].port, "fetched", 16_000) + FETCH
        link = Link(servers[0].port)
        for i in range(64 * 2):
            manual(link, f"w{i}")
        link.close()

        def both(server: Server, times: int) -> tuple[float, float]:
            fetch = measure(Side(server, path), 50 * times, plan.seconds)["cpu_us"]
            append = measure(Side(server, "/v1/sessions/w{i}/messages", body), 64 * times, plan.seconds)["cpu_us"]
            if fetch is None or append is None:
                raise RuntimeError("this system does not tell the processor time of a process")
            return fetch, append

        two, one = servers
        rounds = in_turn(plan.rounds, lambda: (both(two, 2), both(two, 1)), lambda: both(one, 1))
    each = [(full, alone) for (full, _), alone in rounds]
    shared = [(half, alone) for (_, half), alone in rounds]
    return {"workers": _by_cpu(each), "workers_shared": _by_cpu(shared)}


def _by_cpu(pairs: Sequence[tuple[tuple[float, float], tuple[float, float]]]) -> Json:
    """Of microseconds that a fetch and an append took in two processes, and in one."""
    kinds = {
        name: {
            "ratio": by_cpu([(two[n], one[n]) for two, one in pairs]),
            "cpu_us": [round(statistics.median(pair[side][n] for pair in pairs), 1) for side in (0, 1)],
        }
        for n, name in enumerate(("fetch", "append"))
    }
    return reading([sum(two) / sum(one) for two, one in pairs], **kinds)
