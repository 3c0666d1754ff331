"""What a process loads before it is ready: what it does not need costs time at every start, and memory for good."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from tests.processes.running import PATIENCE_S, ROOT

OF_OTHERS = {
    *("anthropic", "openai", "tiktoken", "genai_prices", "redis", "cryptography", "opentelemetry", "mcp", "tqdm"),
    *("memsvc.demo", "memsvc.doctor", "memsvc.replay", "memsvc.client", "memsvc.integrations", "memsvc.mcp"),
    *("memsvc.testing", "memsvc.embedded", "memsvc.stores.redis", "memsvc.tracing"),
    *("memsvc.wire.openapi", "memsvc.wire.apipage", "memsvc.wire.examples"),
}
"""What `memsvc serve` over SQLite loads when somebody asks for it, or never."""
OF_COMMANDS = {"pydantic", "aiohttp", "structlog", "apsw", "uvloop", "prometheus_client", "toktok", *OF_OTHERS}
OF_COMMANDS |= {"memsvc.app", "memsvc.config", "memsvc.server", "memsvc.service", "memsvc.stores", "memsvc.wire"}
"""What a command line that only tells something about itself has no use for."""


async def loaded(log: Path, *args: str) -> set[str]:
    """Every module that a process imports until its first line of output."""
    command = [sys.executable, "-X", "importtime", "-m", "memsvc", *args]
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=file)
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            assert b"memsvc" in await process.stdout.readline()
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            await process.wait()
    lines = log.read_text(encoding="utf-8").splitlines()
    return {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}


def among(modules: set[str], unwanted: set[str]) -> set[str]:
    """Those of `unwanted` that are, or have parts, among the modules."""
    return {name for name in unwanted if any(m == name or m.startswith(f"{name}.") for m in modules)}


async def test_a_server_loads_what_it_serves_with(tmp_path: Path) -> None:
    modules = await loaded(tmp_path / "log", "serve", "--port", "0", "--store", f"sqlite:///{tmp_path}/memory.db")
    assert {"memsvc.server", "memsvc.stores.sqlite", "toktok", "aiohttp"} <= modules
    assert not among(modules, OF_OTHERS)


async def test_the_command_line_alone_loads_no_service(tmp_path: Path) -> None:
    modules = await loaded(tmp_path / "log", "--version")
    assert "memsvc.cli" in modules
    assert not among(modules, OF_COMMANDS)
