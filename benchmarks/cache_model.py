"""What memsvc believes of the providers' caches, against what a provider reported of real calls.

    python benchmarks/cache_model.py --data PATH... [--out FOLDER]

Each path is a folder with `conversations.jsonl` whose assistant messages have, in `meta`, the call's time, model and
usage. The model is told the size and the time of each call and nothing else, as the rent meter is: while the cache
is warm all of the call before is read again, after its lifetime nothing is. Where a request is smaller than the one
before it, its history was changed by somebody, and the model is not asked.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a script from anywhere

from benchmarks import report
from memsvc.core.caches import cache_of
from memsvc.prices import GenaiPrices

CLOSE = 0.02
"""A prediction this near, as a share of the request, counts as right: counts of tokens differ by a few."""
HEAD = ("set", "calls", "judged", "right", "expected a hit, missed", "expected none, hit", "read, against reported")
HEAD = (*HEAD, "input cost, against reported")


@dataclass(frozen=True, slots=True)
class Reported:
    """A call as its provider reported it."""

    at: float
    model: str
    read: int
    written: int
    plain: int
    long: bool

    @property
    def size(self) -> int:
        return self.read + self.written + self.plain


def calls(conversation: dict[str, Any]) -> Iterator[Reported]:
    """The calls of a conversation; of several messages of one reply, the first."""
    last: tuple[Any, ...] = ()
    for message, meta in zip(conversation["messages"], conversation["meta"], strict=True):
        usage = (meta or {}).get("usage")
        if message["role"] != "assistant" or not usage:
            continue
        told = [
            usage.get(a, usage.get(b, 0))
            for a, b in (
                ("cache_read_input_tokens", "cacheRead"),
                ("cache_creation_input_tokens", "cacheWrite"),
                ("input_tokens", "input"),
            )
        ]
        name = (meta.get("mid"), *told)
        if name == last or sum(told) == 0:
            continue  # a part of the same reply, or a call that was broken off
        last = name
        long = bool((usage.get("cache_creation") or {}).get("ephemeral_1h_input_tokens"))
        yield Reported(seconds(meta["ts"]), meta["model"], *told, long)


def seconds(at: str | float) -> float:
    """Unix seconds of a time as the sets write it."""
    return datetime.fromisoformat(at).timestamp() if isinstance(at, str) else at / 1000


def judged(found: list[Reported], prices: GenaiPrices) -> dict[str, Any]:
    """What the model says of each call, against the report."""
    sums = dict.fromkeys(("calls", "judged", "right", "missed", "surprised", "read", "expected"), 0)
    real = told = 0.0
    ttl = "1h" if any(call.long for call in found) else "5m"
    for before, call in zip([None, *found], found, strict=False):
        sums["calls"] += 1
        cache, rates = cache_of(call.model, ttl), prices.rates("anthropic", call.model, at=call.at, long=ttl == "1h")  # type: ignore[arg-type]
        if before is None or call.size < before.size or call.model != before.model or cache is None or rates is None:
            continue
        warm = call.at - before.at <= cache.ttl_s and before.size >= cache.minimum
        expected = before.size if warm else 0
        sums["judged"] += 1
        sums["read"], sums["expected"] = sums["read"] + call.read, sums["expected"] + expected
        off = (expected - call.read) / call.size
        sums["right"] += abs(off) <= CLOSE
        sums["missed"] += off > CLOSE
        sums["surprised"] += off < -CLOSE
        fresh = call.size - expected
        real += call.read * rates.read + call.written * rates.write + call.plain * rates.input
        told += expected * rates.read + fresh * rates.write
    return {**sums, "reported_usd": real / 1e6, "expected_usd": told / 1e6}


def total(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Sums over conversations."""
    return {name: sum(part[name] for part in parts) for name in parts[0]}


def line(name: str, sums: dict[str, Any]) -> list[Any]:
    """A row for reading."""
    n = sums["judged"]
    shares = [f"{sums[k] / n:.1%}" for k in ("right", "missed", "surprised")]
    dollars = f"{sums['expected_usd'] / sums['reported_usd']:.3f}"
    return [name, sums["calls"], n, *shares, f"{sums['expected'] / sums['read']:.3f}", dollars]


def main() -> int:
    """Measure, and write the results; gives the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, default=report.RESULTS)
    args = parser.parse_args()
    prices, found = GenaiPrices(), {}
    for folder in args.data:
        lines = (folder / "conversations.jsonl").read_text(encoding="utf-8").splitlines()
        found[folder.name] = total([judged(list(calls(json.loads(text))), prices) for text in lines])
    table = report.table(HEAD, [line(name, sums) for name, sums in found.items()])
    report.write("cache_model", {"stamp": report.stamp(), "found": found}, table, args.out)
    print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
