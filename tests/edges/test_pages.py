"""The dashboard's files: what is sent, under which policy, and that nothing of a conversation is in them."""

from __future__ import annotations

import gzip
import re
from importlib.resources import files

import pytest

from memsvc.service import Memory
from tests.edges.api import Api, serving

FILES = {f.name: f.read_bytes() for f in (files("memsvc") / "dashboard").iterdir()}
WHOLE = {"Accept-Encoding": "identity"}
KEYS = {"a-key-of-the-first-tenant": "acme"}


def path_of(name: str) -> str:
    """Where a file is served."""
    return "/" if name == "index.html" else f"/ui/{name}"


@pytest.mark.parametrize("name", FILES)
async def test_each_file_as_it_ships_under_a_strict_policy(api: Api, name: str) -> None:
    answer = await api.call("GET", path_of(name), headers=WHOLE)

    assert (answer.status, answer.body) == (200, FILES[name])
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "trusted-types 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert (await api.call("HEAD", path_of(name), headers=WHOLE)).headers["Content-Length"] == str(len(FILES[name]))


async def test_kept_files_are_asked_for_again_and_not_sent_again(api: Api) -> None:
    etag = (await api.call("GET", "/")).headers["ETag"]

    again = await api.call("GET", "/", headers={"If-None-Match": etag})
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", etag)
    assert (await api.call("GET", "/", headers={"If-None-Match": '"another"'})).status == 200


async def test_squeezed_for_whoever_takes_that(api: Api) -> None:
    answer = await api.call("GET", "/ui/uplot.js", headers={"Accept-Encoding": "gzip, br"})

    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(answer.body) == FILES["uplot.js"]
    assert len(answer.body) < len(FILES["uplot.js"]) / 2


async def test_the_page_needs_no_key_and_what_it_shows_does(memory: Memory) -> None:
    async with serving(memory, keys=KEYS) as api:
        assert (await api.call("GET", "/")).status == 200
        (await api.call("GET", "/v1/sessions")).problem(401)


@pytest.mark.parametrize(
    "path", ["/ui/", "/ui/nothing.js", "/ui/../server/gate.py", "/ui/%2e%2e/app.py", "/index.html"]
)
async def test_nothing_else_is_a_file(api: Api, path: str) -> None:
    (await api.call("GET", path)).problem(404, code="no_such_path")


@pytest.mark.parametrize(
    "name", [n for n in FILES if n.endswith((".js", ".html", ".css")) and not n.startswith("uplot")]
)
def test_no_file_has_a_way_for_text_to_become_markup_or_to_load_from_elsewhere(name: str) -> None:
    text = FILES[name].decode()

    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc", text)
    assert not re.search(r"https?://(?!www\.w3\.org)|//cdn|@import|url\(", text)
