"""`memsvc show SESSION`: a session's story in the terminal: epochs, the cut, what a cache holds, what summaries say."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from memsvc.cli.keys import on_store
from memsvc.cli.story import layout, prefix, timeline
from memsvc.cli.terminal import WIDTH, clipped, json_printable, labelled, show
from memsvc.core.model import DEFAULT_TENANT, ON, Key

if TYPE_CHECKING:
    from memsvc.config import Config
    from memsvc.core.model import Entry, Session
    from memsvc.ports import Store
    from memsvc.service.savings import Savings

NEWEST = 12
"""Messages of the tail that are shown."""
MOST_RANGES = 30
"""Ranges of messages left out that are shown, the newest ones."""
_INDENT = 13
Json = dict[str, Any]


def add_show_command(commands: Any) -> None:
    """Tell a parser's subcommands about `show`."""
    command = commands.add_parser("show", help="show a session: what is verbatim, what summaries say and leave out")
    command.add_argument("session", metavar="SESSION")
    command.add_argument("--tenant", default=DEFAULT_TENANT, help="whose (default: default)")
    which = command.add_mutually_exclusive_group()
    which.add_argument(
        "--epoch", type=int, metavar="N", help="take the summary of this epoch apart (default: the last)"
    )
    which.add_argument("--all", action="store_true", help="take every summary apart")
    which.add_argument("--seq", type=int, metavar="N", help="show this message alone, all of it")
    command.add_argument("--json", action="store_true", help="the documents of the API")
    command.add_argument("--store", metavar="URL", help="where conversations live (default: sqlite:///memsvc.db)")


@dataclass(frozen=True, slots=True)
class _Found:
    """What is to be shown of a session; `apart` are summaries with their statements, `prefix` what a cache holds."""

    head: Session
    session: Json
    prefix: Json
    summaries: list[Json]
    apart: list[Json]
    tail: list[Entry]


async def run_show(config: Config, args: argparse.Namespace) -> int:
    """Do what `memsvc show` was asked for; gives the exit status."""

    async def act(store: Store) -> None:
        key = Key(args.tenant, args.session)
        if args.seq is not None:
            await _one(store, key, args.seq, as_json=args.json)
            return
        found = await _read(config, store, key, args)
        if args.json:
            summaries = found.apart if args.all or args.epoch else found.summaries
            said = {"session": found.session, "summaries": summaries, "prefix": found.prefix}
            print(json_printable(json.dumps(said, ensure_ascii=False)))
        else:
            show(_lines(found))

    return await on_store(config, act, reads=True)


async def _one(store: Store, key: Key, seq: int, *, as_json: bool) -> None:
    from memsvc.core.flatten import said
    from memsvc.errors import NotFound
    from memsvc.service.history import history_rows

    head = await store.head(key)
    found = await store.entries(key, after=seq - 1, upto=seq, limit=1) if head is not None and seq > 0 else []
    if head is None or not found:
        raise NotFound(f"no message with seq {seq} in a session {key.session!r} of tenant {key.tenant!r}")
    entry = found[0]
    raw = entry.raw.decode(errors="replace")
    if as_json:
        print(*(json_printable(row.decode(errors="replace")) for row in history_rows(entry, head.cut, None)))
        return
    message = said(entry)
    place = "erased" if entry.redacted else "superseded" if entry.superseded else ""
    place = place or ("behind the summary" if entry.seq <= head.cut else "verbatim in the context")
    lines = [f"message {seq}: {message.role}, {_moment(entry)}, {entry.tokens:,} tokens, {place}", "", message.whole]
    if any(piece.kind != "text" for piece in message.pieces):
        lines += ["", "as it is stored:", raw]
    show(lines)


