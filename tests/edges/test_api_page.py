"""`GET /docs`: an API page that asks for nothing from anywhere, and has all that the document has."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from memsvc.wire import CALLS
from memsvc.wire.openapi import openapi_document
from memsvc.wire.outline import kind_of
from tests.edges.api import Api

WHOLE = {"Accept-Encoding": "identity"}

VOID = {"meta", "th", "tr", "td"}
"""Tags that the page leaves open, as HTML allows."""


class Page(HTMLParser):
    """What a page holds. Fails where a tag is closed that was not open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.sources: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        given = {name: value or "" for name, value in attrs}
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if "href" in given else []
        self.sources += [name for name in given if name in ("src", "srcset", "style") or name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.getpos()


async def test_the_page_is_served_without_a_key(api: Api) -> None:
    answer = await api.call("GET", "/docs", headers=WHOLE)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    head = await api.call("HEAD", "/docs", headers=WHOLE)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(answer.body)) < "9" * 6
    assert (await api.call("POST", "/docs")).problem(405)


async def test_it_fetches_nothing_and_runs_nothing(api: Api) -> None:
    answer = await api.call("GET", "/docs", headers=WHOLE)
    text = answer.body.decode()
    page = Page(text)
    assert page.open == []
    assert not page.tags & {"script", "link", "img", "iframe", "form", "object", "base"}
    assert page.sources == []
    assert "url(" not in text
    assert "@import" not in text
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.S)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy["style-src"] == f"'sha256-{digest}'", "a browser would ignore the style"


async def test_it_has_every_call_member_and_schema(api: Api) -> None:
    text = (await api.call("GET", "/docs", headers=WHOLE)).body.decode()
    page = Page(text)
    assert len(page.ids) == len(set(page.ids))
    assert {call.name for call in CALLS} <= set(page.ids)
    for call in CALLS:
        assert f"{call.method}</span> <code>{call.path}</code>" in text
    schemas = openapi_document()["components"]["schemas"]
    assert {f"schema-{name}" for name in schemas} <= set(page.ids)
    for schema in schemas.values():
        for name in schema.get("properties", {}):
            assert f"<td><code>{name}</code><td>" in text
    assert {link for link in page.links if link.startswith("#")} <= {f"#{name}" for name in page.ids}
    assert [link for link in page.links if not link.startswith("#")] == ["/openapi.json"]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"$ref": "#/components/schemas/Covers"}, "Covers"),
        ({"anyOf": [{"type": "string", "maxLength": 9}, {"type": "null"}]}, "string, at most 9 characters or null"),
        ({"type": "array", "items": {"type": "integer", "minimum": 1}}, "list of integer, at least 1"),
        ({"type": "integer", "minimum": 0, "maximum": 2**53 - 1}, "integer, at least 0"),
        ({"enum": ["5m", "1h"]}, '"5m" or "1h"'),
        ({"const": True}, "true"),
        ({}, "anything"),
    ],
)
def test_kinds_are_words(schema: dict[str, object], words: str) -> None:
    assert kind_of(schema) == words
