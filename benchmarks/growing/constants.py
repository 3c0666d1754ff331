"""What one session, one message, one request takes: worked out of the curves."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.corpus import Json


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes beside those of a message's JSON: of each message, of each session; and what an `Idempotency-Key` and an id
    of the caller's add to each append of one message."""

    message: float
    session: float
    keyed: float
    named: float

    def bytes(self, sessions: float, messages: float, json_bytes: float, *, keyed: bool) -> float:
        """Of so many sessions of so many messages each."""
        each = json_bytes + self.message + (self.keyed if keyed else 0.0)
        return sessions * (self.session + messages * each)


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor time in µs: of the service, and of the engine's own process (0 where it has none)."""

    service: float
    engine: float


@dataclass(frozen=True, slots=True)
class Constants:
    """Of one engine.

    Attributes:
        memory: None where it does not grow with what is stored.
        disk: of a store that rests.
        first: the first fetch of a session by a process.
        following: a fetch after an append.
        appends_s: durable appends a second by one process, as many writers as there were connections.
        compaction_s: processor time of a local compaction in the longest session.
    """

    memory: Room | None
    disk: Room
    append: Cost
    fetch: Cost
    first: Cost
    following: Cost
    appends_s: float
    compaction_s: float


def constants(figures: Json, engine: str) -> Constants:
    """From the results of a whole run."""
    store, load = figures["sessions"][engine][-1]["asked"], figures["replicas"][engine][0]
    longest = figures["messages"][engine][-1]["asked"]
    return Constants(
        memory=room(figures, engine, "memory") if figures["sessions"][engine][-1]["memory"] else None,
        disk=room(figures, engine, "disk"),
        append=_cost(load["append"]),
        fetch=_cost(load["fetch"]),
        first=_cost(store["fetch_first"]),
        following=_cost(store["fetch_after_append"]),
        appends_s=load["append"]["rps"],
        compaction_s=longest["compact"]["cpu_us"] / 1e6,
    )


def room(figures: Json, engine: str, what: str) -> Room:
    """A message from the longest session, a session from the fullest store. Files are larger where sessions grow side
    by side than where each was put in at once: by as much as they were when it was tried."""
    plan, habits = figures["plan"], figures["habits"][engine]
    longest, fullest = figures["messages"][engine][-1], figures["sessions"][engine][-1]
    summaries = plan["summary_bytes"] / plan["messages_a_summary"]
    message = longest[what] / longest["messages"] - summaries
    session = (fullest[what] - fullest["messages"] * message) / fullest["sessions"]
    mixed = habits["by_turns"][what] / habits["at_once"][what]
    added = {
        way: (habits[way][what] - habits["by_turns"][what]) / habits[way]["filled"]["messages"]
        for way in ("keyed", "named")
    }
    return Room(message * mixed - plan["message_bytes"], session, **added)


def _cost(found: Json) -> Cost:
    return Cost(found["cpu_us"], found["engine_us"] or 0.0)
