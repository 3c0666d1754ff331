"""`make package`: wheel and sdist, built so that anybody gets the same bytes, and checked.

python -m tests.release.built [FOLDER]

The wheel is built from the tree and again from the unpacked sdist, in another folder with other file times: both must
be the same bytes, and so must a second sdist. SOURCE_DATE_EPOCH is kept if set, else the time of the last commit.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Wrong(Exception):
    """What was built is not what it must be."""


def build(source: Path, into: Path, kind: str) -> Path:
    """Build one kind, `wheel` or `sdist`, with the pinned backend; gives the file."""
    command = [sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "--outdir", str(into), str(source)]
    env = {**os.environ, "SOURCE_DATE_EPOCH": epoch(), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run(command, check=True, env=env, stdout=subprocess.DEVNULL)
    (made,) = into.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return made


def epoch() -> str:
    """Unix seconds that stand in the archives; 315532800 (1980, the first a zip can hold) outside of git."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return given
    asked = subprocess.run(["git", "-C", str(ROOT), "log", "-1", "--format=%ct"], capture_output=True, text=True)
    return asked.stdout.strip() or "315532800"


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def unpacked(sdist: Path, into: Path) -> Path:
    """The folder that an sdist makes, its files' times all other than they were in the tree."""
    with tarfile.open(sdist) as archive:
        archive.extractall(into, filter="data")
    (folder,) = into.iterdir()
    for path in folder.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    return folder


def must_be_same(first: Path, second: Path, what: str) -> None:
    """Raises Wrong unless both files have the same name and bytes."""
    if (first.name, digest(first)) != (second.name, digest(second)):
        raise Wrong(f"{what}: {first.name} {digest(first)} and {second.name} {digest(second)}")


def must_be_tracked(sdist: Path) -> None:
    """Raises Wrong if the sdist holds what git does not know: junk of this machine. Says nothing outside of git."""
    asked = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True)
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    if asked.returncode == 0 and (stray := names - set(asked.stdout.splitlines()) - {"PKG-INFO"}):
        raise Wrong(f"the sdist holds files that are not in git: {sorted(stray)[:10]}")


def main() -> int:
    """Build into the folder named (`dist` by default), check, print; gives the exit status."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "dist").resolve()
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="memsvc-build-") as name:
        scratch = Path(name)
        sdist = build(ROOT, folder, "sdist")
        wheel = build(ROOT, folder, "wheel")
        must_be_tracked(sdist)
        source = unpacked(sdist, scratch / "source")
        must_be_same(wheel, build(source, scratch / "wheel", "wheel"), "wheels of the tree and of the sdist differ")
        must_be_same(sdist, build(source, scratch / "sdist", "sdist"), "sdists of the tree and of the sdist differ")
    files = [str(wheel), str(sdist)]
    subprocess.run([sys.executable, "-m", "twine", "--no-color", "check", "--strict", *files], check=True)
    subprocess.run([sys.executable, "-m", "check_wheel_contents", "--toplevel", "memsvc", str(wheel)], check=True)
    for path in (wheel, sdist):
        print(f"{digest(path)}  {path.name}  {path.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Wrong as wrong:
        sys.exit(f"tests.release.built: {wrong}")
