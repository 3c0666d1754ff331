"""Schemathesis on the running service: every call of /openapi.json, with data that fits and data that does not.

`python -m benchmarks.api_fuzz [--examples 300]`: starts a server with a key on a file of its own, runs all checks, and
ends with the status of `schemathesis run`. Needs the package schemathesis (`make api-fuzz` installs it).
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.report import RESULTS, stamp, table, write
from benchmarks.serving import ROOT

KEY = "a-key-for-strangers-0001"
PHASES = "examples,coverage,fuzzing,stateful"


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; gives the exit status."""
    parser = argparse.ArgumentParser(prog="api_fuzz.py", description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=600, help="most cases for each call and phase")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for api_fuzz.md")
    args = parser.parse_args(argv)
    made = stamp()
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as url:
        status, said = strangers(url, args.examples, args.seed)
    print(said)
    figures = {"stamp": made, "seed": args.seed, "status": status, "summary": summary(said)}
    rows = [[line] for line in figures["summary"]]
    write("api_fuzz", figures, table(["schemathesis run --checks all"], rows), args.out)
    return status


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A server with one key, for the time of a block; gives its address."""
    env = {**os.environ, "MEMSVC_API_KEYS": f'{{"{KEY}": "acme"}}'}
    command = [sys.executable, "-m", "memsvc", "serve", "--port", "0", "--store", f"sqlite:///{folder}/fuzz.db"]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=log, text=True) as server,
    ):
        try:
            assert server.stdout is not None
            found = re.search(r"http://[^,\s]+", server.stdout.readline())
            assert found, (folder / "log").read_text()
            yield found[0]
        finally:
            server.terminate()


def strangers(url: str, examples: int, seed: int) -> tuple[int, str]:
    """(status, what it printed) of `schemathesis run`."""
    program = Path(sys.executable).with_name("schemathesis")
    config = ROOT / "benchmarks" / "schemathesis.toml"
    command = [str(program), "--config-file", str(config), "run", f"{url}/openapi.json", "--checks", "all"]
    command += ["--max-examples", str(examples), "--seed", str(seed), "--phases", PHASES, "--continue-on-failure"]
    command += ["--header", f"Authorization: Bearer {KEY}", "--no-color"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def summary(said: str) -> list[str]:
    """The lines that tell how much was tried and what was found."""
    _, _, end = said.partition(" SUMMARY ")
    return [line.strip() for line in end.splitlines() if line.strip() and not line.startswith("=")]


if __name__ == "__main__":
    sys.exit(main())
