"""What only whole processes can show: killed ones, and several on one file."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from memsvc.stores.sqlite import SQLiteStore
from tests.contract.child import TASKS
from tests.contract.making import KEY, batch, draft, log, say, sound

ROOT = Path(__file__).parents[2]
Child = subprocess.Popen[str]


@pytest.fixture
def path(tmp_path: Path) -> str:
    return f"{tmp_path}/memory.db"


@contextmanager
def child(path: str, name: str, number: int) -> Iterator[Child]:
    """A process that is ready to append to the file; ended with the block."""
    command = [sys.executable, "-m", "tests.contract.child", path, name, str(number)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert line(process) == "ready"
            yield process
        finally:
            process.kill()


def line(process: Child) -> str:
    """The next line a child prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go(*processes: Child) -> None:
    """Let children begin."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


async def test_law1_what_was_acknowledged_survives_a_kill(path: str) -> None:
    acknowledged: dict[int, str] = {}
    for life in ("first", "second", "third"):
        with child(path, life, 1_000_000) as process:
            go(process)
            lines = [line(process) for _ in range(100)]
            process.kill()
            assert process.stdout is not None
            lines += [rest for rest in process.stdout.read().split("\n") if rest.count("-") == 2]
        assert not {int(text.split()[0]) for text in lines[:-1]} & set(acknowledged)
        acknowledged |= {int(seq): text for seq, text in (one.split() for one in lines[:-1])}  # the last may be torn
    store = SQLiteStore(path)
    await store.open()
    stored = {e.seq: e for e in await log(store)}
    assert set(stored) == set(range(1, len(stored) + 1))
    assert all(stored[seq].raw == draft(text).raw for seq, text in acknowledged.items())
    await sound(store)
    await store.close()


async def test_law7_processes_on_one_file_share_one_order(path: str) -> None:
    with child(path, "a", 40) as first, child(path, "b", 40) as second:
        go(first, second)  # both create it
        told: dict[int, str] = {}
        for process in (first, second):
            assert process.stdout is not None
            for text in process.stdout:
                seq, name = text.split()
                assert int(seq) not in told
                told[int(seq)] = name
            assert process.wait() == 0
    store = SQLiteStore(path)
    await store.open()
    assert {e.seq: e.id for e in await log(store)} == told
    assert set(told) == set(range(1, 2 * TASKS * 40 + 1))
    await sound(store)
    await store.close()


async def test_a_reader_sees_what_another_process_has_acknowledged(path: str) -> None:
    store = SQLiteStore(path)
    await store.open()
    await say(store)
    with child(path, "a", 10) as process:
        go(process)
        for _ in range(10 * TASKS):
            seq, text = line(process).split()
            session = await store.head(KEY)
            assert session is not None
            assert session.last_seq >= int(seq)
            assert text in {e.id for e in (await store.load(KEY)).entries}
        assert process.wait() == 0
    await sound(store)
    await store.close()


async def test_law7_what_was_acknowledged_is_seen_in_every_turn_of_a_services_loop(path: str) -> None:
    """All reads of one turn of the loop share a snapshot. Writes come from another connection and another process, and
    their acknowledgements at any point of a turn in which others are reading."""
    store, other = SQLiteStore(path, own_loop=True), SQLiteStore(path)
    await store.open()
    await other.open()
    await say(store)
    ended = asyncio.Event()

    async def looks(turns: int) -> None:
        while not ended.is_set():
            await store.head(KEY)
            for _ in range(turns):
                await asyncio.sleep(0)

    async def sees(seq: int) -> None:
        session = await store.head(KEY)
        assert session is not None
        assert session.last_seq >= seq

    async def writes(name: str) -> None:
        for number in range(25):
            done = await other.append(KEY, batch(draft(f"{name} {number}")))
            await sees(done.session.last_seq)

    async def hears(process: Child, lines: int) -> None:
        for _ in range(lines):
            await sees(int((await asyncio.to_thread(line, process)).split()[0]))

    looking = [asyncio.create_task(looks(turns)) for turns in (1, 1, 2, 3)]
    with child(path, "a", 10) as process:
        go(process)
        await asyncio.gather(hears(process, 10 * TASKS), *(writes(name) for name in "bcde"))
        ended.set()
        await asyncio.gather(*looking)
        assert process.wait() == 0
    await store.close()
    await other.close()


HOLDS = """
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 128)
    except OSError:
        print("in use")
"""


async def test_an_open_store_keeps_the_lock_that_says_the_file_is_in_use(path: str) -> None:
    """Without it (byte 128 of the WAL index) the next process to open the file starts the index
    anew under the feet of this one."""
    store = SQLiteStore(path)
    await store.open()
    await say(store)
    await store.load(KEY)
    await store.ping()
    command = [sys.executable, "-c", HOLDS, f"{path}-shm"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: ASYNC221
    assert told == "in use\n"
    await store.close()


OPENS = """
import asyncio, sys
from memsvc.stores import open_store
store = open_store("sqlite:///" + sys.argv[1])
asyncio.run(store.open())
print(store.__module__, sys.modules[store.__module__].__file__)
"""


async def test_the_schema_is_found_inside_an_archive(path: str, tmp_path: Path) -> None:
    archive = shutil.make_archive(f"{tmp_path}/package", "zip", ROOT, "memsvc")
    command = [sys.executable, "-c", OPENS, path]
    done = subprocess.run(  # noqa: ASYNC221
        command, capture_output=True, text=True, check=True, cwd=tmp_path, env={"PYTHONPATH": archive}
    )
    assert archive in done.stdout