async def _read(config: Config, store: Store, key: Key, args: argparse.Namespace) -> _Found:
    from memsvc.app import default_policy, economics_of, prices_of
    from memsvc.errors import NotFound
    from memsvc.service.documents import limits
    from memsvc.service.savings import Savings
    from memsvc.service.views import Views

    head = await store.head(key)
    if head is None:
        raise NotFound(f"tenant {key.tenant!r} has no session {key.session!r}; of another tenant: --tenant NAME")
    defaults = default_policy(config)
    economics = economics_of(config, prices_of(config), time.time)
    savings = Savings(store, economics, defaults, limits=lambda session: limits(session, defaults))
    summaries = await _pages(savings, key)
    if args.all:
        apart = await _pages(savings, key, statements=True)
    else:
        epoch = next((s["epoch"] for s in summaries if s["current"]), 0) if args.epoch is None else args.epoch
        found = (await savings.page(key, after=epoch - 1, limit=1, statements=True))["summaries"] if epoch > 0 else []
        apart = [s for s in found if s["epoch"] == epoch]
        if args.epoch is not None and not apart:
            raise NotFound(f"session {key.session!r} has no summary of epoch {epoch}")
    tail = list((await store.load(key)).entries)
    front = prefix(await Views(store, defaults, 0).get(key, None, "auto"))
    return _Found(head, await savings.session(head), front, summaries, apart, tail)


async def _pages(savings: Savings, key: Key, *, statements: bool = False) -> list[Json]:
    found: list[Json] = []
    after: int | None = 0
    while after is not None:
        page = await savings.page(key, after=after, limit=500, statements=statements)
        found, after = found + page["summaries"], page["next"]
    return found


def _lines(found: _Found) -> list[str]:
    session = found.session
    tokens, compaction = session["tokens"], session["compaction"]
    lines = [
        f"{session['session']}: {session['messages']:,} messages, epoch {session['epoch']}, mode"
        f" {session['policy']['mode']}, model {session['model'] or 'not named'}",
        f"tokens   {tokens['full']:,} in full, {tokens['context']:,} in the context ({tokens['ratio']:.2f})",
        f"state    {compaction['state']}, last reason {compaction['last_reason'] or 'none'}",
    ]
    if compaction["last_error"]:
        lines += labelled("error", compaction["last_error"], 9)
    if found.head.shadow == ON:
        lines += labelled("shadow", "the full history is served; the summaries below are not", 9)
    lines += layout(found.head, found.prefix)
    lines += timeline(found.summaries, found.head)
    for one in found.apart:
        lines += _apart(one)
    if found.tail:
        cut = f"--- cut: up to {found.head.cut} in the summary, verbatim from here on "
        lines += ["", cut.ljust(WIDTH, "-") if found.head.cut else "verbatim, nothing was cut yet:"]
        hidden = len(found.tail) - NEWEST
        lines += [f"       {hidden:,} earlier ones; memsvc show {session['session']} --seq N"] * (hidden > 0)
        lines += [_message(entry) for entry in found.tail[-NEWEST:]]
    return lines


def _apart(one: Json) -> list[str]:
    """A summary taken apart: statements behind their sources, then what it leaves out."""
    lines = ["", f"summary of epoch {one['epoch']}, for messages 1 to {one['to']}:"]
    section = None
    for said in one["statements"]:
        if said["section"] != section:
            section = said["section"]
            lines += ["", f"  {section}"]
        named = _spans(said["sources"])
        mark = "?" if not named else named if said["named"] else f"~{named}"
        lines += labelled(f"    {mark} ", said["text"], _INDENT)
    if any(not s["named"] for s in one["statements"]):
        lines += ["", "  ~ the summary does not say: looked for in the originals; ? not found there"]
    out = one["left_out"]
    some = f"{out['messages']:,} of {one['to'] - out['from'] + 1:,} messages, {out['tokens']:,} tokens"
    ranges = [f"{a}" if a == b else f"{a}-{b}" for a, b in out["ranges"]]
    shown = ["…"] * (len(ranges) > MOST_RANGES) + ranges[-MOST_RANGES:]
    lines += ["", *labelled("left out", some + (": " + ", ".join(shown) if shown else ""), 9)]
    return lines


def _spans(seqs: list[int]) -> str:
    """`3, 5-7, 12`."""
    spans: list[list[int]] = []
    for seq in seqs:
        if spans and seq == spans[-1][1] + 1:
            spans[-1][1] = seq
        else:
            spans.append([seq, seq])
    return ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in spans)


def _moment(entry: Entry) -> str:
    return datetime.fromtimestamp(entry.at, UTC).strftime("%Y-%m-%d %H:%M")


def _message(entry: Entry) -> str:
    from memsvc.core.flatten import said

    message = said(entry)
    head = f"{entry.seq:>6} {_moment(entry)[2:]} {message.role:<9} {entry.tokens:>6,}  "
    return head + clipped(message.whole, WIDTH - len(head))
