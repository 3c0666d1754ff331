"""The rows of the table, and who measures each."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.speed import appending, costs, depth, fetching, working
from benchmarks.speed.goals import Goal, Json, Plan

GOALS: dict[str, Goal] = fetching.GOALS | appending.GOALS | depth.GOALS | working.GOALS | costs.GOALS
"""Figure -> what is asked of it, in the order of the table."""
ROWS: dict[str, tuple[Callable[[Plan], dict[str, Json]], tuple[str, ...]]] = {
    "fetch": (fetching.fetch, ("fetch",)),
    "not_modified": (fetching.not_modified, ("not_modified",)),
    "fetch_valkey": (fetching.fetch_valkey, ("fetch_valkey",)),
    "append": (appending.append, ("append", "append_raw")),
    "append_valkey": (appending.append_valkey, ("append_valkey",)),
    "one_trip": (depth.one_trip, ("one_trip",)),
    "deep": (depth.deep, ("deep_append", "deep_fetch")),
    "long": (depth.long, ("long_append", "long_fetch")),
    "full": (depth.full, ("full_append", "full_fetch")),
    "compacting": (working.compacting, ("compacting", "compacting_apart")),
    "workers": (working.workers, ("workers", "workers_shared")),
    "summarizer": (working.summarizer, ("summarizer",)),
    "start": (costs.start, ("start",)),
    "memory": (costs.memory, ("memory_idle", "memory_live")),
    "gateway": (costs.gateway, ("gateway", "streams")),
}
"""What `--only` names -> how it is measured, and the figures that this gives."""
