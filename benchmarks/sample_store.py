"""Fills a store with what a dashboard has to show: a believable month, and what is hard to show.

    python -m benchmarks.sample_store --data FOLDER --into sqlite:///sample.db [--sessions 60] [--many 100000]

Conversations go through the real service with a clock of its own and the stand-in provider as summarizer. The month
ends now. Serve it with `memsvc serve --store URL`; two tenants have sessions, and without keys one sees `default`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from benchmarks.corpus import FILE, Conversation, load, set_name
from benchmarks.report import Progress
from benchmarks.sampled import extremes, hostile
from benchmarks.sampled.month import DAY_S, DAYS, planned, play
from benchmarks.sampled.world import World, opened
from memsvc.core.budgets import Budget

_STEPS = 100


def main(argv: Sequence[str] | None = None) -> int:
    """Fill it; the exit code."""
    args = arguments(argv)
    sets = {set_name(path): load(path) for path in folders(args.data)}
    if not sets:
        print(f"{args.data} has no {FILE}, nor has a folder in it", file=sys.stderr)
        return 2
    asyncio.run(fill(args, sets))
    return 0


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--data", type=Path, required=True, help="a folder with conversations.jsonl, or with such folders")
    add("--into", required=True, metavar="URL", help="the store, as in MEMSVC_STORE; better an empty one")
    add("--sessions", type=int, default=60, help="sessions of the month (60)")
    add("--messages", type=int, default=240, help="messages of each at most (240)")
    add("--long", type=int, default=10_000, help="messages of the long session; 0 = none (10,000)")
    add("--many", type=int, default=0, help="small sessions beside them (0)")
    add(
        "--line",
        type=int,
        default=hostile.LONG_LINE_BYTES,
        help="bytes of the hostile session's longest line (1 MB); 0 = no such session",
    )
    add("--now", type=float, default=time.time(), help="when the month ends, unix seconds (now)")
    add("--seed", type=int, default=1)
    return parser.parse_args(argv)


def folders(data: Path) -> list[Path]:
    """The sets in a folder: itself, or those below it."""
    if data.is_file() or (data / FILE).is_file():
        return [data]
    return sorted(path.parent for path in data.glob(f"*/{FILE}"))


async def fill(args: argparse.Namespace, sets: dict[str, list[Conversation]]) -> None:
    """All of it, in the order of the clock."""
    began = args.now - DAYS * DAY_S
    async with opened(args.into, began - DAY_S) as world:
        if args.many:
            await _watched("small sessions", extremes.many(world, args.many, began=began - DAY_S, until=began))
        plain = [c for found in sets.values() for c in found]
        if args.long:
            await extremes.long(world, plain, messages=args.long, until=began)
        await budgets(world)
        sessions = planned(mixed(sets), number=args.sessions, most=args.messages, began=began, seed=args.seed)
        await _watched("the month", play(world, sessions, began=began))
        if args.line:
            world.says = hostile.summary()
            await extremes.attacked(world, line_bytes=args.line)


async def budgets(world: World) -> None:
    """Of one tenant wide ones and one that is passed, of the other a day's."""
    usd = 1_000_000
    wide = [Budget("month", None, 40 * usd), Budget("day", None, 2 * usd), Budget("month", "agent", usd // 2)]
    await world.memory.purse.put("default", wide)
    await world.memory.purse.put("acme", [Budget("day", None, 5 * usd)])


def mixed(sets: dict[str, list[Conversation]]) -> list[tuple[str, Conversation]]:
    """The conversations of all sets by turns, each with the name of its set."""
    longest = max(map(len, sets.values()))
    return [(name, found[i % len(found)]) for i in range(longest) for name, found in sets.items() if found]


async def _watched(what: str, shares: AsyncIterator[float]) -> None:
    """Go through what tells the share of it that is done."""
    done = 0
    with Progress(what, _STEPS) as progress:
        async for share in shares:
            for _ in range(done, int(share * _STEPS)):
                progress.step()
            done = max(done, int(share * _STEPS))


if __name__ == "__main__":
    raise SystemExit(main())
