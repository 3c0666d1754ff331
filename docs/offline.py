"""`python docs/offline.py FOLDER`: fails if a page, style or script of a built site fetches anything from elsewhere.

Links that a reader may follow are no matter: what counts is what a browser loads by itself.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

LOADED = {"src", "srcset", "poster", "data", "background"}
"""Attributes that a browser follows by itself; of `link` also `href`."""
_AWAY = r"(?:https?:)?//"
_STYLE = re.compile(rf"(?:url\(\s*[\"']?|@import\s+[\"'])({_AWAY}[^\"')\s]+)", re.I)
_SCRIPT = re.compile(
    rf"(?:fetch\(|import\(|from\s*|importScripts\(|\.src\s*=|\.href\s*=|\.open\([\"']GET[\"'],)\s*[\"'`]({_AWAY}[^\"'`]+)"
)


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        for name, value in attrs:
            follows = name in LOADED or (tag == "link" and name == "href")
            if follows and re.match(_AWAY, (value or "").strip(), re.I):
                self.found.append(value or "")
            elif name == "style":
                self.found += _STYLE.findall(value or "")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "style":
            self.found += _STYLE.findall(data)
        elif self._inside == "script":
            self.found += _SCRIPT.findall(data)


def fetched(text: str, suffix: str) -> list[str]:
    """Addresses elsewhere that a file with this content (`.html`, `.css` or `.js`) makes a browser load."""
    if suffix == ".html":
        return _Page(text).found
    return (_STYLE if suffix == ".css" else _SCRIPT).findall(text)


def site(folder: Path) -> Iterator[str]:
    """One line for each such address of a site."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".html", ".css", ".js"):
            for address in fetched(path.read_text(encoding="utf-8"), path.suffix):
                yield f"{path.relative_to(folder)} loads {address}"


if __name__ == "__main__":
    built = Path(sys.argv[1])
    if not (built / "docs" / "index.html").is_file():
        sys.exit(f"{built} holds no site")
    wrong = list(site(built))
    sys.exit("\n".join(wrong) if wrong else 0)
