"""`memsvc show SESSION`: the history, the cut, and what a summary replaced and names, in the terminal."""

from __future__ import annotations

import argparse
import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from memsvc.cli.keys import on_store
from memsvc.config import Config
from memsvc.core.model import DEFAULT_TENANT, Key

if TYPE_CHECKING:
    from memsvc.core.model import Entry
    from memsvc.ports import Store

WIDTH = 100
NEWEST = 12
"""Messages of the tail that are shown."""


def add_show_command(commands: Any) -> None:
    """Tell a parser's subcommands about `show`."""
    show = commands.add_parser("show", help="show a session: what is verbatim, what a summary stands for and names")
    show.add_argument("session", metavar="SESSION")
    show.add_argument("--tenant", default=DEFAULT_TENANT, help="whose (default: default)")
    show.add_argument(
        "--epoch", type=int, metavar="N", help="show the summary of this epoch (default: the present one)"
    )
    show.add_argument("--json", action="store_true", help="the documents of the API")
    show.add_argument("--store", metavar="URL", help="where conversations live (default: sqlite:///memsvc.db)")


async def run_show(config: Config, args: argparse.Namespace) -> int:
    """Do what `memsvc show` was asked for; gives the exit status."""

    async def act(store: Store) -> None:
        session, summaries, tail = await _read(config, store, Key(args.tenant, args.session))
        if args.json:
            print(json.dumps({"session": session, "summaries": summaries}, ensure_ascii=False))
        else:
            print("\n".join(_lines(session, summaries, tail, args.epoch)))

    return await on_store(config, act, reads=True)


async def _read(config: Config, store: Store, key: Key) -> tuple[dict[str, Any], list[dict[str, Any]], list[Entry]]:
    from memsvc.app import default_policy, economics_of, prices_of
    from memsvc.errors import NotFound
    from memsvc.service.documents import limits
    from memsvc.service.savings import Savings

    head = await store.head(key)
    if head is None:
        raise NotFound(f"tenant {key.tenant!r} has no session {key.session!r}")
    defaults = default_policy(config)
    economics = economics_of(config, prices_of(config), time.time)
    savings = Savings(store, economics, defaults, limits=lambda session: limits(session, defaults))
    found: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        page = await savings.page(key, after=after, limit=500)
        found, after = found + page["summaries"], page["next"]
    tail = list((await store.load(key)).entries)
    return await savings.session(head), found, tail


def _lines(session: dict[str, Any], summaries: list[dict[str, Any]], tail: list[Entry], epoch: int | None) -> list[str]:
    tokens, compaction = session["tokens"], session["compaction"]
    parts = ", ".join(f"{name} {tokens[name]:,}" for name in ("system", "tools", "summary", "tail"))
    lines = [
        f"{session['session']}: {session['messages']:,} messages, epoch {session['epoch']}, mode"
        f" {session['policy']['mode']}, model {session['model'] or 'not named'}",
        f"tokens   {tokens['full']:,} in full, {tokens['context']:,} in the context ({tokens['ratio']:.2f}): {parts}",
        f"state    {compaction['state']}, last reason {compaction['last_reason'] or 'none'}"
        + (f", last error: {compaction['last_error']}" if compaction["last_error"] else ""),
    ]
    if summaries:
        head = "epoch    messages        tokens  why         by                    cost $   to save $    saved $"
        lines += ["", head, *map(_row, summaries)]
    shown = next((s for s in summaries if (s["current"] if epoch is None else s["epoch"] == epoch)), None)
    if shown is not None:
        lines += ["", f"summary of epoch {shown['epoch']}, for messages 1 to {shown['to']}:", ""]
        lines += [f"    {line}" for line in shown["text"].splitlines()]
        named = shown["sources"]
        lines += ["", f"named    {_spans(named)}", f"unnamed  {shown['to'] - len(named):,} of {shown['to']:,} messages"]
    if tail:
        lines += ["", f"verbatim {tail[0].seq} to {tail[-1].seq}:"]
        lines += [_message(entry) for entry in tail[-NEWEST:]]
    return lines


def _row(one: dict[str, Any]) -> str:
    mark, spans = "*" if one["current"] else " ", f"{one['from']} to {one['to']}"
    money = "".join(f"{_usd(one[k]):>12}" for k in ("cost_usd", "predicted_saving_usd", "actual_saving_usd"))
    return (
        f"{mark}{one['epoch']:>5}   {spans:<14}{one['tokens']:>8,}  {one['reason']:<11} {one['model'][:20]:<20}{money}"
    )


def _usd(amount: float | None) -> str:
    return "-" if amount is None else f"{amount:.4f}"


def _spans(seqs: list[int]) -> str:
    """`3, 5-7, 12`."""
    spans: list[list[int]] = []
    for seq in seqs:
        if spans and seq == spans[-1][1] + 1:
            spans[-1][1] = seq
        else:
            spans.append([seq, seq])
    return ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in spans) or "none"


def _message(entry: Entry) -> str:
    from memsvc.core.flatten import said

    message = said(entry)
    text = " ".join(message.whole.split())
    at = datetime.fromtimestamp(entry.at, UTC).strftime("%Y-%m-%d %H:%M")
    head = f"  {entry.seq:>6}  {at}  {message.role:<9} {entry.tokens:>6,}  "
    return head + (text if len(text) <= WIDTH else text[: WIDTH - 1] + "…")
