"""The list of deliberate bugs cannot rot: each still has its place, and a test that is there."""

from __future__ import annotations

import ast
import shlex
from pathlib import Path

import pytest

from benchmarks.mutant_list import MUTANTS, Mutant
from benchmarks.serving import ROOT


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.path}: {m.name}")
def test_it_can_be_planted(mutant: Mutant) -> None:
    source = (ROOT / "memsvc" / mutant.path).read_text(encoding="utf-8")
    assert source.count(mutant.old) == 1
    changed = source.replace(mutant.old, mutant.new)
    assert changed != source
    if mutant.path.endswith(".py"):
        ast.parse(changed)
    files = [word for word in shlex.split(mutant.tests) if word.startswith("tests/")]
    assert files
    assert all((ROOT / name).is_file() for name in files)


def test_there_are_enough_and_no_two_are_alike() -> None:
    assert len(MUTANTS) >= 25
    assert len({(m.path, m.old, m.new) for m in MUTANTS}) == len(MUTANTS)
    assert Path(ROOT / "benchmarks" / "results").is_dir()
