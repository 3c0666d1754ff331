"""What grows with what is stored: a turn in a long session, and one in a full store."""

from __future__ import annotations

import random
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.serving import Server, cores, memsvc_server
from benchmarks.speed import filled
from benchmarks.speed.goals import Goal, Json, Plan
from benchmarks.speed.sides import in_turn, one_round
from benchmarks.speed.talk import FETCH, compacted, encoded, fill, manual, messages
from benchmarks.speed.turns import Caller, Round, compared, turned

SHALLOW = 10
_WHAT = {"append": "append of 1 KB", "fetch": "fetch"}


def _goals(name: str, where: str, against: str, asked: float, aim: float) -> dict[str, Goal]:
    return {
        f"{name}_{kind}": Goal(f"{what} {where}: time", against, "less", asked, aim) for kind, what in _WHAT.items()
    }


GOALS = {
    "one_trip": Goal("append and context in one round trip: time", "an append, then a fetch", "less", 0.65, 0.55),
    **_goals("deep", "at 10,000 stored messages", "10 stored messages, a context of the same size", 1.15, 1.05),
    **_goals("long", "in a session of 1,000,000 messages", "10 messages, the same size, an empty store", 1.3, 1.1),
    **_goals("full", "in a store of 1,000,000 sessions, each for the first time", "a store of few", 1.3, 1.1),
}


def one_trip(plan: Plan) -> dict[str, Json]:
    """A turn of a backend over one connection: `POST messages?context=` against `POST messages`, then `GET context`."""
    with memsvc_server(cores()[0]) as server, Caller(server) as caller:
        names = iter(range(10**6))

        def one() -> Round:
            path = fill(server.port, f"one-{next(names)}", 16_000)
            return turned(caller, lambda n: _whole(caller, path, n), plan.turns)

        def two() -> Round:
            path = fill(server.port, f"two-{next(names)}", 16_000)
            spent = turned(caller, lambda n: _append_and_fetch(caller, path, n), plan.turns)
            append, fetch = spent["append"], spent["fetch"]
            append.ms = [a + b for a, b in zip(append.ms, fetch.ms, strict=True)]
            append.cpu_us = [a + b for a, b in zip(append.cpu_us, fetch.cpu_us, strict=True)]
            return {"turn": append}

        return {"one_trip": compared(in_turn(plan.turn_rounds, one, two), ["turn"])["turn"]}


def _whole(caller: Caller, path: str, number: int) -> None:
    caller.call("turn", "POST", f"{path}/messages?context=anthropic", messages(range(number, number + 1)))


def _append_and_fetch(caller: Caller, path: str, number: int) -> None:
    caller.append(path, number)
    caller.fetch(path)


def deep(plan: Plan) -> dict[str, Json]:
    """10,000 messages against 10 in one store; the deep one is compacted to the size of the other before each round."""
    with memsvc_server(cores()[0]) as server, Caller(server) as caller:
        path = manual(caller.link, "deep")
        for start in range(0, plan.deep, 100):
            caller.link.ok("POST", f"{path}/messages", messages(range(start, min(start + 100, plan.deep))))
        return _named("deep", _against_shallow(caller, path, caller, server, plan))


def long(plan: Plan) -> dict[str, Json]:
    """1,000,000 messages against 10 in a store of their own."""
    with ExitStack() as stack:
        into = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(filled.copy_of("messages", filled.messages, plan.many, into))
        big, small = (stack.enter_context(memsvc_server(cores()[0], store=s)) for s in (url, None))
        ours, theirs = stack.enter_context(Caller(big)), stack.enter_context(Caller(small))
        path = f"/v1/sessions/{filled.LONG}"
        ours.link.ok("PUT", path, encoded({"policy": {"mode": "manual"}}))
        return _named("long", _against_shallow(ours, path, theirs, small, plan))


def _against_shallow(ours: Caller, path: str, theirs: Caller, small: Server, plan: Plan) -> dict[str, Json]:
    _append_and_fetch(ours, path, 0)  # what is learnt at first is learnt
    pairs = []
    for number in range(plan.turn_rounds):
        size = compacted(ours.link, path, SHALLOW)
        shallow = fill(small.port, f"shallow-{number}", size, SHALLOW)
        for caller, where in ((ours, path), (theirs, shallow)):
            caller.link.ok("GET", where + FETCH)

        def long_one() -> Round:
            return turned(ours, lambda n: _append_and_fetch(ours, path, n), plan.turns)

        def short_one(shallow: str = shallow) -> Round:
            return turned(theirs, lambda n: _append_and_fetch(theirs, shallow, n), plan.turns)

        pairs.append(one_round(number, long_one, short_one))
    return compared(pairs)


def full(plan: Plan) -> dict[str, Json]:
    """Sessions that nobody asked for before: of a million, and of no more than are asked for."""
    calls = plan.turns * plan.turn_rounds
    with ExitStack() as stack:
        into = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        urls = [
            stack.enter_context(filled.copy_of("sessions", filled.sessions, many, into)) for many in (plan.many, calls)
        ]
        big, small = (stack.enter_context(memsvc_server(cores()[0], store=url)) for url in urls)
        ours, theirs = stack.enter_context(Caller(big)), stack.enter_context(Caller(small))
        chosen = [iter(random.Random(1).sample(range(many), calls)) for many in (plan.many, calls)]

        def turn(caller: Caller, which: int) -> Round:
            def one(number: int) -> None:
                path = f"/v1/sessions/{filled.session(next(chosen[which]))}"
                caller.fetch(path)
                caller.append(path, number)

            return turned(caller, one, plan.turns)

        return _named("full", compared(in_turn(plan.turn_rounds, lambda: turn(ours, 0), lambda: turn(theirs, 1))))


def _named(name: str, found: dict[str, Json]) -> dict[str, Json]:
    return {f"{name}_{kind}": one for kind, one in found.items()}
