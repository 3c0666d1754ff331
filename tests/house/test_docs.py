"""What the documents say is what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from source import PACKAGE, ROOT, modules

import memsvc
from memsvc import errors
from memsvc.cli import reference as commands
from memsvc.config import Config, markdown
from memsvc.doctor import findings
from memsvc.wire import CALLS
from memsvc.wire import reference as endpoints
from tests.docs.blocks import PAGES, REASONS, SHELL, SHOWN, Block, blocks

DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "benchmarks" / "README.md"]


def _read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_settings_page_is_current() -> None:
    assert _read("docs/settings.md") == markdown(), "run `make docs`"
    assert all(f"MEMSVC_{name.upper()}" in markdown() for name in Config.model_fields)


def test_every_finding_of_doctor_is_documented() -> None:
    assert _read("docs/doctor.md") == findings.markdown(), "run `make docs`"


def test_generated_pages_are_current() -> None:
    assert _read("docs/endpoints.md") == endpoints.markdown(), "run `make docs`"
    assert _read("docs/cli.md") == commands.markdown(), "run `make docs`"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_options_that_sentences_name_are_there(path: Path) -> None:
    """What stands in a block of its own is run elsewhere; this is for `memsvc … --option` in a sentence."""
    known = set(re.findall(r"--[a-z][a-z-]*", commands.markdown()))
    told = re.findall(r"`memsvc [^`\n]+`", path.read_text(encoding="utf-8"))
    named = {option for code in told for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", code)}
    assert named <= known


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
        law = re.search(rf"^\| {number} \|.*$", page, re.M)
        assert law, f"law {number} is missing"
        plain = re.search(rf"^\| {number} \|.*`(tests/[^`]+)` \|$", _read("docs/laws.md"), re.M)
        assert plain, f"docs/laws.md lacks law {number}"
        assert plain[1] in law[0], f"docs/laws.md names another test for law {number}"
    named = set(re.findall(r"`(tests/[\w/.]+\.py)`", page + _read("docs/laws.md")))
    assert named
    missing = sorted(name for name in named if not (ROOT / name).is_file())
    assert not missing, f"ARCHITECTURE.md names tests that do not exist: {missing}"


def _headings(text: str) -> set[str]:
    """The anchors of a page's headings, as they are made on GitHub and by MyST."""
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    titles = re.findall(r"^#{1,4} (.+)$", outside, re.M)
    return {re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", title)).strip().lower().replace(" ", "-") for title in titles}


def test_measured_numbers_are_those_of_the_results() -> None:
    """The table of docs/caching.md, against the one that the benchmark has written."""
    measured = [line.strip("| ").split(" | ") for line in _read("benchmarks/results/economics.md").splitlines()]
    rows = {row[0]: row for row in measured if row[1:3] == ["claude-sonnet-5-5", "2,000 / 1,500"]}
    shown = [line.strip("| ").split(" | ") for line in _read("docs/caching.md").splitlines() if line.startswith("| ")]
    shown = [cells for cells in shown if cells[0] in rows]
    assert len(shown) == 6
    for cells in shown:
        _, _, _, calls, _, window, buffer, _, economic, hits_full, hits, _ = rows[cells[0]]
        assert cells[1:] == [calls, window, buffer, economic, hits_full, hits], cells[0]


def test_links_between_documents_hold() -> None:
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", text):
            to = document.parent / target if target else document
            assert to.exists(), f"{document.name} links to {target}"
            if anchor:
                found = _headings(to.read_text(encoding="utf-8"))
                assert anchor in found, f"{document.name} links to {target}#{anchor}; there is {sorted(found)}"


def test_every_page_is_in_the_index_once() -> None:
    listed = re.findall(r"^\* \[[^\]]+\]\(([^)]+)\): \S", _read("docs/index.md"), re.M)
    assert len(listed) == len(set(listed))
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"index.md"}
    missing = sorted(pages - set(listed))
    assert not missing, f"docs/index.md, which the site's navigation is made from, lacks {missing}"


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_run_or_says_why_not(page: str) -> None:
    """Languages that are run: tests/docs/test_snippets.py, or a test that `blocks.OWN` names."""
    assert (ROOT / page).read_text(encoding="utf-8").count("\n```") == 2 * len(blocks(page)), f"{page}: an odd fence"

    def settled(block: Block) -> bool:
        if block.excuse:
            return block.excuse in REASONS
        if block.test:
            test = ROOT / block.test
            return test.is_file() and Path(page).name in test.read_text(encoding="utf-8")
        return block.language in SHELL | SHOWN | {"python", "json", "toml"}

    wrong = [
        f"{page}:{block.line}: {block.language or 'no language'}, {block.excuse}"
        for block in blocks(page)
        if not settled(block)
    ]
    assert not wrong, "run these, or say why not in a way that tests/docs/blocks.py knows: " + "\n".join(wrong)


def test_public_names() -> None:
    public = {n for n in dir(memsvc) if not n.startswith("_")}
    assert all(getattr(memsvc, name) for name in memsvc.__all__)
    submodules = {p.stem for p in PACKAGE.iterdir()}
    assert public - submodules == {n for n in memsvc.__all__ if not n.startswith("_")}
