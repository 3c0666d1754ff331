"""Sizes and habits. The lists of exceptions may only shrink."""

from __future__ import annotations

import ast

import pytest
from source import PACKAGE, modules

MAX_MODULE_LINES, MAX_FUNCTION_LINES, MAX_PARAMETERS = 350, 40, 7

LONGER: dict[str, int] = {}
"""Modules over the limit, with their own and the reason: none."""

WIDE = {
    "stores/sqlite/store.py:commit",  # the port's own signature
    "stores/redis/store.py:commit",  # the same
    "ports/store.py:commit",  # compare-and-set names each thing that it freezes
}
CATCH_ALL = {
    *("server/border.py", "worker.py", "stores/sqlite/writer.py", "stores/redis/link.py"),
    *("service/chain.py", "service/leased.py", "mcp/server.py", "doctor/run.py"),
}
"""The borders: HTTP, the worker's loop, the writer thread and shared trips, which hand errors to their callers,
the chain of summarizers, where the next in line stands in for one with a fault, and claimed compactions, whose job is
given back, tools, whose caller is told that they failed, and doctor's checks: one must not take others along."""


OF_VALUES = ("core", "service", "observe", "ports", "gateway", "llm", "wire", "metrics", "app", "tracing")
DATACLASSES = {
    "core/access.py",  # a digest that is not shown
    "core/search.py",  # a member that is not given
    "service/chain.py",  # one that is worked out once
    "service/lines.py",  # messages that are not shown
    "service/requests.py",  # a header that is not compared
}
"""Modules with a value that `msgspec.Struct` cannot be. A dataclass takes twenty times as long to be defined, which is
a third of what a start would take, and seven times as long to be made."""


def _functions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]


@pytest.mark.parametrize("path", modules())
def test_modules_are_short(path: str) -> None:
    lines = len((PACKAGE / path).read_text(encoding="utf-8").splitlines())
    assert lines <= LONGER.get(path, MAX_MODULE_LINES)


@pytest.mark.parametrize("path", modules())
def test_functions_are_short_and_narrow(path: str) -> None:
    for f in _functions(modules()[path]):
        assert (f.end_lineno or 0) - f.lineno + 1 <= MAX_FUNCTION_LINES, f"{f.name} at line {f.lineno} is too long"
        arguments = f.args
        names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
        count = len([n for n in names if n not in ("self", "cls")])
        if f"{path}:{f.name}" not in WIDE and f.name != "__init__":
            assert count <= MAX_PARAMETERS, f"{f.name} at line {f.lineno} has {count} parameters"


@pytest.mark.parametrize("path", modules())
def test_no_global_state_and_no_swallowing(path: str) -> None:
    for node in ast.walk(modules()[path]):
        assert not isinstance(node, ast.Global), f"global at line {node.lineno}"
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"bare except at line {node.lineno}"
            kinds = {ast.unparse(k) for k in (node.type.elts if isinstance(node.type, ast.Tuple) else [node.type])}
            cleans_up = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
            if path not in CATCH_ALL and not cleans_up:
                assert not kinds & {"Exception", "BaseException"}, f"catches everything at line {node.lineno}"


def _is_dataclass(node: ast.AST) -> bool:
    return isinstance(node, ast.ClassDef) and any("dataclass" in ast.unparse(d) for d in node.decorator_list)


def test_values_are_structs() -> None:
    found = {path for path, tree in modules().items() if any(map(_is_dataclass, ast.walk(tree)))}
    assert {path for path in found if path.split("/")[0] in OF_VALUES} == DATACLASSES


def test_the_list_of_borders_is_current() -> None:
    for path in CATCH_ALL:
        assert "except Exception" in (PACKAGE / path).read_text(encoding="utf-8"), f"take {path} off CATCH_ALL"


@pytest.mark.parametrize("path", modules())
def test_public_names_are_documented(path: str) -> None:
    tree = modules()[path]
    assert ast.get_docstring(tree) or not tree.body, "the module has no docstring"
    for owner in (tree, *(n for n in tree.body if isinstance(n, ast.ClassDef) and not n.name.startswith("_"))):
        for node in owner.body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and not node.name.startswith(
                "_"
            ):
                assert ast.get_docstring(node), f"{node.name} at line {node.lineno} has no docstring"
