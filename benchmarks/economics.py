"""What sets of conversations would cost in five policies, at both vendors' current prices.

    python benchmarks/economics.py --data PATH... [--out FOLDER]

Each path is a folder with `conversations.jsonl`. Everything is `memsvc replay`: the service's own code on a clock set
by the messages' times (none told = no pause is ever long), billed by a model of the providers' prompt caches.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path
from typing import Any, Literal

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a script from anywhere

from benchmarks import report
from memsvc.prices import GenaiPrices
from memsvc.replay.conversations import read
from memsvc.replay.report import rows
from memsvc.replay.run import replay
from memsvc.replay.terms import POLICIES, Terms, Tools
from memsvc.tokens import build_counter

MODELS: dict[Literal["anthropic", "openai"], str] = {"anthropic": "claude-sonnet-5-5", "openai": "gpt-6.1-sol"}
KEEPS = {"default": (8_000, 2_000), "chat": (2_000, 1_500)}
"""Tokens kept verbatim, tokens of a summary."""
FIXED = (0.12, 150)
HEAD = ("set", "model", "keep / summary", "calls", *POLICIES, "hits full", "hits economic", "compactions")


async def measured(folder: Path, tools: Tools) -> list[dict[str, Any]]:
    """Figures of a set for each vendor and each size of what is kept."""
    found = []
    for provider, model in MODELS.items():
        for keep, summary in KEEPS.values():
            terms = Terms(provider, model, "5m", 32_000, keep, summary, 1.5, 0.25, (*FIXED, summary))
            outcomes = await replay(read(folder / "conversations.jsonl"), POLICIES, terms, tools)
            figures = {row["policy"]: row for row in rows(outcomes)}
            found.append({"set": folder.name, "model": model, "keep": keep, "summary": summary, "policies": figures})
            print(f"{folder.name} {model} {keep}: {figures['economic']['to_full']:.3f} of full", file=sys.stderr)
    return found


def lines(found: list[dict[str, Any]]) -> list[list[Any]]:
    """Rows for reading: dollars against the whole history with caching."""
    return [
        [
            one["set"],
            one["model"],
            f"{one['keep']:,} / {one['summary']:,}",
            one["policies"]["full"]["calls"],
            f"${one['policies']['full']['total_usd']:.3f}",
            *(f"{one['policies'][name]['to_full']:.2f}" for name in POLICIES[1:]),
            f"{one['policies']['full']['hit_ratio']:.0%}",
            f"{one['policies']['economic']['hit_ratio']:.0%}",
            one["policies"]["economic"]["compactions"],
        ]
        for one in found
    ]


def main() -> int:
    """Measure, and write the results; gives the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, default=report.RESULTS)
    args = parser.parse_args()
    tools = Tools(build_counter(), GenaiPrices(), time.time)
    stamp = report.stamp()
    found = [one for folder in args.data for one in asyncio.run(measured(folder, tools))]
    table = report.table(HEAD, lines(found))
    report.write("economics", {"stamp": stamp, "found": found}, table, args.out)
    print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
