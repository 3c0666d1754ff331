"""`memsvc provider-keys`: tenants' keys for model providers, encrypted on the configured store."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from memsvc.cli.keys import on_store, say
from memsvc.errors import NotFound

if TYPE_CHECKING:
    from memsvc.config import Config
    from memsvc.ports import Store

_NO_KEY = (
    "encryption_key (MEMSVC_ENCRYPTION_KEY) is not set: 32 random bytes as base64, such as `openssl rand -base64 32` "
    "prints. Keep it: without it no stored key can be read."
)
_NO_LIBRARY = "this needs the package cryptography: install memsvc[encryption]"


def add_provider_keys_command(commands: Any) -> None:
    """Tell a parser's subcommands about `provider-keys`."""
    command = commands.add_parser("provider-keys", help="keep tenants' keys for model providers, encrypted")
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")
    put = actions.add_parser("set", help="keep the key that is read from standard input")
    listing = actions.add_parser("list", help="show who has a key for what, never the keys")
    remove = actions.add_parser("remove", help="forget a key")
    for one in (put, remove):
        one.add_argument("--tenant", required=True)
        one.add_argument("--provider", required=True, help="such as anthropic or openai")
    listing.add_argument("--tenant", help="only this tenant's")
    for one in (put, listing, remove):
        one.add_argument("--store", metavar="URL", help="sqlite:///file.db (default: sqlite:///memsvc.db)")


async def run_provider_keys(config: Config, args: argparse.Namespace) -> int:
    """Do what `memsvc provider-keys` was asked for; gives the exit status."""
    actions = {"set": _set, "list": _list, "remove": _remove}
    return (
        await on_store(config, lambda store: actions[args.action](config, args, store)) if _ready(config, args) else 2
    )


def _ready(config: Config, args: argparse.Namespace) -> bool:
    if args.action != "set":
        return True
    if config.encryption_key is None:
        say(_NO_KEY)
        return False
    try:
        import cryptography  # noqa: F401
    except ImportError:
        say(_NO_LIBRARY)
        return False
    return True


async def _set(config: Config, args: argparse.Namespace, store: Store) -> None:
    from memsvc.service.vault import Vault

    key = config.encryption_bytes()
    assert key is not None, "it was looked at before"
    # Not an argument: those can be read by everybody on this machine, and stay in the shell's history.
    if sys.stdin.isatty():
        say("type or paste the key, then press enter:")
    await Vault(store, key).put(args.tenant, args.provider, sys.stdin.readline().strip())
    say(f"the key of tenant {args.tenant} for {args.provider} is stored.")


async def _list(config: Config, args: argparse.Namespace, store: Store) -> None:
    for tenant, provider in await store.sealed_names(args.tenant):
        print(f"{tenant}\t{provider}")


async def _remove(config: Config, args: argparse.Namespace, store: Store) -> None:
    if not await store.remove_sealed(args.tenant, args.provider):
        raise NotFound(f"Tenant {args.tenant!r} has no key for {args.provider!r}.")
    say(f"the key of tenant {args.tenant} for {args.provider} is gone.")
