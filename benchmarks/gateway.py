"""What the gateway adds: time of a call and of the first byte against calling the provider, and streams at once.

    python benchmarks/gateway.py [--only calls streams] [--quick]

The provider is `benchmarks/scripted.py`, which answers at once; both servers are started here, on 127.0.0.1. The
gateway has a core to itself where there are two; provider and clients share the other. `measure_gateway` gives the
figures that others compare.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a script from anywhere

import aiohttp

from benchmarks import report, scripted
from benchmarks.serving import ROOT, Server, cores, cpu_seconds, memsvc_server, pin_to, scripted_server

Json = dict[str, Any]
HEADERS = {"authorization": "Bearer any", "anthropic-version": "2026-10-21"}
SENTENCE = "Parcel {} weighs {} kg and goes to warehouse {}, the customer asked for a delivery before noon. "


KEEPS_P50_MS, KEEPS_P99_MS = 5.0, 50.0
"""A gateway keeps pace with its streams while events are under way no longer than this more than without it: the
second is the time from one event to the next."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to do; `QUICK` only shows that everything runs.

    Attributes:
        streams: at once, one step after another until one is not kept pace with.
        events_per_s: of each stream; starts_per_s: streams that begin; window_s: measured time with all of them open.
    """

    messages: int = 200
    calls: int = 60
    events_of_calls: int = 10
    streams: tuple[int, ...] = (500, 1_000, 1_500, 2_000, 3_000)
    events_per_s: float = 20.0
    starts_per_s: float = 80.0
    window_s: float = 8.0


QUICK = Plan(messages=10, calls=3, streams=(5,), window_s=0.5)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the files."""
    parts: dict[str, Callable[[Plan], Json]] = {"calls": calls, "streams": streams}
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
        report.write("gateway", figures, text, args.out)
    return 0


@contextmanager
def servers(events: int, *, pause_ms: float = 0.0) -> Iterator[tuple[Server, Server]]:
    """The provider, and memsvc in front of it, a core each."""
    ours, theirs = cores()
    with scripted_server(theirs, events=events, pause_ms=pause_ms) as provider:
        env = {
            "MEMSVC_GATEWAY_ANTHROPIC_URL": provider.url,
            "MEMSVC_THRESHOLD_TOKENS": "10000000",
            "MEMSVC_MODE": "manual",
        }
        with memsvc_server(ours, env) as memsvc:
            yield provider, memsvc


def history(messages: int, tag: str) -> list[Json]:
    """A conversation that ends with a question."""
    found: list[Json] = []
    for n in range(messages):
        role = "user" if n % 2 == 0 else "assistant"
        found.append({"role": role, "content": f"{tag} {n}: " + SENTENCE.format(n, n % 30, n % 7) * 4})
    return found if found[-1]["role"] == "user" else found[:-1]


def calls(plan: Plan) -> Json:
    """Turns of a client that resends its whole history, through the gateway and straight, in turn; streamed, so that
    the time of the first byte shows too."""
    with servers(plan.events_of_calls) as (provider, memsvc), beside_server():
        return asyncio.run(_calls(plan, provider, memsvc))


@contextmanager
def beside_server() -> Iterator[None]:
    """This process on the core of the provider, so that it takes nothing from the gateway's."""
    _, theirs = cores()
    if not theirs:
        yield
        return
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(theirs))
    try:
        yield
    finally:
        os.sched_setaffinity(0, mine)


