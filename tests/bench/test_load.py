"""Load: the generators, the small HTTP client, the comparison servers, figures on paper."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

import apsw
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from benchmarks import load, loadgen, rawhttp, report, serving
from benchmarks.speed import bare_sqlite, talk

WRK = """Running 1s test @ http://127.0.0.1:1/
  Latency Distribution
     50%    1.50ms
     99%  900.00us
  100 requests in 1.00s, 1.00MB read
  Socket errors: connect 0, read 2, write 0, timeout 1
  Non-2xx or 3xx responses: 4
Requests/sec:    123.45
"""


def test_figures_of_wrk() -> None:
    found = load.parse_wrk(WRK)
    assert (found["rps"], found["errors"], found["p50_ms"], found["p99_ms"]) == (
        123.45,
        7,
        1.5,
        pytest.approx(0.9),
    )


def test_a_reply_is_measured_when_its_head_is_whole() -> None:
    assert rawhttp.measure_reply(b"HTTP/1.1 200 OK\r\nContent-Le") is None
    head = b"HTTP/1.1 200 OK\r\nA: b\r\ncontent-length: 5\r\n\r\n"
    assert rawhttp.measure_reply(head + b"he") == (200, len(head), 5)
    assert rawhttp.measure_reply(b"HTTP/1.1 204 No Content\r\n\r\n") == (204, 27, 0)
    with pytest.raises(ValueError, match="Content-Length"):
        rawhttp.measure_reply(b"HTTP/1.1 200 OK\r\n\r\n")


def test_messages_have_the_size_asked_for_and_are_the_same_each_time() -> None:
    first, again = talk.messages(range(4), 1000), talk.messages(range(4), 1000)
    assert first == again
    made = json.loads(first)["messages"]
    assert [len(m["content"]) for m in made] == [1000] * 4
    assert [m["role"] for m in made] == ["user", "assistant"] * 2


async def test_the_generator_counts_answers_and_errors() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 100, status=200 if request.match_info["i"] != "1" else 500)

    app = web.Application()
    app.router.add_get("/{i}", handler)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    args = argparse.Namespace(
        port=server.port, path="/{i}", connections=2, seconds=0.2, warmup=0.0, body_file=None, header=[]
    )
    found = await loadgen.run(args)
    await server.close()
    assert int(found["requests"]) > 0
    assert int(found["errors"]) > 0
    assert int(found["bytes_a_reply"]) > 100


def test_the_generator_as_a_process_on_its_own_loop() -> None:
    with serving.bare_server(b"x" * 50) as server:
        found = load.load(server, "/", 2, 0.2, [], generator="asyncio")
    assert found["generator"] == "asyncio"
    assert found["requests"] > 0
    assert found["errors"] == 0


async def test_inserts_that_are_compared_with_are_durable_and_share_commits(tmp_path: Path) -> None:
    assert await bare_sqlite.raw(tmp_path / "raw.db", b"body", writers=4, seconds=0.05) > 0
    async with TestClient(TestServer(bare_sqlite.application(tmp_path / "bare.db"))) as client:
        answers = await asyncio.gather(*(client.post(f"/v1/sessions/w{n}/messages", data=b"body") for n in range(3)))
        assert sorted([(await a.json())["seq"] for a in answers]) == [1, 2, 3]
        with apsw.Connection(str(tmp_path / "bare.db")) as db:
            rows = list(db.execute("SELECT session, body FROM log ORDER BY session"))
    assert rows == [("w0", b"body"), ("w1", b"body"), ("w2", b"body")]


def test_posts_of_wrk_take_the_paths_in_turn(tmp_path: Path) -> None:
    body = tmp_path / "body"
    text = Path(load._script(tmp_path, "/s/w{i}", body, 64)).read_text()
    assert "for i = 0, 63 do" in text
    assert json.dumps(str(body)) in text
    assert "for i = 0, 0 do" in Path(load._script(tmp_path, "/one", body, 64)).read_text()


def test_waiting_ends_when_the_process_has_ended() -> None:
    assert not serving.wait_ready(serving.free_port(), "/", lambda: 1)


def test_percentiles_and_ratios() -> None:
    values = [float(i) for i in range(1, 101)]
    assert (report.percentile(values, 0.5), report.percentile(values, 0.99)) == (51.0, 100.0)
    assert report.percentile([], 0.5) is None
    assert (report.ratio(1, 3), report.ratio(1, 0)) == (0.333, None)


def test_a_table_and_its_stamp_name_no_folder(tmp_path: Path) -> None:
    made = report.stamp()
    text = report.table(["set", "ratio"], [["a", 0.5], ["b", None]])
    assert text.splitlines()[1] == "| --- | ---: |"
    files = report.write("x", {"stamp": made}, text, tmp_path)
    for file in files:
        assert str(tmp_path) not in file.read_text()
        assert str(Path.home()) + "/" not in file.read_text()
    assert made["python"] in files[1].read_text()
