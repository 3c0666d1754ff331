"""The scripts: what reads and writes in one step on the server."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha1
from importlib.resources import files

from memsvc.stores.redis.codec import HEADER


@dataclass(frozen=True, slots=True)
class Script:
    """A script as the server gets it.

    Attributes:
        name: of its file.
        sha: by which the server knows a script that it has seen.
    """

    name: str
    text: bytes
    sha: str


def load_scripts() -> dict[str, Script]:
    """All scripts by name. The places of a header's fields stand in front of each, and what they share."""
    folder = files(__package__).joinpath("lua")
    texts = {
        p.name.removesuffix(".lua"): p.read_text(encoding="utf-8") for p in folder.iterdir() if p.name.endswith(".lua")
    }
    places = ", ".join(f"{name} = {number}" for number, name in enumerate(HEADER, start=1))
    front = f"local F = {{{places}}}\n{texts.pop('common')}"
    return {name: _script(name, f"{front}\n{text}".encode()) for name, text in texts.items()}


def _script(name: str, text: bytes) -> Script:
    return Script(name, text, sha1(text, usedforsecurity=False).hexdigest())
