"""Plays whole sets of conversations through a running server and checks every context it returns.

    python benchmarks/compression.py --data PATH... [--url URL] [--formats anthropic openai responses]
                                    [--summarizer local|anthropic|openai]

Exit code 1 if anything was invalid, broken, over budget, lost, refused or not what was sent.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a script from anywhere

import aiohttp

from benchmarks import report
from benchmarks.checks import KINDS
from benchmarks.client import Client, Refused
from benchmarks.corpus import FORMATS, Conversation, Format, Json, load, script, set_name
from benchmarks.play import Player, Tally
from benchmarks.serving import memsvc_server, provider_server

POLICIES: dict[str, Json] = {
    "default": {},
    "tight": {"threshold_tokens": 4000, "keep_tokens": 1000, "summary_tokens": 600},
}
HEAD = (
    "set",
    "format",
    "policy",
    "conversations",
    "messages",
    "calls",
    "tokens full",
    "tokens sent",
    "ratio",
    "ratio without system",
    "reused",
    "compactions",
    "by a model",
    "stuck",
    "invalid",
    "breaks",
    "over budget",
    "lost",
    "history",
    "refused",
    "append p50 ms",
    "p99",
    "fetch p50 ms",
    "p99",
)


@dataclass(frozen=True, slots=True)
class Run:
    """One cell of the table: a set in one format under one policy."""

    set: str
    format: Format
    policy: str
    conversations: tuple[Conversation, ...]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the files; the exit code."""
    args = arguments(argv)
    policies = chosen_policies(args)
    sets = [(set_name(p), tuple(load(p, args.limit))) for p in args.data]
    runs = [Run(n, f, p, c) for p in policies for n, c in sets for f in args.formats]
    made = report.stamp()
    with nullcontext(args.url) if args.url else own_server(args.summarizer) as url:
        results = asyncio.run(measure(url, args, policies, runs))
    rows = [figures(run, tally) for run, tally in results]
    text = report.table(HEAD, [list(row.values())[: len(HEAD)] for row in rows])
    print(text)
    body = {
        "stamp": made,
        "summarizer": args.summarizer,
        "policies": policies,
        "settle_s": args.settle,
        "jobs": args.jobs,
        "runs": rows,
    }
    for path in report.write(file_name(args.summarizer), body, text, args.out):
        print(f"wrote {path.name}", file=sys.stderr)
    for note in (n for _, tally in results for n in tally.notes):
        print(note, file=sys.stderr)
    return 1 if any(sum(tally.faults.values()) for _, tally in results) else 0


def file_name(summarizer: str) -> str:
    """What the files of the results are called."""
    return "compression" if summarizer == "local" else f"compression-{summarizer}"


@contextmanager
def own_server(summarizer: str) -> Iterator[str]:
    """The address of a server started for this run, with a fake provider beside it where a model writes."""
    if summarizer == "local":
        with memsvc_server() as server:
            yield server.url
        return
    with provider_server() as provider:
        root = provider.url + ("/v1" if summarizer == "openai" else "")
        env = {"MEMSVC_SUMMARIZERS": summarizer, f"MEMSVC_{summarizer.upper()}_BASE_URL": root}
        with memsvc_server(env=env) as server:
            yield server.url


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    add = parser.add_argument
    add(
        "--data",
        nargs="+",
        type=Path,
        required=True,
        metavar="PATH",
        help="folders with conversations.jsonl, or .jsonl files",
    )
    add("--url", help="a running server; without it one is started on a new SQLite file")
    add("--formats", nargs="+", choices=list(FORMATS), default=list(FORMATS))
    add(
        "--summarizer",
        choices=["local", "anthropic", "openai"],
        default="local",
        help="who writes summaries: the local one, or a model through the vendor's SDK, served by the fake provider",
    )
    add("--policies", nargs="+", choices=list(POLICIES), default=list(POLICIES))
    add("--threshold", type=int, help="threshold_tokens of a policy of your own, instead of --policies")
    add("--keep", type=int, help="keep_tokens of it")
    add("--summary", type=int, help="summary_tokens of it")
    add("--max", type=int, help="max_tokens of it")
    add("--limit", type=int, help="conversations of each set")
    add(
        "--settle",
        type=float,
        default=2.0,
        metavar="SECONDS",
        help="how long a model call is taken to last at most, while a compaction is due (default 2)",
    )
    add("--patience", type=float, default=0.0, metavar="SECONDS", help="send a call again while the service is away")
    add("--jobs", type=int, default=1, help="conversations played at once (default 1)")
    add("--out", type=Path, default=report.RESULTS)
    return parser.parse_args(argv)


