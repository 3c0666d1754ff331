"""Deliberate bugs, one after the other: is each noticed by the test that is named for it?

`python -m benchmarks.mutants [NAME ...]`: works in a copy of the tree; ends with 1 if a bug survives, or a
test fails without one.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.mutant_list import MUTANTS, Mutant
from benchmarks.report import RESULTS, stamp, table, write
from benchmarks.serving import ROOT

TIMEOUT_S = 300
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "*.db*", "__pycache__", ".hypothesis", ".mypy_cache", ".ruff_cache")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the list; gives the exit status."""
    parser = argparse.ArgumentParser(prog="mutants.py", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="only these (part of a name)")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for mutants.md")
    args = parser.parse_args(argv)
    chosen = [m for m in MUTANTS if not args.names or any(n in f"{m.path} {m.name}" for n in args.names)]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=LEFT_OUT)
        for mutant in chosen:
            rows.append((mutant, verdict(tree, mutant)))
            print(f"{rows[-1][1]:10} {mutant.path}: {mutant.name}", flush=True)
    caught = sum(1 for _, said in rows if said == "caught")
    print(f"{caught} of {len(rows)} caught")
    if not args.names:
        told = [[m.name, m.path, m.tests, said] for m, said in rows]
        figures = {"stamp": stamp(), "caught": caught, "of": len(rows), "mutants": told}
        write("mutants", figures, table(["bug", "where", "test", "verdict"], told), args.out)
    return 0 if caught == len(rows) else 1


def verdict(tree: Path, mutant: Mutant) -> str:
    """`caught`, `survived`, or `unsound` where the tests fail without the bug, or there are none."""
    path = tree / "memsvc" / mutant.path
    sound = path.read_text(encoding="utf-8")
    assert sound.count(mutant.old) == 1, f"the text of {mutant.name!r} stands {sound.count(mutant.old)} times in {path}"
    if tests(tree, mutant) != 0:
        return "unsound"
    path.write_text(sound.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        return "caught" if tests(tree, mutant) == 1 else "survived"
    finally:
        path.write_text(sound, encoding="utf-8")


def tests(tree: Path, mutant: Mutant) -> int:
    """pytest's status: 0 = passed, 1 = a test failed. A hang is a failure."""
    words = shlex.split(mutant.tests)
    if "-k" in words:
        at = words.index("-k")
        words = [*words[:at], "-k", " ".join(words[at + 1 :])]
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-p", "no:randomly", *words]
    try:
        return subprocess.run(command, cwd=tree, capture_output=True, timeout=TIMEOUT_S, check=False).returncode
    except subprocess.TimeoutExpired:
        return 1


if __name__ == "__main__":
    sys.exit(main())
