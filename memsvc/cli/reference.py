"""The command line as its documentation shows it. `python -m memsvc.cli` prints docs/cli.md."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from memsvc.cli import main_parser

_OPENING = """# The command line

Every command and option, printed from the argument parsers (`make docs`). `make run` leaves the command in
`.venv/bin/memsvc`; `python -m memsvc` is the same. [Settings](settings.md) come from variables and a file, whatever
the command. Exit status: 0 done, 1 it failed, 2 wrong usage or settings.
"""


def markdown() -> str:
    """docs/cli.md as it should be."""
    lines = [_OPENING]
    for parser, about in _commands(main_parser(), ""):
        lines += [f"## `{parser.prog}`", "", _sentence(about), ""]
        if rows := list(_rows(parser)):
            lines += ["| argument | meaning |", "|---|---|", *rows, ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _commands(parser: argparse.ArgumentParser, about: str) -> Iterator[tuple[argparse.ArgumentParser, str]]:
    """A parser and those of its commands, each with what its help says of it."""
    yield parser, about or parser.description or ""
    # The standard library has no public way to list what a parser takes.
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            abouts = {one.dest: one.help or "" for one in action._choices_actions}
            for name, command in action.choices.items():
                yield from _commands(command, abouts.get(name, ""))


def _rows(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, (argparse._HelpAction, argparse._SubParsersAction)) or action.help == argparse.SUPPRESS:
            continue
        about = (action.help or "") % {"default": action.default} if action.help else ""
        if action.required and action.option_strings:
            about = f"{about} (required)".strip()
        yield f"| `{_shown(action)}` | {about.replace('|', chr(92) + '|')} |"


def _shown(action: argparse.Action) -> str:
    value = action.metavar or ("|".join(map(str, action.choices)) if action.choices else action.dest.upper())
    if not action.option_strings:
        return str(value)
    names = ", ".join(action.option_strings)
    return (names if action.nargs == 0 else f"{names} {value}").replace("|", r"\|")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
