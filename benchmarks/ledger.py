"""The books against the provider's own meter, while whoever makes the calls is killed again and again.

    python -m benchmarks.ledger [--calls 10000] [--kills 30] [--store sqlite|valkey] [--vendor anthropic|openai]

A process makes paid calls through the service's own code against the stand-in provider, which notes what each call
really used, whatever became of its answer. Calls fail, are cut off and answered with errors; the process is killed
with SIGKILL in the midst of them. After each kill the books must show at least what the meter shows. At the end:
what is settled is what those calls cost to the micro-dollar; what was billed and is not settled is held; and calls
that nobody interrupts make books and meter grow by the same.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a script from anywhere

from benchmarks import report
from benchmarks.soaking.stores import Server
from memsvc.core.money import Line, Usage
from memsvc.core.usage import read_or_none
from memsvc.errors import SummarizerError
from memsvc.llm import AnthropicModel, OpenAIModel
from memsvc.llm.calls import Ask, CallFailed
from memsvc.llm.paid import Bill, PaidModel
from memsvc.ports import Store
from memsvc.prices import GenaiPrices
from memsvc.stores import open_store
from memsvc.testing.provider import Provider
from memsvc.tokens import build_counter

MODELS = {"anthropic": "claude-haiku-5-5", "openai": "gpt-6-luna"}
AT_ONCE = 8
ASK = Ask("You keep notes.", "What was said: " + "the build of the billing service failed twice. " * 40, 300, 20.0)
FAULTS = ("server_error", "rate_limited", "cut", "not_json", "bad_gateway_html", "overloaded", "refusal")
HEAD = (
    "store",
    "vendor",
    "calls billed",
    "kills",
    "books below the meter",
    "settled",
    "settled wrong",
    "held at the end",
)
HEAD = (*HEAD, "billed and not settled", "undisturbed: meter $", "undisturbed: books $")


def paid(vendor: str, url: str, store: Store) -> tuple[PaidModel, AnthropicModel | OpenAIModel]:
    """A model of the stand-in, with the vendor's prices: as calls are made, and as it is closed."""
    model: AnthropicModel | OpenAIModel
    if vendor == "anthropic":
        model = AnthropicModel(MODELS[vendor], api_key="any", base_url=url)
    else:
        model = OpenAIModel(MODELS[vendor], api_key="any", base_url=url)
        model.provider = "openai"
    count = build_counter().count
    return PaidModel(model, store, GenaiPrices(), count, clock=time.time, micros_per_hour=None), model


async def work(vendor: str, url: str, store_url: str, most: int) -> None:
    """Make calls, some at once, at most so many."""
    store = open_store(store_url)
    await store.open()
    (model, owned), left = paid(vendor, url, store), itertools.count()

    async def caller() -> None:
        while next(left) < most:
            try:
                await model.ask(ASK, Bill(None))
            except (CallFailed, SummarizerError):
                await asyncio.sleep(0.01)

    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    await owned.close()
    await store.close()


class Meter:
    """What the provider has billed."""

    def __init__(self, provider: Provider, vendor: str) -> None:
        self._provider, self._vendor, self._prices = provider, vendor, GenaiPrices()

    def micros(self) -> tuple[int, int]:
        """(calls, millionths of a dollar)."""
        used = [read_or_none(c.usage, self._vendor) for c in self._provider.calls if c.usage is not None]
        return len(used), sum(self.cost(usage) for usage in used if usage is not None)

    def cost(self, usage: Usage) -> int:
        """Millionths of a dollar."""
        found = self._prices.micros(self._vendor, MODELS[self._vendor], usage, at=time.time())
        assert found is not None
        return found


async def lines(store: Store) -> list[Line]:
    """All lines of the books."""
    found: list[Line] = []
    after = None
    while True:
        page, after = await store.lines(after=after, limit=1_000)
        found += page
        if after is None:
            return found


def booked(found: list[Line]) -> int:
    """What the books show, in millionths of a dollar."""
    return sum(line.micros or 0 for line in found)


