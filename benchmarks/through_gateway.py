"""Holds recorded conversations through a real `memsvc serve` and its gateway, and accounts for every message.

    python benchmarks/through_gateway.py --data PATH... [--client full new wild] [--calls N]

Exit code 1 if anything was refused, broken, lost, stored twice or cut off.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a script from anywhere

import aiohttp

from benchmarks import report
from benchmarks.corpus import FORMATS, Conversation, Format, load, set_name
from benchmarks.replayed.caller import MODELS, Caller
from benchmarks.replayed.play import KINDS, Replay, Stage, Tally
from benchmarks.replayed.talks import Talk, talk
from benchmarks.replayed.wild import WildReplay
from benchmarks.replayed.wire import Wire
from benchmarks.serving import memsvc_server
from memsvc.testing.provider import Provider

TIGHT = {"threshold_tokens": 4000, "keep_tokens": 1000, "summary_tokens": 600, "max_tokens": 40_000}
CLIENTS = ("full", "new", "wild")
HEAD = (
    *("set", "API", "client", "conversations", "of", "calls", "of", "streamed", "compactions"),
    *("ratio", "read from cache", *KINDS),
)


@dataclass(frozen=True, slots=True)
class Run:
    """One row: a set through one API by one kind of client. `whole`: (conversations, calls) of the whole set."""

    set: str
    format: Format
    client: str
    conversations: tuple[Conversation, ...]
    whole: tuple[int, int]


def main(argv: Sequence[str] | None = None) -> int:
    """Play, print the table, write the files; the exit code."""
    args = arguments(argv)
    runs = list(planned(args))
    made = report.stamp()
    results = [(run, asyncio.run(measured(run, args))) for run in runs]
    rows = [figures(run, tally) for run, tally in results]
    text = f"{_about(args)}\n\n" + report.table(HEAD, [list(row.values()) for row in rows])
    print(text)
    body = {"stamp": made, "policy": TIGHT, "seed": args.seed, "most_calls": args.calls, "runs": rows}
    for path in report.write("through_gateway", body, text, args.out):
        print(f"wrote {path.name}", file=sys.stderr)
    for run, tally in results:
        for note in tally.notes:
            print(f"{run.set} {run.client}: {note}", file=sys.stderr)
    return 1 if any(tally.faults.total() for _, tally in results) else 0


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    add = parser.add_argument
    add("--data", nargs="+", type=Path, required=True, metavar="PATH", help="as for compression.py")
    add("--formats", nargs="+", choices=list(FORMATS), default=list(FORMATS))
    add("--client", nargs="+", choices=CLIENTS, default=list(CLIENTS))
    add("--calls", type=int, default=200, help="calls of each row at most: whole conversations, the last one in part")
    add("--seed", type=int, default=1)
    add("--settle", type=float, default=2.0, metavar="SECONDS", help="wait so long for a compaction at most")
    add("--out", type=Path, default=report.RESULTS)
    return parser.parse_args(argv)


def _about(args: argparse.Namespace) -> str:
    policy = ", ".join(f"{name} {value:,}" for name, value in TIGHT.items())
    return (
        f"Each row: conversations drawn by lot (seed {args.seed}) until there are {args.calls} calls, the last one cut"
        f" short; `of` is what the whole set has. Policy: {policy}."
    )


def planned(args: argparse.Namespace) -> Iterator[Run]:
    """The rows, each with as many conversations as it takes, drawn by lot."""
    for path in args.data:
        found = load(path)
        for format in args.formats:
            sizes = {c.id: len(talk(c, format).exchanges) for c in found}
            for client in args.client:
                drawn = list(found)
                Random(f"{args.seed} {client}").shuffle(drawn)
                chosen, left = [], args.calls
                for conversation in drawn:
                    if left > 0:
                        chosen.append(conversation)
                        left -= sizes[conversation.id]
                yield Run(set_name(path), format, client, tuple(chosen), (len(found), sum(sizes.values())))


async def measured(run: Run, args: argparse.Namespace) -> Tally:
    """Play one row on a service of its own."""
    tally = Tally()
    async with Provider(keep_calls=50) as provider, Wire(urlsplit(provider.url).port or 0) as wire:
        env = {f"MEMSVC_{name.upper()}": str(value) for name, value in TIGHT.items()}
        env |= {"MEMSVC_GATEWAY_ANTHROPIC_URL": wire.url, "MEMSVC_GATEWAY_OPENAI_URL": f"{wire.url}/v1"}
        env["MEMSVC_GATEWAY_OPENAI_PROVIDER"] = "openai"
        server = memsvc_server(env=env)
        service = await asyncio.to_thread(server.__enter__)
        try:
            async with aiohttp.ClientSession() as http:
                stage = Stage(http, service.url, provider, wire, tally, TIGHT["max_tokens"], args.settle)
                await _played(run, stage, args)
        finally:
            await asyncio.to_thread(server.__exit__, None, None, None)
    return tally


async def _played(run: Run, stage: Stage, args: argparse.Namespace) -> None:
    with report.Progress(f"{run.set} {run.format} {run.client}", len(run.conversations)) as progress:
        for number, conversation in enumerate(run.conversations):
            rng = Random(f"{args.seed} {conversation.id}")
            held = talk(conversation, run.format)
            left = args.calls - stage.tally.calls
            if left <= 0:
                break
            held = replace(held, exchanges=held.exchanges[:left])
            await one(stage, run.client, held, number, rng)
            progress.step()


async def one(stage: Stage, client: str, held: Talk, number: int, rng: Random) -> None:
    """Hold one conversation."""
    models = MODELS[held.format]
    told = {"new": "new", "wild": "full" if number % 2 else None}.get(client)
    how = {"instructions": number % 2 == 1, "history": told}
    session = f"talk-{number}"
    caller = Caller(stage.http, stage.url, held, session, models[number % len(models)], **how)
    kind = WildReplay if client == "wild" else Replay
    await kind(stage, held, caller, session, rng, new=client == "new").play()


def figures(run: Run, tally: Tally) -> dict[str, Any]:
    """One row: the columns of `HEAD` in their order."""
    row: dict[str, Any] = {"set": run.set, "api": run.format, "client": run.client}
    row |= {"conversations": tally.conversations, "conversations_of": run.whole[0]}
    row |= {"calls": tally.calls, "calls_of": run.whole[1], "streamed": tally.streamed}
    row["compactions"] = tally.compactions
    row["ratio"] = report.ratio(tally.sent, tally.full)
    row["read"] = report.ratio(tally.read, tally.sent)
    return row | {kind: tally.faults[kind] for kind in KINDS}


if __name__ == "__main__":
    raise SystemExit(main())
