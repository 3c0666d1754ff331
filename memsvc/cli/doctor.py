"""`memsvc doctor`: what an operator should know, before and after going live. It looks, and changes nothing."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
import tomllib
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memsvc.cli.terminal import json_printable, labelled, show

if TYPE_CHECKING:
    from memsvc.config import Config
    from memsvc.doctor.findings import Finding
    from memsvc.doctor.models import Named
    from memsvc.doctor.run import Tools

_INDENT = 9


def add_doctor_command(commands: Any) -> None:
    """Tell a parser's subcommands about `doctor`."""
    about = "look at settings, store, keys, models and machine, and say what is amiss; changes nothing"
    doctor = commands.add_parser("doctor", help=about)
    doctor.add_argument(
        "--online", action="store_true", help="ask providers and the webhook's server too; costs nothing"
    )
    doctor.add_argument("--deep", action="store_true", help="read all of an SQLite file, to see that it is whole")
    doctor.add_argument("--json", action="store_true", help="print one JSON object")
    doctor.add_argument("--quiet", action="store_true", help="leave out what is as it should be")
    doctor.add_argument("--store", metavar="URL", help="where conversations live (default: sqlite:///memsvc.db)")


def run_doctor(overrides: Mapping[str, Any], args: argparse.Namespace) -> int:
    """Look and tell; gives the exit status: 1 where something is an ERROR."""
    found = asyncio.run(_found(overrides, args))
    status = int(any(one.level == "ERROR" for one in found))
    shown = [one for one in found if not args.quiet or one.level != "OK"]
    if args.json:
        rows = [{"code": one.code, "level": one.level, "text": one.text, "do": one.do} for one in shown]
        print(json_printable(json.dumps({"status": status, "findings": rows}, ensure_ascii=False)))
    else:
        show([line for one in shown for line in _lines(one)] + [_verdict(found)])
    return status


async def _found(overrides: Mapping[str, Any], args: argparse.Namespace) -> list[Finding]:
    from memsvc.config import Config, ConfigError, load_config
    from memsvc.doctor.findings import Finding
    from memsvc.doctor.run import examine, examine_machine

    try:
        config = load_config(overrides)
    except ConfigError as wrong:
        amiss = [Finding("settings_wrong", line) for line in str(wrong).splitlines()]
        return amiss + await examine_machine(_tools(Config()))
    return await examine(config, _tools(config), ask=args.online, deep=args.deep)


def _tools(config: Config) -> Tools:
    from memsvc.app import terms_of
    from memsvc.config import CONFIG_FILE
    from memsvc.doctor.run import Tools
    from memsvc.stores import inspect_store
    from memsvc.tokens import build_counter

    return Tools(
        inspect=lambda: inspect_store(config.store),
        counter=lambda: build_counter(config.token_counter),
        models=lambda: _named(config),
        file=Path(os.environ.get("MEMSVC_CONFIG") or CONFIG_FILE),
        wanted=_wanted(),
        budgets=terms_of(config).defaults,
    )


def _named(config: Config) -> list[Named]:
    """The models that write summaries. Raises ValueError where a price file is wrong."""
    from memsvc.app import is_priced, models_of, prices_of
    from memsvc.config import ConfigError
    from memsvc.doctor.models import Named
    from memsvc.prices import deprecated

    try:
        listed = prices_of(config)
    except ConfigError as wrong:
        raise ValueError(str(wrong)) from None
    found = []
    for model in models_of(config):
        secret = config.anthropic_api_key if model.provider == "anthropic" else config.openai_api_key
        key = secret.get_secret_value() if secret is not None else None
        priced = is_priced(config, model, listed, time.time())
        over = deprecated(model.provider, model.name)
        found.append(Named(model.provider, model.name, model.base_url, key, priced, over))
    return found


def _wanted() -> Sequence[str]:
    """This release's requirements: of the package, or of the folder that it runs from."""
    try:
        return metadata.requires("memsvc") or []
    except metadata.PackageNotFoundError:
        pass
    project = Path(__file__).parents[2] / "pyproject.toml"
    if not project.is_file():
        return []
    told = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    return [*told["dependencies"], *(one for extra in told["optional-dependencies"].values() for one in extra)]


def _lines(one: Finding) -> list[str]:
    lines = labelled(one.level, f"{one.code}: {one.text}", _INDENT)
    if one.level != "OK":
        from memsvc.doctor.findings import KINDS

        lines += labelled("", KINDS[one.code].means, _INDENT)
        lines += labelled("", f"-> {one.do}", _INDENT) if one.do else []
    return lines


def _verdict(found: Sequence[Finding]) -> str:
    from memsvc.doctor.findings import LEVELS

    counts = {level: sum(one.level == level for one in found) for level in LEVELS}
    return "\n" + ", ".join(f"{number} {level}" for level, number in counts.items())
