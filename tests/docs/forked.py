"""Runs `memsvc` and `python` for the documents' shell snippets, each call in a process of its own, loading them once.

    python -m tests.docs.forked SOCKET

A caller (`CALLER`, which starts in a hundredth of a second) sends its standard streams, arguments, folder and
environment; a fork does the work and answers with the exit status. Commands that would serve until they are stopped
are only checked: the real parser takes their options, the real loader their settings.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import socket
import sys
import traceback

import apsw

import memsvc.app
import memsvc.cli.replay
import memsvc.embedded
from memsvc.cli import main as memsvc_main
from memsvc.cli import main_parser
from memsvc.config import ConfigError, load_config
from memsvc.tokens import build_counter

LOADED = (apsw, memsvc.app, memsvc.cli.replay, memsvc.embedded)
UNTIL_STOPPED = {"serve", "worker", "mcp"}
CALLER = """#!{python} -SIE
import json, os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect({path!r})
told = {{"what": {what!r}, "args": sys.argv[1:], "cwd": os.getcwd(), "env": dict(os.environ)}}
socket.send_fds(s, [b"!"], [0, 1, 2])
s.sendall(json.dumps(told).encode())
s.shutdown(socket.SHUT_WR)
status = s.recv(1)
sys.exit(status[0] if status else 1)
"""


def run(what: str, args: list[str]) -> int:
    """Do what was asked for; gives the exit status."""
    if what == "python":
        sys.argv = args
        runpy.run_path(args[0], run_name="__main__")
        return 0
    if args and args[0] in UNTIL_STOPPED:
        given = vars(main_parser().parse_args(args))
        try:
            own = {
                name: value for name, value in given.items() if name in ("store", "host", "port") and value is not None
            }
            env = {name: value for name, value in os.environ.items() if args[0] != "mcp" or name != "MEMSVC_MCP_KEY"}
            load_config(own if args[0] != "mcp" else {}, env)
        except ConfigError as wrong:
            print(wrong, file=sys.stderr)
            return 2
        return 0
    return memsvc_main(args)


def answer(connection: socket.socket) -> None:
    """One call, in the fork."""
    _, streams, _, _ = socket.recv_fds(connection, 1, 3)
    whole = b""
    while part := connection.recv(65_536):
        whole += part
    told = json.loads(whole)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.chdir(told["cwd"])
    os.environ.clear()
    os.environ.update(told["env"])
    status = 1
    try:
        status = run(told["what"], told["args"])
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        connection.sendall(bytes([status & 255]))
        os._exit(0)


def serve(path: str) -> None:
    """Take calls until we are stopped."""
    build_counter("auto")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(path)
        door.listen(16)
        print("ready", flush=True)
        while True:
            connection, _ = door.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                door.close()
                answer(connection)
            connection.close()


if __name__ == "__main__":
    serve(sys.argv[1])
