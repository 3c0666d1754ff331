"""`memsvc spend`: what a tenant's calls have cost."""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING, Any

from memsvc.cli.keys import on_store
from memsvc.core.model import DEFAULT_TENANT

if TYPE_CHECKING:
    from memsvc.config import Config
    from memsvc.ports import Store

_HEAD = ("calls", "input", "output", "cache read", "cost $", "held $", "unpriced")


def add_spend_command(commands: Any) -> None:
    """Tell a parser's subcommands about `spend`."""
    spend = commands.add_parser("spend", help="what the calls of a tenant have cost, by day, feature and model")
    spend.add_argument("--tenant", default=DEFAULT_TENANT, help="whose (default: default)")
    spend.add_argument("--period", default="30d", help="today, 7d, 2026-11 or 2026-11-24 (default: 30d)")
    spend.add_argument("--by", default="feature,model", help="of day, feature and model (default: feature,model)")
    spend.add_argument("--json", action="store_true", help="the document of GET /v1/spend")
    spend.add_argument("--store", metavar="URL", help="where conversations live (default: sqlite:///memsvc.db)")


async def run_spend(config: Config, args: argparse.Namespace) -> int:
    """Do what `memsvc spend` was asked for; gives the exit status."""
    from memsvc.app import terms_of
    from memsvc.service.budgets import Purse
    from memsvc.service.spend import spend

    async def act(store: Store) -> None:
        found = await spend(store, args.tenant, period=args.period, by=args.by, now=time.time())
        purse = Purse(store, terms_of(config), clock=time.time, tell=lambda event: None)
        found = {**found, "budgets": await purse.document(args.tenant)}
        print(json.dumps(found, ensure_ascii=False) if args.json else _table(found))

    return await on_store(config, act, reads=True)


def _table(found: dict[str, Any]) -> str:
    names = [name for part in found["by"] for name in (("provider", "model") if part == "model" else (part,))]
    body = [(*(row[name] for name in names), *_cells(row)) for row in found["rows"]]
    last = (*("total" if n == 0 else "" for n in range(len(names))), *_cells(found["total"]))
    lines = [(*names, *_HEAD), *body, *([last] if names else [("total", *last)[1:]])]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    rows = [
        "  ".join(
            c.ljust(w) if i < len(names) else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    left = ("\n" + _budget(budget) for budget in found["budgets"])
    return f"{found['from']} to {found['to']}\n" + "\n".join(row.rstrip() for row in rows) + "".join(left)


def _budget(budget: dict[str, Any]) -> str:
    whose = f"{budget['feature']}, " if budget["feature"] else ""
    spent = f"{budget['spent_usd']:.2f} of {budget['limit_usd']:.2f} $ spent, {budget['left_usd']:.2f} $ left"
    return f"budget ({whose}this {budget['period']}): {spent}"


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    tokens = row["tokens"]
    counted = (row["calls"], tokens["input"], tokens["output"], tokens["cache_read"])
    return (
        *(f"{n:,}" for n in counted),
        f"{row['cost_usd']:.4f}",
        f"{row['held_usd']:.4f}",
        f"{row['unpriced_calls']:,}",
    )
