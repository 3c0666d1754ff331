"""Runs programs as `python FILE` would, each in a process of its own, but loads the SDKs once for all of them.

    python -m tests.edges.forked FOLDER SCRIPT,... SERVER,...

What a script prints goes to `NAME.out` in the current folder; servers write to our standard output and are stopped when
our standard input ends. Once all scripts have ended, one line says how: `ended {"NAME": STATUS}`.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
import traceback
from pathlib import Path

import aiohttp.web
import anthropic
import fastapi
import mcp
import openai
import uvicorn

import memsvc.embedded
from memsvc.tokens import build_counter

LOADED = (aiohttp.web, anthropic, fastapi, mcp, openai, uvicorn, memsvc.embedded, build_counter("auto"))


def started(path: Path, output: Path | None) -> int:
    """The pid of a process that runs a file; it writes to `output`, None = where we do."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        if output is not None:
            to = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(to, 1)
            os.dup2(to, 2)
        runpy.run_path(str(path), run_name="__main__")
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except KeyboardInterrupt:
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def main(folder: Path, scripts: list[str], servers: list[str]) -> None:
    """Start all, wait for the scripts, stop the servers when there is no more input."""
    running = [started(folder / f"{name}.py", None) for name in servers]
    pids = {name: started(folder / f"{name}.py", Path(f"{name}.out")) for name in scripts}
    ended = {name: os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for name, pid in pids.items()}
    print(f"ended {json.dumps(ended)}", flush=True)
    sys.stdin.read()
    for pid in running:
        os.kill(pid, signal.SIGINT)
    print(f"stopped {[os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in running]}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2].split(","), sys.argv[3].split(","))
