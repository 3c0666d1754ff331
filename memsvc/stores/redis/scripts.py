"""The scripts: what reads and writes in one step on the server."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha1
from importlib.resources import files

from memsvc.stores.redis.codec import AT

_FIELD = re.compile(r"\bF\.(\w+)")
_WORD = re.compile(r"\w+")


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
    """All scripts by name. In front of each stands what it uses of `common.lua`, and nothing else: a server
    makes every function anew at every call. `F.name` becomes the place of that field in a header."""
    folder = files(__package__).joinpath("lua")
    texts = {
        p.name.removesuffix(".lua"): p.read_text(encoding="utf-8") for p in folder.iterdir() if p.name.endswith(".lua")
    }
    shared = _parts(texts.pop("common"))
    return {name: _script(name, text, shared) for name, text in texts.items()}


def place(field: str) -> int:
    """The place of a header's field, as scripts count."""
    return AT[field] + 1


def _parts(text: str) -> dict[str, str]:
    """The definitions of `common.lua` by name, in order. Each begins with `local` at the margin."""
    found: dict[str, str] = {}
    for part in re.split(r"^(?=local )", text, flags=re.M)[1:]:
        found[_WORD.findall(part.removeprefix("local ").removeprefix("function "))[0]] = part
    return found


def _script(name: str, text: str, shared: dict[str, str]) -> Script:
    used: set[str] = set()
    wanted = [text]
    while wanted:
        new = shared.keys() & set(_WORD.findall(wanted.pop())) - used
        used |= new
        wanted += [shared[one] for one in new]
    whole = "".join(part for one, part in shared.items() if one in used) + text
    stored = _FIELD.sub(lambda found: str(place(found[1])), whole).encode()
    return Script(name, stored, sha1(stored, usedforsecurity=False).hexdigest())