async def _calls(plan: Plan, provider: Server, memsvc: Server) -> Json:
    spent: dict[str, list[float]] = {}
    begun = max(1, plan.messages - plan.calls)  # so that there are `messages` of them at half-time
    held = {name: history(begun, name) for name in ("straight", "resend", "new", "nosession")}
    async with aiohttp.ClientSession() as client:
        await _turn(client, memsvc, held["resend"], "resend")
        await _turn(client, memsvc, held["new"], "new")
        for number in range(plan.calls):
            for name, server, session in (
                ("straight", provider, None),
                ("resend", memsvc, "resend"),
                ("new", memsvc, "new"),
                ("nosession", memsvc, None),
            ):
                said = held[name]
                said += [
                    {"role": "assistant", "content": _TEXT * plan.events_of_calls},
                    {"role": "user", "content": f"{number}?"},
                ]
                first, whole = await _turn(client, server, said[-1:] if name == "new" else said, session)
                spent.setdefault(f"{name}_first", []).append(first)
                spent.setdefault(f"{name}_whole", []).append(whole)
    found: Json = {"messages": plan.messages, "calls": plan.calls, "cpu_ms": await _cpu(plan, memsvc, held)}
    for name, values in spent.items():
        found[f"{name}_p50_ms"] = round(statistics.median(values), 3)
        found[f"{name}_p99_ms"] = round(report.percentile(values, 0.99) or 0.0, 3)
    for name in ("resend", "new", "nosession"):
        for what in ("first_added_p50_ms", "whole_added_p50_ms", "whole_added_p99_ms"):
            plain = what.replace("_added", "")
            found[f"{name}_{what}"] = round(found[f"{name}_{plain}"] - found[f"straight_{plain}"], 3)
    return found


async def _cpu(plan: Plan, memsvc: Server, held: dict[str, list[Json]], calls: int = 60) -> dict[str, float]:
    """Processor time of the service for one call of each kind: what a busy machine cannot spoil."""
    found: dict[str, float] = {}
    async with aiohttp.ClientSession() as client:
        for name, session in (("resend", "resend"), ("new", "new"), ("nosession", None)):
            before = cpu_seconds(memsvc.pid) or 0.0
            for number in range(calls):
                said = held[name]
                if session is not None:
                    said += [
                        {"role": "assistant", "content": _TEXT * plan.events_of_calls},
                        {"role": "user", "content": f"then {number}?"},
                    ]
                await _turn(client, memsvc, said[-1:] if name == "new" else said, session)
            found[name] = round(((cpu_seconds(memsvc.pid) or 0.0) - before) / calls * 1000, 2)
    return found


_TEXT = scripted.TEXT


async def _turn(
    client: aiohttp.ClientSession, server: Server, messages: list[Json], session: str | None
) -> tuple[float, float]:
    """One streamed call: milliseconds to the first byte of its body, and to its end."""
    body = json.dumps({"model": "claude-sonnet-5-5", "max_tokens": 500, "stream": True, "messages": messages}).encode()
    headers = HEADERS if session is None else {**HEADERS, "x-memsvc-session": session}
    began = time.perf_counter()
    async with client.post(f"{server.url}/v1/messages", data=body, headers=headers) as reply:
        first = await reply.content.readany()
        at = time.perf_counter()
        rest = await reply.content.read()
        if reply.status != 200 or b"message_stop" not in (first + rest)[-200:]:
            raise SystemExit(f"{server.url}: {reply.status} {(first + rest)[:300]!r}")
    return (at - began) * 1000, (time.perf_counter() - began) * 1000


def streams(plan: Plan) -> Json:
    """More and more streams at once through one process, each with a session of its own, and the same streams straight
    from the provider: none may lose a byte, on its way or in its session."""
    steps: list[Json] = []
    for number in plan.streams:
        steps.append(_step(plan, number))
        if not steps[-1]["keeps_pace"]:
            break
    kept = [step for step in steps if step["keeps_pace"]]
    return {"events_per_s": plan.events_per_s, "kept": kept[-1]["streams"] if kept else 0, "steps": steps}


def _step(plan: Plan, number: int) -> Json:
    starts_s = number / plan.starts_per_s
    events = int((starts_s * 1.1 + plan.window_s + 2) * plan.events_per_s)
    with servers(events, pause_ms=1000 / plan.events_per_s) as (provider, memsvc):
        straight = _listened(plan, number, events, provider, [])
        found = _listened(plan, number, events, memsvc, [memsvc.pid, provider.pid])
        stored = sum(asyncio.run(_kept(memsvc, events, number)))
    added = {p: round(found[f"under_way_{p}_ms"] - straight[f"under_way_{p}_ms"], 3) for p in ("p50", "p99")}
    whole = found["open"] == number and not found["lost"] and stored == number
    return {
        "streams": number,
        "events_each": events,
        "events_per_s": found["events_per_s"],
        "lost": number - min(found["whole"], stored),
        "added_p50_ms": added["p50"],
        "added_p99_ms": added["p99"],
        "core_busy": found["busy"][0],
        "other_core_busy": round(found["busy"][1] + found["own_busy"], 3),
        "straight_lost": straight["lost"],
        "keeps_pace": whole and added["p50"] <= KEEPS_P50_MS and added["p99"] <= KEEPS_P99_MS,
    }


