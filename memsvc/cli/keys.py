"""`memsvc keys`: API keys on the configured store.

A key goes to standard output, once, and nothing else does in that run: `KEY=$(memsvc keys create ...)`.
What is heavy is imported when a command runs, so that parsing the command line stays cheap.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from memsvc.cli.moving import missing_file
from memsvc.core.access import EVERY, Access, ApiKey, ordered
from memsvc.errors import MemsvcError

if TYPE_CHECKING:
    from memsvc.config import Config
    from memsvc.ports import Store
    from memsvc.service.keyring import Keyring

DEFAULT_SCOPES: tuple[Access, ...] = ("read", "write")
_SCOPES = "read,write,admin,operator (default: read,write); operator sees figures of all tenants"
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
LONGEST_S = 100 * 365 * 86_400
_DURATION = re.compile(r"([0-9]{1,9})([smhdw])")
_HEAD = ("id", "tenant", "name", "scopes", "created", "expires", "state", "ends in")

Clock = Callable[[], float]


def seconds(text: str) -> float:
    """A duration such as `30s`, `15m`, `1h`, `90d` or `2w`, as a type of argparse."""
    found = _DURATION.fullmatch(text)
    if found is None or not int(found[1]):
        raise argparse.ArgumentTypeError("must be a duration such as 30s, 15m, 1h, 90d or 2w")
    length = int(found[1]) * _UNITS[found[2]]
    if length > LONGEST_S:
        raise argparse.ArgumentTypeError("must be at most 100 years; without it a key is good for ever")
    return float(length)


def scopes(text: str) -> tuple[Access, ...]:
    """Scopes with commas between them, as a type of argparse."""
    given = {part.strip() for part in text.split(",") if part.strip()}
    if not given or given - set(EVERY):
        raise argparse.ArgumentTypeError(
            "must be one or more of read, write, admin and operator, with commas between them"
        )
    return ordered(given)


def add_keys_command(commands: Any) -> None:
    """Tell a parser's subcommands about `keys`."""
    keys = commands.add_parser("keys", help="create, list, revoke and rotate API keys")
    actions = keys.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a key and print it: it is shown only this once")
    create.add_argument("--tenant", required=True, help="whose sessions it opens; without keys all are of `default`")
    create.add_argument("--name", default="", help="what to call it in lists")
    create.add_argument("--scope", type=scopes, default=DEFAULT_SCOPES, help=_SCOPES)
    create.add_argument("--expires", type=seconds, metavar="90d", help="how long it is good (default: for ever)")
    listing = actions.add_parser("list", help="show keys, those that ended too; never the keys themselves")
    listing.add_argument("--tenant", help="only this tenant's")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    revoke = actions.add_parser("revoke", help="end a key for good")
    rotate = actions.add_parser("rotate", help="make a new key in the place of another and print it")
    rotate.add_argument("--grace", type=seconds, default=0.0, metavar="1h", help="how long the old one still opens")
    for one in (revoke, rotate):
        one.add_argument("id", metavar="ID", help="the part between the underscores, as `list` shows it")
    for one in (create, listing, revoke, rotate):
        one.add_argument("--store", metavar="URL", help="sqlite:///file.db (default: sqlite:///memsvc.db)")


async def run_keys(config: Config, args: argparse.Namespace, *, clock: Clock = time.time) -> int:
    """Do what `memsvc keys` was asked for; gives the exit status."""
    from memsvc.service.keyring import Keyring

    async def act(store: Store) -> None:
        await _ACTIONS[args.action](Keyring(store, clock=clock), args, clock())

    return await on_store(config, act, reads=args.action != "create")


async def on_store(config: Config, act: Callable[[Store], Awaitable[None]], *, reads: bool = False) -> int:
    """Open the store, act, close it; gives the exit status. `reads`: it must be there already."""
    from memsvc.app import store_of
    from memsvc.config import ConfigError
    from memsvc.observe import Event, StoreNotice

    def notice(event: Event) -> None:  # not to standard output, where keys go
        say(event.text if isinstance(event, StoreNotice) else type(event).__name__)

    if reads and (missing := missing_file(config)):
        return say(f"there is no store {missing}; name the one that is meant with --store.", 1)
    if config.store == "sqlite://:memory:":
        return say("sqlite://:memory: ends with this command; name a store that stays with --store.", 2)
    try:
        store = store_of(config, notice)
    except ConfigError as wrong:
        return say(str(wrong), 2)
    try:
        await store.open()
        await act(store)
    except MemsvcError as failed:
        return say(failed.detail, 1)
    finally:
        await store.close()
    return 0


async def _create(keyring: Keyring, args: argparse.Namespace, now: float) -> None:
    key, made = await keyring.create(args.tenant, args.scope, name=args.name, lifetime_s=args.expires)
    _tell(key, made)


async def _list(keyring: Keyring, args: argparse.Namespace, now: float) -> None:
    rows = [_row(key, now) for key in await keyring.all(args.tenant)]
    if args.json:
        for row in rows:
            print(json.dumps(dict(zip(_HEAD, row, strict=True)), ensure_ascii=False))
        return
    widths = [max(map(len, column)) for column in zip(_HEAD, *rows, strict=True)]
    for row in (_HEAD, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


async def _revoke(keyring: Keyring, args: argparse.Namespace, now: float) -> None:
    ended = await keyring.revoke(args.id)
    say(f"key {ended.id} of tenant {ended.tenant} is revoked; servers that run refuse it within 5 seconds.")


async def _rotate(keyring: Keyring, args: argparse.Namespace, now: float) -> None:
    key, made, old = await keyring.rotate(args.id, grace_s=args.grace)
    _tell(key, made)
    say(f"key {old.id} {'is revoked' if old.revoked_at else f'opens until {_time(old.expires_at)}'}.")


_ACTIONS = {"create": _create, "list": _list, "revoke": _revoke, "rotate": _rotate}


def _tell(key: str, made: ApiKey) -> None:
    until = "for ever" if made.expires_at is None else f"until {_time(made.expires_at)}"
    print(key)
    say(f"key {made.id} of tenant {made.tenant} may {', '.join(made.scopes)} {until}; it is shown only this once.")


def _row(key: ApiKey, now: float) -> tuple[str, ...]:
    times = (_time(key.created_at), _time(key.expires_at))
    return (key.id, key.tenant, key.name, ",".join(key.scopes), *times, key.state(now), key.ending)


def _time(at: float | None) -> str:
    if at is None:
        return ""
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):  # a year that no calendar has
        return "never"


def say(text: str, status: int = 0) -> int:
    """Tell the person at the terminal, on standard error; gives the status."""
    print(f"memsvc: {text}", file=sys.stderr)
    return status
