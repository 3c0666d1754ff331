"""All rows of the table, in order."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.peers import ams, frameworks, ours, proxies
from benchmarks.peers.stub import Stub
from benchmarks.peers.subject import Subject

NAMES = (
    *("memsvc", "memsvc-valkey", "memsvc-whole", "memsvc-gateway", "ams"),
    *(
        "langchain-middleware",
        "langchain-buffer",
        "openai-agents",
        "llama-memory",
        "llama-buffer",
        "pydantic-ai",
        "headroom",
        "awecompress",
    ),
)


def subjects(stub: Stub, patience_s: float, only: Sequence[str] = NAMES) -> list[Subject]:
    """Those of them that are wanted."""
    own = [*ours.rows(stub, patience_s), proxies.gateway(stub, patience_s)]
    peers = [ams.row(stub, patience_s), *frameworks.rows(stub, patience_s), *proxies.rows(stub, patience_s)]
    return [s for s in [*own, *peers] if s.name in only]
