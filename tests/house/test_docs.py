"""What the documents say is what there is."""

from __future__ import annotations

import re

from source import PACKAGE, ROOT, modules

import memsvc
from memsvc import errors
from memsvc.cli import reference as commands
from memsvc.config import Config, markdown
from memsvc.wire import CALLS
from memsvc.wire import reference as endpoints

DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "benchmarks" / "README.md"]


def _read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_settings_page_is_current() -> None:
    assert _read("docs/settings.md") == markdown(), "run `make docs`"
    assert all(f"MEMSVC_{name.upper()}" in markdown() for name in Config.model_fields)


def test_generated_pages_are_current() -> None:
    assert _read("docs/endpoints.md") == endpoints.markdown(), "run `make docs`"
    assert _read("docs/cli.md") == commands.markdown(), "run `make docs`"


def test_every_error_is_documented() -> None:
    page = _read("docs/errors.md")
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.MemsvcError):
            row = f"| `{kind.code}` | {kind.status} | {'yes' if kind.retryable else 'no'} |"
            assert row in page, f"docs/errors.md lacks a row that begins: {row}"
    codes: set[str] = set()
    for path in modules():
        codes |= set(re.findall(r'\bcode="([a-z_]+)"', (PACKAGE / path).read_text(encoding="utf-8")))
    missing = {code for code in codes if f"| `{code}` |" not in page}
    assert not missing, f"docs/errors.md does not explain {sorted(missing)}"


def test_every_endpoint_is_documented() -> None:
    page = _read("docs/api.md")
    missing = [f"{c.method} {c.path}" for c in CALLS if f"{c.method} {c.path}" not in page]
    assert not missing, f"docs/api.md lacks {missing}"
    for call in (c for c in CALLS if c.scope != "public"):
        row = next(line for line in page.splitlines() if f"`{call.method} {call.path}`" in line)
        assert row.split(" | ")[1].startswith(f"`{call.needs}`"), row


def test_every_law_names_a_test_that_exists() -> None:
    page = _read("ARCHITECTURE.md")
    for number in range(1, 12):
        assert re.search(rf"^\| {number} \|", page, re.M), f"law {number} is missing"
    named = set(re.findall(r"`(tests/[\w/.]+\.py)`", page))
    assert named
    missing = sorted(name for name in named if not (ROOT / name).is_file())
    assert not missing, f"ARCHITECTURE.md names tests that do not exist: {missing}"


def test_links_between_documents_hold() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_public_names() -> None:
    public = {n for n in dir(memsvc) if not n.startswith("_")}
    assert all(getattr(memsvc, name) for name in memsvc.__all__)
    submodules = {p.stem for p in PACKAGE.iterdir()}
    assert public - submodules == {n for n in memsvc.__all__ if not n.startswith("_")}
