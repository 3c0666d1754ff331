"""The growth benchmark's filling and arithmetic, and the capacity page: what it shows is what was measured."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
from dataclasses import replace
from pathlib import Path

import apsw
import pytest
from redis.crc import key_slot

from benchmarks import capacity, growth
from benchmarks.growing import filling, page, probing
from benchmarks.growing.constants import Constants, Cost, Room, constants, room
from benchmarks.growing.curves import Plan
from benchmarks.growing.engines import Sqlite
from benchmarks.growing.planning import TAGS, Load, Rules, compactions_s, need, sharded, worst_share
from memsvc.core.model import DEFAULT_TENANT, Key
from memsvc.stores import open_store

FIGURES = json.loads(capacity.RESULTS.read_text(encoding="utf-8"))
PAGE = capacity.PAGE.read_text(encoding="utf-8")
ROOT = Path(__file__).parents[2]


def test_the_pages_tables_are_those_of_the_results() -> None:
    assert capacity.written(PAGE, FIGURES) == PAGE, "run `python -m benchmarks.capacity --write`"
    assert page.table(FIGURES) in (capacity.RESULTS.with_suffix(".md")).read_text(encoding="utf-8")


def test_the_pages_command(capsys: pytest.CaptureFixture[str]) -> None:
    """That of docs/capacity.md, and what it prints."""
    (command,) = re.findall(r"^python -m benchmarks\.capacity (.*)$", PAGE, re.M)
    assert capacity.main(shlex.split(command)) == 0
    assert "| sessions | 2,000,000 |" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["docs/sizing.md", "docs/stores.md"])
def test_sentences_about_room_agree_with_the_results(name: str) -> None:
    text = " ".join((ROOT / name).read_text(encoding="utf-8").split())
    memory = constants(FIGURES, "valkey").memory
    assert memory is not None
    for pattern, value in (
        (r"a message takes its JSON and about (\d+) bytes", memory.message),
        (r"a session about ([\d.]+) KB", memory.session / 1000),
        (r"(?:idempotency record|Python client sends one\)) about (\d+) bytes", memory.keyed),
    ):
        (told,) = re.findall(pattern, text)
        assert float(told) == pytest.approx(value, rel=0.15), pattern
    disk = constants(FIGURES, "sqlite").disk
    for told, keyed in re.findall(r"on disk: about (\d+) bytes beside the JSON, (\d+) for a key", text):
        assert float(told) == pytest.approx(disk.message, rel=0.25)
        assert float(keyed) == pytest.approx(disk.keyed, rel=0.25)


def test_what_an_append_adds_to_the_log_file() -> None:
    (told,) = re.findall(r"Each append of 1 KB adds about ([\d.]+) KB", " ".join(PAGE.split()))
    measured = [point["log_bytes_an_append"] for point in FIGURES["sessions"]["valkey"]]
    assert float(told) * 1000 == pytest.approx(sorted(measured)[len(measured) // 2], rel=0.15)


async def test_what_is_filled_is_what_a_service_serves(tmp_path: Path) -> None:
    engine = Sqlite(tmp_path)
    await asyncio.to_thread(filling.sessions, engine.url, range(3), Plan(full_sessions=2).messages)
    await asyncio.to_thread(filling.long, engine.url, filling.PAGE + 20)
    store = open_store(engine.url)
    await store.open()
    sizes = [await store.head(Key(DEFAULT_TENANT, filling.name(n))) for n in range(3)]
    window = await store.load(Key(DEFAULT_TENANT, filling.long_name(filling.PAGE + 20)))
    await store.close()
    assert [head.messages for head in sizes if head] == [20, 20, 2]
    assert [e.seq for e in window.entries] == list(range(filling.PAGE + 13, filling.PAGE + 21))
    assert window.summary is not None
    assert (window.session.epoch, window.summary.to_seq) == (2, filling.PAGE + 12)
    assert json.loads(window.entries[0].raw)["role"] in ("user", "assistant")
    assert engine.disk() > 300 * filling.PAGE


@pytest.mark.parametrize(
    ("way", "batches", "keys", "ids"),
    [
        (filling.Habit(), 1, 0, 0),
        (filling.Habit(by_turns=True), 5, 0, 0),
        (filling.Habit(by_turns=True, keyed=True), 5, 15, 0),
        (filling.Habit(named=True), 1, 0, 15),
    ],
)
def test_every_habit_writes_what_it_says(tmp_path: Path, way: filling.Habit, batches: int, keys: int, ids: int) -> None:
    """Three sessions of five messages."""
    filled = filling.habit(Sqlite(tmp_path).url, "h", 3, 5, way)
    assert (filled.sessions, filled.messages) == (3, 15)
    db = apsw.Connection(str(tmp_path / "growth.db"))
    found = "SELECT count(*), count(id), (SELECT count(*) FROM replays), (SELECT max(log_revision) FROM sessions)"
    assert db.execute(f"{found} FROM messages").fetchone() == (15, ids, keys, batches)
    db.close()


def test_processes_are_measured_with_their_children() -> None:
    assert probing.family([os.getpid()])[0] == os.getpid()
    before = probing.cpu([os.getpid()])
    sum(range(300_000))
    assert probing.cpu([os.getpid()]) > before
    assert probing.resident([os.getpid()]) > 10_000_000
    spent = probing.Spent([3.0, 1.0, 2.0], 0.003, 0.0)
    assert spent.figures() == {"requests": 3, "p50_ms": 2.0, "p99_ms": 3.0, "cpu_us": 1000.0, "engine_us": None}


def test_messages_are_english_of_the_size_asked_for() -> None:
    texts = [filling.text(n) for n in range(5)]
    assert {len(t) for t in texts} == {filling.TEXT_BYTES}
    assert len(set(texts)) == 5
    assert filling.drafts(2)[1].raw.startswith(b'{"role": "assistant"')


def test_room_is_told_apart_by_message_and_session() -> None:
    """1,000 sessions of 10 messages: 50 bytes a session, 100 + 30 a message; side by side a tenth more."""
    points = {"memory": 1_000 * 50 + 10_000 * 130, "messages": 10_000, "sessions": 1_000}
    ways = {"at_once": 10_000, "by_turns": 11_000, "keyed": 13_000, "named": 11_500}
    figures = {
        "plan": {"summary_bytes": 2_000, "messages_a_summary": 1_000, "message_bytes": 100},
        "messages": {"valkey": [{"memory": 1_000 * 132, "messages": 1_000}]},
        "sessions": {"valkey": [points]},
        "habits": {"valkey": {way: {"memory": size, "filled": {"messages": 100}} for way, size in ways.items()}},
    }
    found = room(figures, "valkey", "memory")
    assert (found.session, found.keyed, found.named) == pytest.approx((50, 20, 5))
    assert found.message == pytest.approx(130 * 1.1 - 100)
    assert found.bytes(2, 3, 100, keyed=True) == pytest.approx(2 * (50 + 3 * (143 + 20)))


NOTHING = Room(0, 0, 0, 0)
ONE = Constants(NOTHING, NOTHING, Cost(100, 10), Cost(50, 5), Cost(1000, 100), Cost(200, 20), 1_000, 2.0)


def test_a_turn_is_two_appends_and_a_fetch() -> None:
    load = Load(sessions=86_400, active=1, turns=10, peak=1)  # 10 turns a second
    found = need(load, ONE, Rules())
    assert found.turns_s == pytest.approx(10)
    assert found.service_cores == pytest.approx(10 * (200 + (1000 + 9 * 200) / 10) / 1e6)
    assert found.engine_cores == pytest.approx(10 * (20 + (100 + 9 * 20) / 10) / 1e6)
    assert (found.processes, found.primaries, found.stores) == (2, 1, 1)


def test_short_sessions_are_never_compacted() -> None:
    load = Load(sessions=86_400, messages=40, size=400, active=1, turns=10, peak=1)
    assert compactions_s(load, Rules()) == 0
    longer = replace(load, messages=400)
    assert compactions_s(longer, Rules()) == pytest.approx(10 * 200 / 22_000)
    assert need(longer, ONE, Rules()).service_cores > need(load, ONE, Rules()).service_cores


@pytest.mark.parametrize(
    ("memory", "cores", "wanted"),
    [
        (38e9, 0.1, (1, 1)),
        (39e9, 0.1, (3, 1)),
        (400e9, 0.1, (11, 1)),  # six tags of 6.25 GB on each
        (38e9, 2.0, (4, 1)),
        (64 * 38e9, 0.1, (64, 1)),
        (3.9e12, 0.1, (64, 2)),
    ],
)
def test_primaries_hold_whole_tags(memory: float, cores: float, wanted: tuple[int, int]) -> None:
    assert sharded(memory, cores, Rules()) == wanted


def test_one_file_fits_as_long_as_its_disk_and_its_writer() -> None:
    file = replace(ONE, memory=None, disk=Room(0, 1_000, 0, 0))
    load = Load(sessions=1e6, messages=0, active=0)
    assert need(load, file, Rules()).fits
    assert not need(replace(load, sessions=1e9), file, Rules()).fits
    assert not need(replace(load, active=1, turns=10, peak=3), file, Rules()).fits


def test_tags_fall_on_slots_as_the_servers_say() -> None:
    for primaries in (3, 16):
        counts = [0] * primaries
        for tag in range(TAGS):
            counts[key_slot(b"memsvc:{m%d}:x" % tag) * primaries // 16_384] += 1
        assert worst_share(primaries) == max(counts) / TAGS


def test_quick_writes_nothing_by_default() -> None:
    args = growth.arguments(["--quick", "--only", "habits", "--engines", "sqlite"])
    assert (args.quick, args.out, args.only, args.engines) == (True, None, ["habits"], ["sqlite"])
