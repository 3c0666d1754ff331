"""`memsvc mcp`: an MCP server for agents, over standard input and output or over HTTP."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

from memsvc.cli.keys import say
from memsvc.cli.serving import stop_signal
from memsvc.errors import MemsvcError

if TYPE_CHECKING:
    from memsvc.client import Client
    from memsvc.config import Config

CLIENT_VARIABLES = ("MEMSVC_URL", "MEMSVC_API_KEY", "MEMSVC_MCP_KEY")
DEFAULT_URL = "http://127.0.0.1:8080"
_NO_KEY = (
    "--http {} is reachable from other machines and callers would need no key: set MEMSVC_MCP_KEY, which they send as"
    " `Authorization: Bearer`, or bind 127.0.0.1."
)


def add_mcp_command(commands: Any) -> None:
    """Tell a parser's subcommands about `mcp`."""
    command = commands.add_parser("mcp", help="offer conversations to agents: an MCP server")
    where = command.add_mutually_exclusive_group()
    where.add_argument(
        "--url",
        default=os.environ.get("MEMSVC_URL") or DEFAULT_URL,
        help=f"the service to ask; its key is taken from MEMSVC_API_KEY (default: MEMSVC_URL, else {DEFAULT_URL})",
    )
    where.add_argument(
        "--store", metavar="URL", help="no service: open this store here, such as sqlite:////path/memory.db"
    )
    command.add_argument("--session", metavar="NAME", help="offer this one conversation, and no way to another")
    command.add_argument("--read-only", action="store_true", help="offer no tool that changes anything")
    command.add_argument(
        "--http",
        type=_address,
        metavar="HOST:PORT",
        help="serve HTTP at /mcp instead of standard input and output; with MEMSVC_MCP_KEY set callers must send it",
    )


def run_mcp(config: Config, args: argparse.Namespace) -> int:
    """Serve until the host goes, or until stopped; gives the exit status."""
    try:
        import memsvc.mcp.server  # noqa: F401
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("memsvc"):
            raise
        return say("this needs the MCP SDK; install memsvc with its extra: pip install 'memsvc[mcp]'", 1)
    from memsvc.config import ConfigError
    from memsvc.observe import configure_logging

    try:
        key = _key_of(args)
        client = _client(config, args)
    except (ConfigError, ValueError) as wrong:  # a store, an address or a key that makes no sense
        return say(str(wrong), 2)
    except MemsvcError as wrong:
        return say(wrong.detail, 2)
    configure_logging(config.log_level, config.log_format)
    with contextlib.suppress(KeyboardInterrupt):
        return asyncio.run(_serve(client, args, key))
    return 0


def _key_of(args: argparse.Namespace) -> str | None:
    """What callers over HTTP must send; None = nothing. Raises ValueError."""
    from memsvc.config.values import MIN_KEY_LENGTH, only_here

    if args.http is None:
        return None
    key = os.environ.get("MEMSVC_MCP_KEY") or None
    if key is None and not only_here(args.http[0]):
        raise ValueError(_NO_KEY.format("{}:{}".format(*args.http)))
    if key is not None and (len(key) < MIN_KEY_LENGTH or not key.isascii() or not key.isprintable() or " " in key):
        raise ValueError(f"MEMSVC_MCP_KEY must have at least {MIN_KEY_LENGTH} characters, all of them visible ASCII.")
    return key


def _client(config: Config, args: argparse.Namespace) -> Client:
    """What the tools ask: a service, or a store opened here with the settings that `serve` would have."""
    from memsvc.client import Client, Retry
    from memsvc.wire.checks import check_name

    if args.session is not None:
        check_name(args.session, "session")
    if args.store is not None:
        from memsvc.embedded import Embedded

        return Client(Embedded(config))
    # An agent that waits is better told soon.
    patience = Retry(deadline_s=20.0, attempts=3)
    return Client(args.url, api_key=os.environ.get("MEMSVC_API_KEY") or None, retry=patience)


async def _serve(client: Client, args: argparse.Namespace, key: str | None) -> int:
    from memsvc.mcp.desk import Desk
    from memsvc.mcp.server import build_server
    from memsvc.tokens import VocabularyError

    stopped = stop_signal()
    try:
        async with client:
            server = build_server(Desk(client, session=args.session, read_only=args.read_only))
            if args.http is not None:
                return await _http(server, args.http, key)
            ended = await _stdio(server, stopped)
    except (MemsvcError, VocabularyError) as failed:
        return say(str(failed), 1)
    if not ended:
        # A thread still waits for the next line of standard input, and nothing but its end would wake it.
        sys.stderr.flush()
        os._exit(0)
    return 0


async def _stdio(server: Any, stopped: asyncio.Event) -> bool:
    """Serve until the host closes our input (True) or a signal comes (False)."""
    from memsvc.mcp.stdio import over_stdio

    serving, waiting = asyncio.ensure_future(over_stdio(server)), asyncio.ensure_future(stopped.wait())
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not serving.done():
        return False
    serving.result()
    return True


async def _http(server: Any, address: tuple[str, int], key: str | None) -> int:
    from memsvc.mcp.http import PATH, http_app, over_http

    host, port = address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except OSError as taken:
        return say(f"cannot bind {host}:{port}: {taken.strerror}", 1)
    with listening:
        shown = f"[{host}]" if ":" in host else host
        print(f"memsvc mcp serves on http://{shown}:{listening.getsockname()[1]}{PATH}", flush=True)
        await over_http(http_app(server, host=host, key=key), listening)
    return 0


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise argparse.ArgumentTypeError("must be HOST:PORT, such as 127.0.0.1:8090")
    return host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port)
