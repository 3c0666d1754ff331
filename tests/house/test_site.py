"""What `make site` looks for in a built page is found there."""

from __future__ import annotations

import runpy

import pytest
from source import ROOT

fetched = runpy.run_path(str(ROOT / "docs" / "offline.py"))["fetched"]
FETCHING = [
    ('<script src="https://cdn.example/x.js"></script>', ".html"),
    ('<link rel="stylesheet" href="//fonts.example/css">', ".html"),
    ('<img srcset="https://img.example/x.png 2x">', ".html"),
    ("<style>@font-face{src:url(https://fonts.example/a.woff2)}</style>", ".html"),
    ("<p style=\"background:url('//img.example/a')\">", ".html"),
    ('<script>fetch("https://api.example/x")</script>', ".html"),
    ("@import 'https://fonts.example/css';", ".css"),
    ("a{background:URL( 'https://img.example/a' )}", ".css"),
    ('import x from "https://cdn.example/x.js"', ".js"),
]
QUIET = [
    ('<a href="https://example.org">elsewhere</a> <code>https://example.org</code>', ".html"),
    ('<link rel="stylesheet" href="../_static/site.css"><img src="a.svg">', ".html"),
    ("a{background:url(data:image/svg+xml;x)} /* https://example.org */", ".css"),
    ('// see https://example.org\nfetch("searchindex.js")', ".js"),
]


@pytest.mark.parametrize(("text", "suffix"), FETCHING)
def test_what_a_browser_would_fetch_is_found(text: str, suffix: str) -> None:
    assert len(fetched(text, suffix)) == 1


@pytest.mark.parametrize(("text", "suffix"), QUIET)
def test_what_it_would_not_is_left_alone(text: str, suffix: str) -> None:
    assert fetched(text, suffix) == []
