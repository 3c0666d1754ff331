"""Licences of everything that an installation brings along, held against a list of allowed ones.

python -m tests.release.licences PYTHON            write docs/licences.md
python -m tests.release.licences PYTHON --check    fail if it is old, or if a licence is not allowed

Read by pip-licenses from the metadata of what PYTHON has installed, for the names in requirements.txt alone.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "licences.md"
ALLOWED = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CNRI-Python", "ISC", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0"),
    *("Unlicense", "any-OSI"),
}
"""By SPDX identifier. Each lets a service of any licence use the package; MPL-2.0 binds changes of its own files alone.
`any-OSI` is how apsw says that one may choose any licence that the Open Source Initiative approves."""
SPDX = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
"""Older metadata has the names of classifiers."""
HEAD = """# Licences

memsvc is Apache-2.0. An installation with the extras `anthropic`, `openai`, `redis`, `encryption` and `mcp` brings
along the packages below, as `requirements.txt` names them; on other systems some are left out. Written by `make
licences` from the packages' own metadata, held against a list of allowed licences by `make audit`. None is shipped
inside memsvc but the vocabulary of the tokenizer (`memsvc/data/`, from tiktoken, MIT).

| package | version | licence |
|---|---|---|
"""


def names() -> list[str]:
    """The packages of requirements.txt."""
    return re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.M)


def installed(python: str) -> list[dict[str, str]]:
    """Name, version and licence of each that is installed, sorted."""
    program = Path(sys.executable).parent / "pip-licenses"
    options = ["--python", python, "--from=mixed", "--format=json", "--packages", *names()]
    told = json.loads(subprocess.run([str(program), *options], check=True, capture_output=True, text=True).stdout)
    return sorted(told, key=lambda row: row["Name"].lower())


def licence(text: str) -> str:
    """What metadata says, as an SPDX expression. A whole licence text stands for the licence of its first line."""
    first = text.strip().splitlines()[0].strip() if text.strip() else "unknown"
    return " OR ".join(SPDX.get(part.strip(), part.strip()) for part in first.split(";"))


def allowed(expression: str) -> bool:
    """Whether an SPDX expression of AND, OR and brackets may be used."""
    if not (tokens := re.findall(r"[()]|[A-Za-z0-9.+-]+", expression)):
        return False
    words = {"AND": "and", "OR": "or", "(": "(", ")": ")"}
    try:
        return bool(eval(" ".join(words.get(t) or str(t in ALLOWED) for t in tokens)))
    except SyntaxError:
        return False


def page(rows: list[dict[str, str]]) -> str:
    """The document."""
    return HEAD + "".join(f"| {r['Name']} | {r['Version']} | {licence(r['License'])} |\n" for r in rows)


def main() -> int:
    """Write or check; gives the exit status."""
    rows = installed(sys.argv[1])
    wrong = [f"{r['Name']} {r['Version']}: {licence(r['License'])}" for r in rows if not allowed(licence(r["License"]))]
    if len(rows) < len(names()) / 2:
        wrong.append(f"only {len(rows)} of {len(names())} packages are installed in {sys.argv[1]}")
    if "--check" not in sys.argv:
        PAGE.write_text(page(rows), encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page(rows):
        wrong.append("docs/licences.md is old: run `make licences`")
    for line in wrong:
        print(f"WRONG {line}")
    if not wrong:
        print(f"ok    {len(rows)} packages, every licence allowed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