async def reached(provider: Provider, goal: int, child: asyncio.subprocess.Process, rng: Random) -> None:
    """Wait until so many calls were billed, and a moment that nobody can foresee."""
    ended = asyncio.create_task(child.wait())
    while sum(c.usage is not None for c in provider.calls) < goal and not ended.done():
        await asyncio.wait({ended}, timeout=rng.random() * 0.05)
    ended.cancel()


async def measured(args: argparse.Namespace, store_url: str) -> dict[str, Any]:
    """Play it; gives the figures."""
    rng = Random(args.seed)
    async with Provider() as provider:
        url = provider.anthropic_url if args.vendor == "anthropic" else provider.openai_url
        provider.script([rng.choice(FAULTS) if rng.random() < 0.1 else "ok" for _ in range(4 * args.calls)])
        store = open_store(store_url)
        await store.open()
        meter, below, kills = Meter(provider, args.vendor), 0, 0
        while meter.micros()[0] < args.calls:
            goal = min(args.calls, meter.micros()[0] + args.calls // max(1, args.kills))
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, __file__, "--child", store_url, url, "--vendor", args.vendor),
                stdout=subprocess.DEVNULL,
            )
            await reached(provider, goal, child, rng)
            child.send_signal(signal.SIGKILL)
            await child.wait()
            kills += 1
            await asyncio.sleep(0.2)  # what it had sent is answered, to nobody
            billed = meter.micros()[1]
            below += booked(await lines(store)) < billed
            print(f"kill {kills}: {meter.micros()[0]} calls billed", file=sys.stderr)
        calls, billed = meter.micros()
        found = await lines(store)
        settled = [line for line in found if not line.held and line.micros]
        wrong = sum(line.micros != meter.cost(line.usage) for line in settled)
        missing = billed - booked(settled)
        held = booked([line for line in found if line.held])
        provider.script(["ok"])
        before = billed, booked(found)
        await work(args.vendor, url, store_url, 500)
        after = meter.micros()[1], booked(await lines(store))
        await store.close()
    return {
        "store": args.store,
        "vendor": args.vendor,
        "calls": calls,
        "kills": kills,
        "below": below,
        "settled": len(settled),
        "settled_wrong": wrong,
        "held": sum(line.held for line in found),
        "held_usd": held / 1e6,
        "missing_usd": missing / 1e6,
        "covered": 0 <= missing <= held,
        "undisturbed_meter_usd": (after[0] - before[0]) / 1e6,
        "undisturbed_books_usd": (after[1] - before[1]) / 1e6,
    }


def line_of(one: dict[str, Any]) -> list[Any]:
    """A row for reading."""
    missing = f"${one['missing_usd']:.4f} of ${one['held_usd']:.4f} held"
    sums = (f"{one['undisturbed_meter_usd']:.6f}", f"{one['undisturbed_books_usd']:.6f}")
    counts = [one[k] for k in ("store", "vendor", "calls", "kills", "below", "settled", "settled_wrong", "held")]
    return [*counts, missing, *sums]


def main() -> int:
    """Measure, and write the results; 1 if the books ever were wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--store", choices=("sqlite", "valkey"), default="sqlite")
    parser.add_argument("--vendor", choices=tuple(MODELS), default="anthropic")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=report.RESULTS)
    parser.add_argument("--child", nargs=2, metavar=("STORE", "URL"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        asyncio.run(work(args.vendor, args.child[1], args.child[0], 10**9))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "valkey", "--appendonly", "yes") if args.store == "valkey" else None
        if server is not None:
            server.start()
        url = f"redis://127.0.0.1:{server.port}" if server is not None else f"sqlite:///{folder}/ledger.db"
        try:
            found = asyncio.run(measured(args, url))
        finally:
            if server is not None:
                server.kill()
    table = report.table(HEAD, [line_of(found)])
    report.write(f"ledger-{args.store}", {"stamp": report.stamp(), "found": found}, table, args.out)
    print(table)
    exact = found["undisturbed_meter_usd"] == found["undisturbed_books_usd"]
    return 0 if found["below"] == found["settled_wrong"] == 0 and found["covered"] and exact else 1


if __name__ == "__main__":
    os.environ.setdefault("PYTHONPATH", str(Path(__file__).resolve().parent.parent))
    raise SystemExit(main())
