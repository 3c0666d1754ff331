"""What is built is complete: the wheel carries the vocabulary, the schema, the sample and the typing mark."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile

import pytest
from source import ROOT

import memsvc
from memsvc.tokens import ENCODING

WANTED = [
    "py.typed",
    f"data/{ENCODING}.tiktoken.xz",
    "data/demo.json",
    "stores/sqlite/schema/001.sql",
    "config/schema.py",
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=100)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_wheel_has_the_data(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    assert not [w for w in WANTED if f"memsvc/{w}" not in names]
    assert [n for n in names if n.endswith("licenses/LICENSE")]


def test_the_wheel_has_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert tops == {"memsvc", f"memsvc-{memsvc.__version__}.dist-info"}
    assert not [n for n in wheel.namelist() if n.endswith((".db", ".pyc"))]


def test_the_wheel_has_every_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    """Pages, scripts, schemas, data: whatever git knows, also what is about to be committed."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "memsvc"]
    try:
        told = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
        files = {name for name in told if (ROOT / name).is_file()}
    except (OSError, subprocess.CalledProcessError):
        tree = (p for p in (ROOT / "memsvc").rglob("*") if p.is_file() and "__pycache__" not in p.parts)
        files = {p.relative_to(ROOT).as_posix() for p in tree}
    assert {"memsvc/py.typed", "memsvc/stores/redis/lua/append.lua", "memsvc/stores/sqlite/schema/001.sql"} <= files
    assert {name for name in wheel.namelist() if name.startswith("memsvc/")} == files


def test_the_version_is_said_once_in_each_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == memsvc.__version__
    assert project["scripts"] == {"memsvc": "memsvc.cli:main"}


def test_what_is_declared_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split(r"[<>=;\[ ]", d)[0] for d in project["dependencies"]}
    for name in ("requirements.txt", "requirements-dev.txt"):
        locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / name).read_text(encoding="utf-8"), re.M))
        assert declared <= locked, f"{name} is old: run `make lock`"
