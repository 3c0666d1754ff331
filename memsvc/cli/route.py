"""`memsvc route`: which tier of models a text asks for, and why."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict

from memsvc.core.route import TABLE, TIERS, Asked, Score, chain, score

if TYPE_CHECKING:
    from memsvc.config import Config


def add_route_command(commands: Any) -> None:
    """Tell a parser's subcommands about `route`."""
    route = commands.add_parser("route", help="show which tier of models a text asks for, and why")
    route.add_argument("file", metavar="FILE", help="the request's text, - for standard input")
    route.add_argument("--task", choices=sorted(TABLE.tasks), help="what it is (default: found in the text)")
    route.add_argument("--tokens", type=int, metavar="N", help="tokens of the whole request (default: of the text)")
    route.add_argument("--tools", action="store_true", help="tools may be called")
    route.add_argument("--json", action="store_true", help="as JSON")


def run_route(config: Config, args: argparse.Namespace) -> int:
    """Do what `memsvc route` was asked for; gives the exit status."""
    from memsvc.tokens import build_counter

    try:
        text = sys.stdin.read() if args.file == "-" else Path(args.file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as wrong:
        print(f"memsvc: {args.file} cannot be read as text: {wrong}", file=sys.stderr)
        return 1
    tokens = build_counter(config.token_counter).count(text) if args.tokens is None else args.tokens
    found = score(Asked(text, tokens, args.task, args.tools))
    models = chain(found.tier, config.tiers)
    if args.json:
        print(json.dumps({**asdict(found), "parts": dict(found.parts), "models": models}))
    else:
        print(_shown(found, models))
    return 0


def _shown(found: Score, models: list[str]) -> str:
    lines = [f"{name:<14}{amount:>6.2f}" for name, amount in found.parts]
    least = {"nano": 0.0, "standard": TABLE.standard, "pro": TABLE.pro}
    tiers = ", ".join(f"{tier} from {least[tier]:g}" for tier in TIERS)
    lines += [f"{'score':<14}{found.value:>6.2f}  {found.tier} ({tiers})"]
    lines += [f"{'models':<14}{', then '.join(models) or 'none are named: MEMSVC_MODELS_NANO, _STANDARD, _PRO'}"]
    return "\n".join(lines)
