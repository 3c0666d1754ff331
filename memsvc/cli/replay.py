"""`memsvc replay`: what the service would have done with conversations that were held, and their cost."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memsvc.cli.progress import bar

if TYPE_CHECKING:
    from memsvc.config import Config
    from memsvc.replay.terms import PolicyName, Terms

_POLICIES = ("full", "window", "buffer", "threshold", "economic")
_DEFAULT_MODEL = {"anthropic": "claude-sonnet-5-5", "openai": "gpt-6.1-sol"}


def add_replay_command(commands: Any) -> None:
    """Tell a parser's subcommands about `replay`."""
    about = "what would your conversations cost with memsvc? plays transcripts on a clock of their own, and bills them"
    replay = commands.add_parser("replay", help=about)
    replay.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="conversations, one a line; a dump of messages; or a session log of Claude Code",
    )
    replay.add_argument("--provider", choices=("anthropic", "openai"), default="anthropic")
    replay.add_argument("--model", help="whose calls they are (default: claude-sonnet-5-5, gpt-6.1-sol)")
    replay.add_argument(
        "--policy", type=policies, default=None, metavar="NAME[,NAME]", help=f"of {', '.join(_POLICIES)} (default: all)"
    )
    replay.add_argument("--cache-ttl", choices=("5m", "1h"), help="lifetime of Anthropic's cache (default: 5m)")
    for name in ("threshold", "keep", "summary"):
        replay.add_argument(f"--{name}-tokens", type=_positive, metavar="N", help="as in the settings")
    replay.add_argument(
        "--tool-output-tokens", type=_positive, metavar="N", help="show tools' outputs longer than that without middle"
    )
    replay.add_argument(
        "--summarizer", type=fixed, metavar="WHO", default="local", help="local, or fixed:SHARE,LEAST,MOST (filler)"
    )
    replay.add_argument("--summarizer-model", metavar="NAME", help="what a summary is billed as")
    replay.add_argument("--summarizer-latency", type=float, default=0.0, metavar="SECONDS")
    replay.add_argument(
        "--requests", type=Path, metavar="OUT", help="write every request of the (one) policy, a line each"
    )
    replay.add_argument("--html", type=Path, metavar="OUT", help="write a page with a chart")
    replay.add_argument("--json", action="store_true", help="print figures as JSON")


def policies(text: str) -> tuple[str, ...]:
    """Names of policies with commas between them, as a type of argparse."""
    given = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if not given or set(given) - set(_POLICIES):
        raise argparse.ArgumentTypeError(f"must be one or more of {', '.join(_POLICIES)}, with commas between them")
    return given


def fixed(text: str) -> tuple[float, int, int] | None:
    """A summarizer, as a type of argparse: None = the local one."""
    if text == "local":
        return None
    kind, _, numbers = text.partition(":")
    try:
        share, least, most = numbers.split(",")
        found = float(share), int(least), int(most)
    except ValueError:
        found = (0.0, 0, 0)
    if kind != "fixed" or not (0 < found[0] <= 1 and 0 < found[1] <= found[2]):
        raise argparse.ArgumentTypeError("must be local or fixed:SHARE,LEAST,MOST, such as fixed:0.12,150,1500")
    return found


def _positive(text: str) -> int:
    number = int(text)
    if number <= 0:
        raise argparse.ArgumentTypeError("must be above 0")
    return number


def run_replay(config: Config, args: argparse.Namespace) -> int:
    """Do what was asked; gives the exit status."""
    from memsvc.errors import MemsvcError
    from memsvc.replay.conversations import BadTranscript
    from memsvc.replay.terms import UnknownModel

    try:
        return asyncio.run(_replayed(config, args))
    except (BadTranscript, UnknownModel) as wrong:
        return _say(str(wrong), 2)
    except (MemsvcError, OSError) as failed:
        return _say(str(failed), 1)


async def _replayed(config: Config, args: argparse.Namespace) -> int:
    import orjson

    from memsvc.app import prices_of
    from memsvc.replay.conversations import read
    from memsvc.replay.report import page, rows, table, verdict
    from memsvc.replay.run import replay
    from memsvc.replay.terms import POLICIES, Tools
    from memsvc.tokens import build_counter

    names: tuple[PolicyName, ...] = args.policy or POLICIES
    if args.requests and len(names) > 1:
        return _say("--requests needs one --policy: it writes the requests of that one.", 2)
    if not args.requests and "full" not in names:
        names = ("full", *names)
    conversations = read(args.file)
    tools = Tools(build_counter(config.token_counter), prices_of(config), time.time)
    terms = _terms(config, args)
    tools.market(terms)
    with contextlib.ExitStack() as files:
        write = files.enter_context(args.requests.open("wb")).write if args.requests else None
        more = files.enter_context(bar(len(conversations), " conversations"))
        outcomes = await replay(conversations, names, terms, tools, write=write, told=lambda done: more(1))
    if args.html:
        args.html.write_text(page(outcomes, f"{args.file.name}: {terms.model}"), encoding="utf-8")
    if args.json:
        print(orjson.dumps(rows(outcomes)).decode())
        return 0
    sizes = f"{len(conversations)} conversations, {terms.model}, keep {terms.keep_tokens:,}"
    print(f"{sizes}, summary at most {terms.summary_tokens:,}, threshold {terms.threshold_tokens:,} tokens\n")
    print(f"{table(outcomes)}\n\n{verdict(outcomes)}".rstrip())
    print("Input side and summaries, at list prices; what the model answers costs the same in every row.")
    return 0


def _terms(config: Config, args: argparse.Namespace) -> Terms:
    from memsvc.replay.terms import Terms

    return Terms(
        provider=args.provider,
        model=args.model or _DEFAULT_MODEL[args.provider],
        cache_ttl=args.cache_ttl or config.cache_ttl,
        threshold_tokens=args.threshold_tokens or config.threshold_tokens,
        keep_tokens=args.keep_tokens or config.keep_tokens,
        summary_tokens=args.summary_tokens or config.summary_tokens,
        alpha=config.alpha,
        guard=config.guard,
        fixed=args.summarizer if isinstance(args.summarizer, tuple) else None,
        summarizer_model=args.summarizer_model,
        latency_s=args.summarizer_latency,
        tool_output_tokens=args.tool_output_tokens or config.tool_output_tokens,
    )


def _say(text: str, status: int) -> int:
    print(f"memsvc: {text}", file=sys.stderr)
    return status