def _listened(plan: Plan, number: int, events: int, server: Server, pids: list[int]) -> Json:
    """What clients on the provider's core saw of so many streams."""
    told = {"port": server.port, "streams": number, "events": events, "starts-per-s": plan.starts_per_s}
    told["window-s"] = plan.window_s
    command = [sys.executable, str(ROOT / "benchmarks" / "streamers.py")]
    command += [f"--{name}={value}" for name, value in told.items()] + ["--pids", *map(str, pids)]
    made = subprocess.run(command, stdout=subprocess.PIPE, check=True, preexec_fn=pin_to(cores()[1]))
    found: Json = json.loads(made.stdout)
    return found


async def _kept(memsvc: Server, events: int, number: int) -> list[bool]:
    """Of each stream whether its reply is in its session, whole."""
    found = []
    async with aiohttp.ClientSession() as client:
        for n in range(number):
            async with client.get(f"{memsvc.url}/v1/sessions/s{n}/history") as reply:
                rows = (await reply.json())["messages"] if reply.status == 200 else []
            found.append(len(rows) == 4 and _TEXT * events in json.dumps(rows[-1]["message"]))
    return found


def measure_gateway(plan: Plan | None = None) -> Json:
    """What the gateway costs, on this machine now.

    `added_p50_ms`, `added_p99_ms`: milliseconds that a call takes longer than straight at the provider, from a client
    that resends a session of 200 messages, its stream read to the end. `cpu_ms_per_call`: processor time of the gateway
    for it. `streams`: the most at once, of `events_per_s` events a second each, that it kept pace with on one core;
    with how many of them lost a byte, the share of the core that was busy, and what an event was under way longer."""
    plan = plan or Plan()
    called, streamed = calls(plan), streams(plan)
    best = next((s for s in reversed(streamed["steps"]) if s["keeps_pace"]), streamed["steps"][0])
    return {
        "added_p50_ms": called["resend_whole_added_p50_ms"],
        "added_p99_ms": called["resend_whole_added_p99_ms"],
        "cpu_ms_per_call": called["cpu_ms"]["resend"],
        "streams": streamed["kept"],
        "streams_lost": best["lost"],
        "core_busy": best["core_busy"],
        "events_per_s": streamed["events_per_s"],
        "stream_added_p50_ms": best["added_p50_ms"],
        "stream_added_p99_ms": best["added_p99_ms"],
        "calls": called,
        "steps": streamed["steps"],
    }


def table(figures: Json) -> str:
    """The figures as Markdown."""
    lines = ["# The gateway", "", "| measure | reached | asked of itself |", "|---|---:|---:|"]
    if "calls" in figures:
        found = figures["calls"]
        size = f"{found['messages']} messages"
        for name, said in (
            ("resend", f"added to a call whose client resends {size}"),
            ("new", f"added to a call that sends one new message, {size} stored"),
            ("nosession", "added to a call without a session"),
        ):
            whole, first = found[f"{name}_whole_added_p50_ms"], found[f"{name}_first_added_p50_ms"]
            goal = "at most 3 ms" if name == "resend" else ""
            lines.append(f"| {said}: whole / first byte, p50 | {whole:.2f} / {first:.2f} ms | {goal} |")
            lines.append(f"| processor time of such a call | {found['cpu_ms'][name]:.2f} ms | |")
    if "streams" in figures:
        pace = f"{figures['streams']['events_per_s']:g} events a second each, one core"
        lines += [
            f"| {step['streams']} streams at once, {pace}: lost; an event is longer under way, p50 / p99; core busy |"
            f" {step['lost']}; {step['added_p50_ms']:.2f} / {step['added_p99_ms']:.2f} ms; {step['core_busy']:.2f} |"
            f" {'0 lost' if step['streams'] <= 500 else ''} |"
            for step in figures["streams"]["steps"]
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
