"""What the gateway adds: time of a call and of the first byte against calling the provider, and streams at once.

    python benchmarks/gateway.py [--only calls streams] [--quick]

The provider is `benchmarks/scripted.py`, which answers at once; both servers are started here, on 127.0.0.1.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a script from anywhere

import aiohttp

from benchmarks import report
from benchmarks.serving import Server, cores, cpu_seconds, memsvc_server, scripted_server

Json = dict[str, Any]
HEADERS = {"authorization": "Bearer any", "anthropic-version": "2026-10-21"}
SENTENCE = "Parcel {} weighs {} kg and goes to warehouse {}, the customer asked for a delivery before noon. "


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to do; `QUICK` only shows that everything runs."""

    messages: int = 200
    calls: int = 60
    streams: int = 500
    events: int = 60
    pause_ms: float = 100.0
    events_of_calls: int = 10


QUICK = Plan(messages=10, calls=3, streams=5, events=3, pause_ms=5.0)


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
def servers(plan: Plan, *, pause_ms: float = 0.0) -> Iterator[tuple[Server, Server]]:
    """The provider, and memsvc in front of it, a core each."""
    ours, theirs = cores()
    with scripted_server(theirs, events=plan.events, pause_ms=pause_ms) as provider:
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
    plan = replace(plan, events=plan.events_of_calls)
    with servers(plan) as (provider, memsvc):
        return asyncio.run(_calls(plan, provider, memsvc))


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
                    {"role": "assistant", "content": _TEXT * plan.events},
                    {"role": "user", "content": f"{number}?"},
                ]
                first, whole = await _turn(client, server, said[-1:] if name == "new" else said, session)
                spent.setdefault(f"{name}_first", []).append(first)
                spent.setdefault(f"{name}_whole", []).append(whole)
    found: Json = {"messages": plan.messages, "calls": plan.calls, "cpu_ms": await _cpu(memsvc, held)}
    for name, values in spent.items():
        found[f"{name}_p50_ms"] = round(statistics.median(values), 3)
        found[f"{name}_p99_ms"] = round(report.percentile(values, 0.99) or 0.0, 3)
    for name in ("resend", "new", "nosession"):
        for what in ("first", "whole"):
            extra = found[f"{name}_{what}_p50_ms"] - found[f"straight_{what}_p50_ms"]
            found[f"{name}_{what}_added_p50_ms"] = round(extra, 3)
    return found


async def _cpu(memsvc: Server, held: dict[str, list[Json]], calls: int = 40) -> dict[str, float]:
    """Processor time of the service for one call of each kind: what a busy machine cannot spoil."""
    found: dict[str, float] = {}
    async with aiohttp.ClientSession() as client:
        for name, session in (("resend", "resend"), ("new", "new"), ("nosession", None)):
            before = cpu_seconds(memsvc.pid) or 0.0
            for number in range(calls):
                said = held[name]
                if session is not None:
                    said += [
                        {"role": "assistant", "content": _TEXT * 10},
                        {"role": "user", "content": f"then {number}?"},
                    ]
                await _turn(client, memsvc, said[-1:] if name == "new" else said, session)
            found[name] = round(((cpu_seconds(memsvc.pid) or 0.0) - before) / calls * 1000, 2)
    return found


_TEXT = "The parcel is on its way and will arrive on Tuesday before noon. "


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
    """Many streams at once through one process, each with a session of its own: none may lose a byte."""
    with servers(plan, pause_ms=plan.pause_ms) as (_, memsvc):
        before = cpu_seconds(memsvc.pid)
        began = time.perf_counter()
        done = asyncio.run(_streams(plan, memsvc))
        took = time.perf_counter() - began
        after = cpu_seconds(memsvc.pid)
    busy = None if before is None or after is None else round((after - before) / took, 2)
    return {
        "streams": plan.streams,
        "events_each": plan.events + 4,
        "whole": sum(done),
        "lost": plan.streams - sum(done),
        "seconds": round(took, 2),
        "ideal_s": round((plan.events + 5) * plan.pause_ms / 1000, 2),
        "core_busy": busy,
    }


async def _streams(plan: Plan, memsvc: Server) -> list[bool]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as client:
        found = await asyncio.gather(*(_one(client, memsvc, plan, n) for n in range(plan.streams)))
        kept = await asyncio.gather(*(_kept(client, memsvc, plan, n) for n in range(plan.streams)))
    return [whole and stored for whole, stored in zip(found, kept, strict=True)]


async def _one(client: aiohttp.ClientSession, memsvc: Server, plan: Plan, number: int) -> bool:
    body = {"model": "claude-sonnet-5-5", "max_tokens": 500, "stream": True, "messages": history(3, str(number))}
    headers = {**HEADERS, "x-memsvc-session": f"s{number}"}
    async with client.post(f"{memsvc.url}/v1/messages", json=body, headers=headers) as reply:
        raw = await reply.read()
    return raw.count(b"text_delta") == plan.events and raw.rstrip().endswith(b'{"type": "message_stop"}')


async def _kept(client: aiohttp.ClientSession, memsvc: Server, plan: Plan, number: int) -> bool:
    """Whether the reply is in the session, whole."""
    async with client.get(f"{memsvc.url}/v1/sessions/s{number}/history") as reply:
        rows = (await reply.json())["messages"]
    return len(rows) == 4 and _TEXT * plan.events in json.dumps(rows[-1]["message"])


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
    if "streams" in figures:
        found = figures["streams"]
        lines.append(
            f"| {found['streams']} streams at once, one process: lost; seconds (ideal); core busy |"
            f" {found['lost']}; {found['seconds']} ({found['ideal_s']}); {found['core_busy']} | 0 lost |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
