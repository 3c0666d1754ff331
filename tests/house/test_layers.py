"""Which way the arrows point."""

from __future__ import annotations

import ast
import sys

import pytest
from source import PACKAGE, imports, modules

MAY_IMPORT = {
    "errors": set(),
    "core": {"core", "errors"},
    "ports": {"ports", "core", "errors"},
    "stores": {"stores", "core", "ports", "errors"},
    "llm": {"llm", "core", "ports", "errors"},
    "tokens": {"core", "ports", "errors"},
    "prices": {"core", "ports", "errors"},
    "observe": {"observe", "core", "errors"},
    "webhook": {"observe", "core", "errors"},
    "config": {"config", "core", "errors"},
    "doctor": {"doctor", "config", "core", "ports", "errors"},
    "wire": {"wire", "core", "errors"},
    "service": {"service", "core", "ports", "errors", "observe"},
    "worker": {"service", "core", "ports", "errors", "observe"},
    "gateway": {"gateway", "wire", "service", "core", "ports", "errors", "observe"},
    "server": {"server", "gateway", "wire", "service", "observe", "core", "ports", "errors"},
    "metrics": {"metrics", "observe", "core", "ports", "errors"},
    "tracing": {"tracing", "ports", "errors"},
    "client": {"client", "wire", "core", "errors"},
    "integrations": {"integrations", "client", "core", "errors"},
    "mcp": {"mcp", "client", "integrations", "wire", "server", "core", "errors"},
    "testing": {"testing"},
}
"""Layer -> layers it may import. `app` may import all but cli; cli, demo, __main__ and embedded, the service in a
program's own process, all."""

CORE_LIBRARIES = {"orjson", "msgspec"}
"""Pure functions over bytes: what the core may use beside the standard library."""

IMPURE = {"asyncio", "time", "os", "random", "secrets", "socket", "threading", "subprocess", "datetime", "pathlib"}
LAZY = {
    *("anthropic", "openai", "tiktoken", "toktok", "uvloop", "aiohttp", "yarl", "orjson", "genai_prices"),
    *("cryptography", "tqdm"),
}
"""Heavy or optional: may be imported inside functions (so may the package's own edges in cli)."""
OPTIONAL = {
    "stores/__init__.py": "memsvc.stores.redis",
    "cli/mcp.py": "memsvc.mcp",
    "cli/observing.py": "memsvc.tracing",
}
"""Parts of the package whose library need not be installed: only this module imports them, inside a function."""
LATER = {"server/handlers.py": "memsvc.wire.openapi", "server/pages.py": "memsvc.wire.apipage"}
"""Parts that most processes are never asked for: this module imports them with the first question."""
FRAMEWORKS = {
    "integrations/openai_agents": {"agents"},
    "integrations/langchain": {"langchain", "langchain_core", "langgraph"},
    "integrations/pydantic_ai": {"pydantic_ai"},
    "integrations/llama_index": {"llama_index"},
    "integrations/agent_framework": {"agent_framework"},
    "integrations/google_adk": {"google"},
    "integrations/strands": {"strands"},
}
"""Adapter -> what it alone imports, at its top; no other module imports the adapter."""


def _layer(path: str) -> str:
    return path.split("/")[0].removesuffix(".py")


def _own(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if parts[0] == "memsvc" and len(parts) > 1 else None


@pytest.mark.parametrize("path", modules())
def test_a_layer_imports_only_what_it_may(path: str) -> None:
    allowed = MAY_IMPORT.get(_layer(path))
    if allowed is None:
        return
    layers = {p.stem if p.is_file() else p.name for p in PACKAGE.iterdir()}
    wrong = {n for n, _ in imports(modules()[path]) if (own := _own(n)) in layers and own not in allowed}
    assert not wrong


def test_every_module_belongs_to_a_layer() -> None:
    free = {"__init__", "__main__", "app", "embedded", "cli", "demo", "data", "replay"}
    assert {_layer(p) for p in modules()} <= set(MAY_IMPORT) | free


def test_nothing_imports_the_edges() -> None:
    for path, tree in modules().items():
        if _layer(path) not in ("cli", "__main__", "demo", "app", "embedded"):
            assert not {n for n, _ in imports(tree) if _own(n) in ("cli", "app", "demo", "embedded")}, path


@pytest.mark.parametrize("path", [p for p in modules() if p.startswith("core/")])
def test_core_is_pure(path: str) -> None:
    tree = modules()[path]
    waits = [n for n in ast.walk(tree) if isinstance(n, (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith))]
    assert not waits
    roots = {name.split(".")[0] for name, _ in imports(tree)} - {"memsvc"}
    assert not roots & IMPURE
    assert roots <= sys.stdlib_module_names | CORE_LIBRARIES
    calls = {ast.unparse(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    assert not calls & {"open", "print", "input", "exec", "eval"}


@pytest.mark.parametrize("path", modules())
def test_imports_stand_at_the_top(path: str) -> None:
    late = {n for n, inside in imports(modules()[path]) if inside and n.split(".")[0] not in LAZY}
    if _layer(path) == "cli":
        late = {n for n in late if not n.startswith("memsvc")}
    if path in LATER:
        late = {n for n in late if not n.startswith(LATER[path])}
    if path in OPTIONAL:
        late = {n for n in late if not n.startswith(OPTIONAL[path])}
    assert not late


def test_what_is_optional_is_imported_by_nobody_else() -> None:
    for keeper, part in OPTIONAL.items():
        folder = part.removeprefix("memsvc.").replace(".", "/")
        for path, tree in modules().items():
            if path != keeper and not path.startswith(folder):
                assert not {n for n, _ in imports(tree) if n.startswith(part)}, path


@pytest.mark.parametrize("adapter", FRAMEWORKS)
def test_a_framework_is_imported_by_its_adapter_alone(adapter: str) -> None:
    name = "memsvc." + adapter.replace("/", ".")
    named: set[str] = set()
    for path, tree in modules().items():
        found = {n for n, _ in imports(tree)}
        roots = {n.split(".")[0] for n in found} & FRAMEWORKS[adapter]
        if path.removesuffix(".py").startswith(adapter):
            named |= roots
        else:
            assert not roots, path
            assert not {n for n in found if n == name or n.startswith(f"{name}.")}, path
    assert named == FRAMEWORKS[adapter]
