"""The project stands on its own: nothing in it points at where it was built."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from source import ROOT

FORBIDDEN = {
    "a path of one machine": re.compile(r"/(?:work|root|tmp/lab)/|\.\./shared\b"),
    "who or what wrote it": re.compile(r"sub-?agent\b", re.IGNORECASE),
    "the address of a package registry": re.compile(
        r"(?:pypi|pythonhosted|npmjs|crates|debian)\.(?:org|com|io)\b(?!/project)", re.IGNORECASE
    ),
}
SELF = Path(__file__).relative_to(ROOT).as_posix()
NOT_OURS = {
    ".git",
    ".venv",
    ".hypothesis",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    "__pycache__",
    "dist",
    "build",
    "site",
}
TEXT = {".py", ".md", ".toml", ".txt", ".in", ".sql", ".lua", ".json", ".html", ".yaml", ".yml", ".sh", ".cfg", ""}


def project_files() -> list[str]:
    """What is, or would be, in the repository: git's list where there is git, else the tree."""
    listing = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        names = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        found = (p.relative_to(ROOT) for p in ROOT.rglob("*") if p.is_file())
        names = [p.as_posix() for p in found if not NOT_OURS & set(p.parts)]
    return sorted(n for n in names if Path(n).suffix in TEXT and (ROOT / n).is_file() and n != SELF)


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what: str) -> None:
    wrong = []
    for name in project_files():
        text = (ROOT / name).read_text(encoding="utf-8", errors="replace")
        for hit in FORBIDDEN[what].finditer(text):
            line = text.count("\n", 0, hit.start()) + 1
            wrong.append(f"{name}:{line}: {hit.group()!r} is {what}")
    assert not wrong, "\n".join(wrong)


def test_the_locked_requirements_name_no_place() -> None:
    for name in (p.name for p in ROOT.glob("requirements*.txt")):
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").splitlines(), 1):
            assert "://" not in line, f"{name}:{number}: an address"
            assert not line.startswith(("-", "/", ".")), f"{name}:{number}: an option or a path: {line}"
