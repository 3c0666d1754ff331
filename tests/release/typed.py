"""`make typing`: the public API as a program that uses it sees it, by a second type checker.

python -m tests.release.typed PYTHON

PYTHON is an interpreter that has memsvc and what it needs. basedpyright (pyright's engine, with a Node of its own)
checks tests/typing strictly, and counts how much of the package has types that every checker understands alike.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PUBLIC = {"__version__", "open", "open_blocking", "client", "errors", "wire"}
"""What programs use: all of it must be known and unambiguous."""
LEAST = 0.975
"""The same for the whole package, internals included; may only rise."""


def checker(python: Path, folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Run basedpyright away from the tree, with `python` as the environment that it looks into."""
    env = {**os.environ, "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
    program = Path(sys.executable).parent / "basedpyright"
    return subprocess.run([str(program), *args], cwd=folder, env=env, capture_output=True, text=True)


def uses(python: Path, folder: Path) -> str:
    """The programs of tests/typing have no error under strict rules."""
    settings = {"include": [str(ROOT / "tests/typing")], "typeCheckingMode": "strict", "pythonVersion": "3.11"}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    done = checker(python, folder, "--outputjson")
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"], "no program was looked at"
    assert done.returncode == 0, "\n".join(d["message"] for d in report["generalDiagnostics"])
    (folder / "pyrightconfig.json").unlink()
    return f"strict: {report['summary']['filesAnalyzed']} program(s) of tests/typing, no error"


def completeness(python: Path, folder: Path) -> str:
    """Everything public has a type that all checkers see alike, and the whole package nearly so."""
    found = json.loads(checker(python, folder, "--verifytypes", "memsvc", "--ignoreexternal", "--outputjson").stdout)
    whole = found["typeCompleteness"]
    exported = [s for s in whole["symbols"] if s["isExported"]]
    public = [s for s in exported if s["name"].split(".")[1:2] and s["name"].split(".")[1] in PUBLIC]
    vague = sorted(s["name"] for s in public if not known(s))
    assert len(public) > 500, "the package was not found"
    assert not vague, f"{len(vague)} public names are not fully typed: {vague[:10]}"
    score = whole["completenessScore"]
    assert score >= LEAST, f"{score:.1%} of the package has full types; it were {LEAST:.1%}"
    return f"types complete: public {len(public)} of {len(public)}, the whole package {score:.1%} of {len(exported)}"


def known(symbol: dict[str, Any]) -> bool:
    """Whether its type is known and the same for every checker."""
    return symbol["isTypeKnown"] and not symbol["isTypeAmbiguous"]


def main() -> int:
    """Run both; gives the exit status."""
    python = Path(sys.argv[1]).absolute()
    with tempfile.TemporaryDirectory() as name:
        try:
            print(f"ok    {uses(python, Path(name))}")
            print(f"ok    {completeness(python, Path(name))}")
        except AssertionError as wrong:
            print(f"WRONG {wrong}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
