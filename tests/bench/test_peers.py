"""The benchmark beside peers: its arithmetic, what it says of peers that are not there, and the service's own row."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers import __main__ as program
from benchmarks.peers import frameworks, homes, measures, plays, subject, table, talk
from benchmarks.peers.ours import Ours
from benchmarks.peers.subject import NO_LIMIT, Block, Limit, Refused, Talk, TooSlow

Json = dict[str, Any]
PLAN = measures.Plan(sizes=(4,), rounds=1, turns=2, block_s=1.0, delay_s=0.0, writers=4)
WORKER = """
import sys, threading
sys.path.insert(0, sys.argv.pop(1))
from loop import serve

class Held:
    def __init__(self, name, limit, place):
        self.held = []
    def load(self, messages):
        self.held += messages
    def send(self, message):
        if message["content"] == "refuse":
            raise ValueError("not this one")
        if message["content"] == "hang":
            threading.Event().wait()
        print("noise on the standard output")
        self.held.append(message)
        return self.held if message["role"] == "user" else None
    def shown(self):
        return self.held

serve({"held": Held})
"""


class Provider:
    """As much of the stand-in provider as the measures ask of it."""

    url = "http://127.0.0.1:1"

    def __init__(self, shown: Sequence[str] = ()) -> None:
        self._shown = set(shown)

    def be(self, **how: Any) -> None:
        """Nothing is sent to it."""

    def shown(self) -> set[str]:
        """What a summary was written from."""
        return self._shown


class Lossy(subject.Subject):
    """Keeps the newest three messages of each conversation."""

    def __init__(self) -> None:
        super().__init__("lossy", "a lossy thing")
        self.talks: dict[str, Lossy.Held] = {}

    class Held(Talk):
        """The three."""

        def __init__(self) -> None:
            super().__init__(lambda: 0.0)
            self.held: list[Json] = []

        def load(self, messages: Sequence[Json]) -> None:
            self.held = list(messages)[-3:]

        def send(self, message: Json) -> list[Json]:
            if "600006" in message["content"]:
                raise Refused("none of these")
            self.held = [*self.held, message][-3:]
            return self.held

        def shown(self) -> list[Json]:
            return self.held

    def talk(self, name: str, limit: Limit, *, model: bool) -> Talk:
        """A new one, or the one of that name."""
        return self.talks.setdefault(name, Lossy.Held())


class Worker(frameworks.Framework):
    """A worker of this interpreter."""

    script: Path

    def program(self) -> list[str]:
        """It finds the loop where its first argument says."""
        return [sys.executable, str(self.script), str(frameworks.WORKERS)]


@pytest.fixture
def worker(tmp_path: Path) -> Any:
    """A worker that runs."""
    made = Worker("held", "held", kind="held", stub=Provider(), patience_s=20.0)  # type: ignore[arg-type]
    made.script = tmp_path / "worker.py"
    made.script.write_text(WORKER)
    made.start()
    yield made
    made.stop()


def test_the_made_up_conversation_is_the_same_each_time_and_each_message_is_known_by_its_mark() -> None:
    said = talk.messages(range(20))
    assert said == talk.messages(range(20))
    assert [talk.marks(m["content"]) for m in said] == [{talk.mark(n)} for n in range(20)]
    stated = [n for n in range(20) if (f := talk.fact(n)) is not None and f.value in said[n]["content"]]
    assert stated == [2, 7, 12, 17]
    values = {f.value for n in range(5_000) if (f := talk.fact(n)) is not None}
    assert len(values) > 990


def test_the_share_of_a_prompt_that_begins_the_next() -> None:
    one, two = {"role": "user", "content": "abc"}, {"role": "assistant", "content": "defg"}
    assert plays.same([one], [one, two]) == 1.0
    assert plays.same([one, two], [two, one]) < 0.2
    assert plays.same([one, two], []) == 0.0
    half = plays.same([one, two], [one, {"role": "assistant", "content": "XX"}])
    assert half == pytest.approx((len("\nuser: abc") + len("\nassistant: ")) / len("\nuser: abc\nassistant: defg"))


def test_a_play_that_rewrites_its_prompt_is_dearer_than_one_that_grows() -> None:
    said = talk.messages(range(60), 200)
    grows, slides = plays.Register(), plays.Register()
    for n in range(20, 60, 2):
        grows.call(said[: n + 1])
        slides.call(said[n - 20 : n + 1])
    assert grows.figures([])["prefix_kept"] == 1.0
    assert slides.figures([])["prefix_kept"] < 0.1
    assert slides.figures([])["usd"] > grows.figures([])["usd"]
    assert grows.figures([{"input": 5_000, "output": 500}])["summary_usd"] > 0


def test_what_is_lost_is_counted_and_what_a_summary_was_written_from_is_not() -> None:
    found = measures.imported(Lossy(), Provider(), measures.Plan(imported=10))  # type: ignore[arg-type]
    assert (found["lost"], found["acknowledged"]) == (8, 10)
    kept = [talk.mark(n) for n in range(6)]
    found = measures.imported(Lossy(), Provider(kept), measures.Plan(imported=10))  # type: ignore[arg-type]
    assert found["lost"] == 2


def test_only_what_was_taken_can_be_lost() -> None:
    thing, written = Lossy.Held(), talk.messages(range(4))
    lost = measures._lost(thing, Provider(), written, [True, False, False, True])  # type: ignore[arg-type]
    assert lost == {"acknowledged": 2, "refused": 2, "lost": 2}


def test_the_service_itself(capsys: pytest.CaptureFixture[str]) -> None:
    ours = Ours("memsvc", "memsvc, SQLite")
    ours.start()
    try:
        speed = measures.speed([ours], PLAN, lambda _: None)["memsvc"]["4"]
        race = measures.race(ours, Provider(), PLAN)  # type: ignore[arg-type]
    finally:
        ours.stop()
    assert (speed["turns"], speed["p50_ms"] > 0, speed["cpu_ms"] >= 0) == (2, True, True)
    assert race == {"acknowledged": 4, "refused": 0, "lost": 0}
    assert "ended by itself" not in capsys.readouterr().err


def test_a_worker_counts_the_turns_that_are_turns_and_says_what_it_refuses(worker: Worker) -> None:
    held = worker.talk("one", NO_LIMIT, model=True)
    held.load([{"role": "user", "content": "a"}])
    block = held.turns([{"role": r, "content": c} for r, c in (("assistant", "b"), ("user", "c"))], 5.0)
    assert isinstance(block, Block)
    assert (len(block.ms), [m["content"] for m in block.prompt]) == (1, ["a", "b", "c"])
    with pytest.raises(Refused, match="not this one"):
        held.send({"role": "user", "content": "refuse"})
    assert held.together([{"role": "user", "content": c} for c in ("d", "refuse", "e")]) == [True, False, True]
    assert len(held.shown()) == 5


def test_a_worker_that_takes_too_long_is_ended_and_can_be_started_again(worker: Worker) -> None:
    held = worker.talk("one", NO_LIMIT, model=True)
    worker.patience_s = 0.1
    with pytest.raises(TooSlow):
        held.send({"role": "user", "content": "hang"})
    worker.patience_s = 20.0
    with pytest.raises(Refused, match="ended"):
        held.shown()
    worker.restart()
    assert worker.talk("two", NO_LIMIT, model=True).shown() == []


def test_a_peer_that_cannot_be_installed_is_a_row_that_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MEMSVC_PEERS_HOME", str(tmp_path))
    monkeypatch.setenv("MEMSVC_PEERS_PYTHON", str(tmp_path / "no-python"))
    peers = frameworks.rows(Provider(), 1.0)[:1]  # type: ignore[arg-type]
    rows: dict[str, Json] = {s.name: {"title": s.title} for s in peers}
    assert program.started(peers, rows) == []
    reason = rows["langchain-middleware"]["skipped"]
    assert reason.startswith("cannot be installed")
    assert str(tmp_path) not in reason
    assert reason in capsys.readouterr().err
    assert f"| skipped: {reason} |" in _table([*rows.values()]).splitlines()[2]


def test_no_row_hides_a_loss_or_a_time_that_was_not_awaited() -> None:
    row = {
        "title": "it",
        "speed": {"100": {"p50_ms": 1.234, "cpu_ms": None}, "1000": {"failed": "slow", "seconds": 20.0}},
        "race": {"lost": 13, "acknowledged": 20, "refused": 1},
        "imported": {"lost": 0, "acknowledged": 800, "seconds": 1.25},
        "outage": {"failed": "500 Internal Server Error"},
        "play": {"prefix_kept": 0.9, "kept": 0.5, "tokens_at_end": 1234, "usd": 1.0, "summary_usd": 1.0},
    }
    cells = [c.strip() for c in _table([row]).splitlines()[2].split("|")[1:-1]]
    assert cells[:4] == ["it", "1.2", "> 20 s", "-"]
    assert cells[4:8] == ["-", "13 of 20; 1 refused", "-", "0 of 800; 1.2 s"]
    assert cells[8:] == ["fails: 500 Internal Server Error", "90.0%", "0.50", "50% in 1,234 tokens"]


def test_requirements_are_pinned_with_hashes_and_name_no_place() -> None:
    for file in homes.REQUIREMENTS.glob("*.txt"):
        text = file.read_text()
        assert "://" not in text, file.name
        lines = [x for x in text.splitlines() if x and not x.startswith((" ", "#"))]
        assert all(re.match(r"[a-z0-9._\[\],-]+==[^ ]+", x, re.IGNORECASE) for x in lines), file.name
        assert text.count("--hash=sha256:") >= len(lines)
    assert homes.versions("ams", ("agent-memory-server",)) == {"agent-memory-server": "0.15.2"}


def _table(rows: list[Json]) -> str:
    plan = {"sizes": (100, 1000, 10_000), "delay_s": 3.0}
    played = {"played": "x", "model": "m", "kept": "k", "threshold": 1, "keep": 1, "summary": 1}
    return table.table({"plan": plan, "rows": rows, "whole": {"usd": 4.0}, "played": played})