def chosen_policies(args: argparse.Namespace) -> dict[str, Json]:
    """The policies to run: the named ones, or the one given in figures."""
    given = {"threshold_tokens": args.threshold, "keep_tokens": args.keep}
    given |= {"summary_tokens": args.summary, "max_tokens": args.max}
    own = {k: v for k, v in given.items() if v is not None}
    return {"custom": own} if own else {name: POLICIES[name] for name in args.policies}


async def measure(
    url: str, args: argparse.Namespace, policies: dict[str, Json], runs: Sequence[Run]
) -> list[tuple[Run, Tally]]:
    """Play every run, one after the other; sessions are deleted afterwards."""
    key = os.environ.get("MEMSVC_BENCH_KEY")
    headers = {"authorization": f"Bearer {key}"} if key else {}
    limits = aiohttp.TCPConnector(limit=args.jobs + 2)
    async with aiohttp.ClientSession(headers=headers, connector=limits) as http:
        client = Client(url, http, patience_s=args.patience)
        return [(run, await _play(client, run, policies[run.policy], args)) for run in runs]


async def _play(client: Client, run: Run, policy: Json, args: argparse.Namespace) -> Tally:
    tally, gate = Tally(), asyncio.Semaphore(args.jobs)
    name = f"bench-{uuid.uuid4().hex[:8]}"

    async def one(number: int, conversation: Conversation, progress: report.Progress) -> None:
        async with gate:
            session = f"{name}-{number}"
            await Player(client, script(conversation, run.format), tally, session, args.settle).play(policy)
            try:
                await client.delete(session)
            except Refused as refusal:
                tally.fault("refused", str(refusal))
            progress.step()

    with report.Progress(f"{run.set} {run.format} {run.policy}", len(run.conversations)) as progress:
        await asyncio.gather(*(one(i, c, progress) for i, c in enumerate(run.conversations)))
    return tally


def figures(run: Run, tally: Tally) -> dict[str, Any]:
    """One row: the columns of `HEAD` in their order, then what only the JSON file has."""
    faults = tally.faults
    row: dict[str, Any] = {"set": run.set, "format": run.format, "policy": run.policy}
    row |= {"conversations": tally.conversations, "messages": tally.messages, "calls": tally.calls}
    row |= {"tokens_full": tally.full, "tokens_sent": tally.context}
    row["ratio"] = report.ratio(tally.context, tally.full)
    row["ratio_without_system"] = report.ratio(tally.context - tally.fixed, tally.full - tally.fixed)
    row["reused"] = report.ratio(tally.reused, tally.context)
    row |= {"compactions": tally.compactions, "written": tally.written, "stuck": tally.stuck}
    row |= {kind: faults[kind] for kind in (*KINDS, "refused")}
    for name, spent in (("append", tally.append_ms), ("fetch", tally.fetch_ms)):
        for share in (0.5, 0.99):
            value = report.percentile(spent, share)
            row[f"{name}_p{share * 100:.0f}_ms"] = None if value is None else round(value, 2)
    row |= {"tokens_fixed": tally.fixed, "largest_context": tally.largest, "slow_compactions": tally.slow}
    return row


if __name__ == "__main__":
    raise SystemExit(main())
