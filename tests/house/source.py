"""The package's source, parsed once for all house tests."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "memsvc"


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the package by its path below it, such as `core/policy.py`."""
    return {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


@cache
def imports(tree: ast.Module) -> tuple[tuple[str, bool], ...]:
    """(imported module, whether that happens inside a function), type-checking blocks left out."""
    return tuple(_imports(tree))


def _imports(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    inside = {
        id(n) for f in ast.walk(tree) if isinstance(f, (ast.FunctionDef, ast.AsyncFunctionDef)) for n in ast.walk(f)
    }
    typing_only = {
        id(n)
        for i in ast.walk(tree)
        if isinstance(i, ast.If) and "TYPE_CHECKING" in ast.unparse(i.test)
        for n in ast.walk(i)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from ((a.name, id(node) in inside) for a in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, id(node) in inside
            yield from ((f"{node.module}.{a.name}", id(node) in inside) for a in node.names)
