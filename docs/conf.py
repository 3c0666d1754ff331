"""How the site is built: `make site`. The pages are those that a reader of the repository sees, links and all.

Its source is the whole repository, so that a link between two documents is the same in both places. What stands where
in the navigation is said once, by the lists of links in docs/index.md.
"""

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]

project = "memsvc"
copyright = "the memsvc authors, Apache-2.0"
root_doc = "docs/index"
extensions = ["myst_parser"]
include_patterns = ["docs/*.md", "*.md", "benchmarks/README.md", "benchmarks/results/*.md"]
exclude_patterns = [".*", "site", "dist", "build", "memsvc", "tests", "examples"]
nitpicky = True
myst_heading_anchors = 4
smartquotes = False  # quotes in tables of the API are JSON
suppress_warnings = ["toc.not_included"]  # tables of measurements: reached from the pages that speak of them

html_theme = "pydata_sphinx_theme"
html_title = "memsvc"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/icon.svg"
html_context = {"default_mode": "auto"}
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {"**": ["whole-toc.html"]}
templates_path = ["_templates"]
html_theme_options = {
    "show_nav_level": 1,
    "navbar_start": ["navbar-logo"],
    "navbar_center": [],
    "navbar_persistent": ["search-button"],
    "navbar_end": ["theme-switcher"],
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "logo": {"text": "memsvc"},
}

_SECTION = re.compile(r"^## (.+)\n((?:(?!^## ).*\n?)*)", re.M)
_ENTRY = re.compile(r"^\* \[([^\]]+)\]\(([^)#]+)\.md\)", re.M)
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:)([^)#]+)\)")


def navigation(index: str) -> str:
    """The lists of docs/index.md once more, as Sphinx wants them."""
    blocks = []
    for title, body in _SECTION.findall(index):
        found = [
            (name, path.removeprefix("../") if "/" in path else f"docs/{path}") for name, path in _ENTRY.findall(body)
        ]
        entries = [f"{name} </{path}>" for name, path in found]
        blocks.append("\n".join(["```{toctree}", ":hidden:", f":caption: {title}", "", *entries, "```", ""]))
    return "\n".join(blocks)


def _read(app: Any, name: str, source: list[str]) -> None:
    folder = (ROOT / f"{name}.md").parent

    def shown(link: re.Match[str]) -> str:
        # A repository shows folders and programs; a site has no page of them.
        target = folder / link[2]
        return (
            link[0]
            if target.suffix == ".md" or not target.exists()
            else f"{link[1]} (`{target.resolve().relative_to(ROOT)}`)"
        )

    source[0] = _LINK.sub(shown, source[0])
    if not re.search("^# ", source[0], re.M):  # a table of measurements
        source[0] = f"# {Path(name).name}\n\n{source[0]}"
    if name == root_doc:
        source[0] += "\n" + navigation(source[0])


def _front_door(app: Any, wrong: Exception | None) -> None:
    """The site's own front page is that of docs/."""
    if wrong is None:
        at_once = '<meta http-equiv="refresh" content="0; url=docs/index.html">'
        page = f'<!doctype html><meta charset="utf-8"><title>memsvc</title>{at_once}'
        (Path(app.outdir) / "index.html").write_text(page + "\n", encoding="utf-8")


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _read)
    app.connect("build-finished", _front_door)
