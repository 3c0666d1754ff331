"""The command line: parse, call, print."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from memsvc import __version__
from memsvc.cli import moving, serving
from memsvc.cli.doctor import add_doctor_command, run_doctor
from memsvc.cli.keys import add_keys_command, run_keys
from memsvc.cli.mcp import CLIENT_VARIABLES, add_mcp_command, run_mcp
from memsvc.cli.provider_keys import add_provider_keys_command, run_provider_keys
from memsvc.cli.replay import add_replay_command, run_replay
from memsvc.cli.route import add_route_command, run_route
from memsvc.cli.show import add_show_command, run_show
from memsvc.cli.spend import add_spend_command, run_spend

if TYPE_CHECKING:
    from memsvc.config import Config

_OVERRIDES = ("store", "host", "port", "metrics_port")
_ON_STORE: Mapping[str, Callable[[Config, argparse.Namespace], Coroutine[Any, Any, int]]] = {
    "keys": run_keys,
    "provider-keys": run_provider_keys,
    "show": run_show,
    "spend": run_spend,
}
"""Commands that look into a store."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; gives the exit status: 0 done, 1 it failed, 2 wrong usage or settings."""
    args = main_parser().parse_args(argv)
    try:
        with serving.starting() if args.command in ("serve", "worker") else contextlib.nullcontext():
            return _run(args)
    except BrokenPipeError:  # who reads has had enough; what is left in the buffer must not be tried again at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(args: argparse.Namespace) -> int:
    overrides = {k: v for k, v in vars(args).items() if k in _OVERRIDES and v is not None}
    if args.command == "doctor":  # before the settings are read: that they are wrong is something to tell
        return run_doctor(overrides, args)
    from memsvc.config import ConfigError, load_config

    # A server is warned of MEMSVC_API_KEY: it is not MEMSVC_API_KEYS. To a client it is no setting.
    env = None if args.command != "mcp" else {k: v for k, v in os.environ.items() if k not in CLIENT_VARIABLES}
    try:
        config = load_config(overrides, env)
    except ConfigError as wrong:
        return serving.wrong(str(wrong))
    if args.command in _ON_STORE:
        return asyncio.run(_ON_STORE[args.command](config, args))
    match args.command:
        case "demo":
            from memsvc.demo import run_demo

            return asyncio.run(run_demo())
        case "route":
            return run_route(config, args)
        case "mcp":
            return run_mcp(config, args)
        case "replay":
            return run_replay(config, args)
        case "worker":
            return serving.work(config)
        case "serve":
            return serving.serve(config, processes=args.workers, child=args.child)
        case _:
            return moving.move(config, args)


def main_parser() -> argparse.ArgumentParser:
    """What the command line takes."""
    parser = argparse.ArgumentParser(prog="memsvc", description="Conversation memory that keeps the prompt cache.")
    parser.add_argument("--version", action="version", version=f"memsvc {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="serve the HTTP API and compact in the background")
    serve.add_argument("--host", help="address to bind (default: 127.0.0.1)")
    serve.add_argument("--port", type=int, help="port to bind, 0 = any free one (default: 8080)")
    serve.add_argument("--workers", type=_processes, default=1, metavar="N", help="processes that share the port")
    serve.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    worker = commands.add_parser("worker", help="compact in the background, without an API")
    worker.add_argument(
        "--metrics-port", type=int, metavar="PORT", help="serve /metrics, /healthz and /readyz there (default: nowhere)"
    )
    export = commands.add_parser("export", help="print every session and the books as JSON lines")
    export.add_argument("--tenant", help="only what belongs to this tenant (default: all)")
    export.add_argument("--digest", action="store_true", help="print only digests, to compare two stores")
    load = commands.add_parser("import", help="take in what export has printed; what is there already is skipped")
    load.add_argument("file", metavar="FILE", help="the file, - for standard input")
    load.add_argument("--replace", action="store_true", help="put the file's sessions in the place of others")
    purge = commands.add_parser(
        "purge", help="delete the sessions of a tenant that nothing was written to since a time"
    )
    purge.add_argument("--tenant", required=True)
    purge.add_argument("--inactive-since", required=True, metavar="TIME", help="unix seconds or ISO 8601")
    purge.add_argument("--dry-run", action="store_true", help="only count them")
    for command in (serve, worker, export, load, purge):
        command.add_argument("--store", metavar="URL", help="where conversations live (default: sqlite:///memsvc.db)")
    add_replay_command(commands)
    add_spend_command(commands)
    add_route_command(commands)
    add_show_command(commands)
    add_mcp_command(commands)
    add_doctor_command(commands)
    add_keys_command(commands)
    add_provider_keys_command(commands)
    commands.add_parser("demo", help="play a sample conversation and show history against context")
    return parser


def _processes(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 64:
        raise argparse.ArgumentTypeError("must be a number from 1 to 64")
    return number
