"""An environment for each peer: made when first needed, from requirements with hashes, outside the source tree."""

from __future__ import annotations

import hashlib
import lzma
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.resources import files
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "requirements"
MAKING_S = 1_800.0
_STAMP = ".made"
_TOKENIZER_URL = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
"""tiktoken looks for its vocabulary under the hash of this name, and downloads it only where that is not there."""


class Missing(Exception):
    """Something that a peer needs is not there and cannot be had; the text says what."""


def folder() -> Path:
    """Where the environments are: `MEMSVC_PEERS_HOME`, else below the user's cache folder."""
    named = os.environ.get("MEMSVC_PEERS_HOME")
    return Path(named) if named else Path.home() / ".cache" / "memsvc-peers"


def python(name: str, least: tuple[int, int] = (3, 11)) -> Path:
    """The interpreter of a peer's environment, which is made if it is not there or its requirements have changed.

    Raises Missing.
    """
    home, wanted = folder() / name, REQUIREMENTS / f"{name}.txt"
    digest = hashlib.sha256(wanted.read_bytes()).hexdigest()
    found, stamp = home / "bin" / "python", home / _STAMP
    if found.exists() and stamp.exists() and stamp.read_text() == digest:
        return found
    print(f"peers: making the environment of {name}", file=sys.stderr, flush=True)
    shutil.rmtree(home, ignore_errors=True)
    home.parent.mkdir(parents=True, exist_ok=True)
    _run([str(interpreter(least)), "-m", "venv", str(home)], name)
    # What is listed is all there is to install, repaired versions included: pip is not to resolve anything.
    pip = [str(found), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    _run([*pip, "--no-deps", "--require-hashes", "-r", str(wanted)], name)
    stamp.write_text(digest)
    return found


def interpreter(least: tuple[int, int]) -> Path:
    """A Python that is new enough: `MEMSVC_PEERS_PYTHON`, this one, one on the PATH or one of pyenv's.

    Raises Missing.
    """
    named = os.environ.get("MEMSVC_PEERS_PYTHON")
    if named:
        return Path(named)
    if sys.version_info[:2] >= least:
        return Path(sys.executable)
    for minor in range(least[1], least[1] + 3):
        on_path = shutil.which(f"python3.{minor}")
        kept = sorted((Path.home() / ".pyenv" / "versions").glob(f"3.{minor}.*/bin/python"))
        for found in [*([Path(on_path)] if on_path else []), *kept]:
            if subprocess.run([str(found), "-c", "import venv"], capture_output=True, check=False).returncode == 0:
                return found
    raise Missing(f"needs Python {least[0]}.{least[1]}, which is not here (MEMSVC_PEERS_PYTHON names one)")


def versions(name: str, packages: tuple[str, ...]) -> dict[str, str]:
    """What is installed, as the requirements pin it."""
    pinned = dict(
        re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", (REQUIREMENTS / f"{name}.txt").read_text(), re.MULTILINE)
    )
    return {package: pinned[package] for package in packages}


def tokenizers() -> Path:
    """A folder where tiktoken finds o200k: the service's own copy of the vocabulary."""
    place = folder() / "tokenizers"
    file = place / hashlib.sha1(_TOKENIZER_URL.encode(), usedforsecurity=False).hexdigest()
    if not file.exists():
        place.mkdir(parents=True, exist_ok=True)
        file.write_bytes(lzma.decompress(files("memsvc").joinpath("data/o200k_base.tiktoken.xz").read_bytes()))
    return place


def old_ssl() -> Path:
    """A folder with the two libraries of OpenSSL 1.1 that Redis Stack was built for and new systems lack, out of a
    wheel that carries them. Raises Missing."""
    place = folder() / "libssl"
    if not (place / "libssl.so.1.1").exists():
        place.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
        which = ["--no-deps", "--only-binary=:all:", "--python-version", "3.10", "--platform", "manylinux1_x86_64"]
        _run([*pip, *which, "--require-hashes", "-d", str(place), "-r", str(REQUIREMENTS / "libssl.txt")], "libssl")
        with zipfile.ZipFile(next(place.glob("*.whl"))) as wheel:
            for name in ("libcrypto.so.1.1", "libssl.so.1.1"):
                (place / name).write_bytes(wheel.read(f"mysql/vendor/{name}"))
    return place


def _run(command: list[str], name: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=MAKING_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as failed:
        raise Missing(f"cannot be installed: {type(failed).__name__}") from failed
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if "ERROR" in line] or done.stderr.splitlines() or ["?"]
        raise Missing(f"cannot be installed: {_without_addresses(said[-1])}")


def _without_addresses(text: str) -> str:
    return re.sub(r"\S+://\S+|(?<!\w)/\S+", "...", text)[:200]
