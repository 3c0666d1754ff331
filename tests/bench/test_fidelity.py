"""The fidelity benchmark: measures with known answers, compactors within their budgets, the real service once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import fidelity
from benchmarks.retention import constraints, driving, references, table
from benchmarks.retention.baselines import BASELINES
from benchmarks.retention.cases import said_at
from benchmarks.retention.driving import Function, History, Server, Sessions, play
from benchmarks.retention.jobs import OURS, Record
from benchmarks.retention.messages import groups, parted, size
from benchmarks.serving import memsvc_server

Json = dict[str, Any]


def talk(turns: int) -> list[Json]:
    """A conversation with one thing worth remembering in each turn."""
    said: list[Json] = []
    for n in range(turns):
        filler = "It went on for quite a while and nothing much came of it in the end. " * 2
        said.append({"role": "user", "content": f"{filler}My parcel {4711 + n} waits in depot Nordhaven{n}."})
        said.append({"role": "assistant", "content": f"Thank you, noted. {filler}"})
    return said


def call(name: str, arguments: str, result: str) -> list[Json]:
    """A tool call and what came of it."""
    function = {"name": name, "arguments": arguments}
    calls = [{"id": f"call_{name}", "type": "function", "function": function}]
    return [
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": f"call_{name}", "content": result},
    ]


class TestQuestions:
    def conversation(self) -> Json:
        said = [
            {"role": "user", "content": "Ann: I adopted two kittens in Lisbon last spring."},
            *({"role": "assistant", "content": f"Bob: chatter number {word}"} for word in ("one", "two", "six")),
            {"role": "user", "content": "Ann: The kittens are called Pepper and Salt."},
        ]
        asked = [
            {"q": "What are the kittens called?", "a": "Pepper and Salt", "evidence": ["e"], "category": 4},
            {"q": "Where do the kittens come from?", "a": "Lisbon", "evidence": [], "category": 1},
            {"q": "Is it a trap?", "a": "yes", "evidence": [], "category": 5},
        ]
        return {"messages": said, "meta": [{}, {}, {}, {}, {"dia_id": "e"}], "qa": asked}

    def test_the_whole_history_satisfies_all(self) -> None:
        metrics = self.metrics()
        conversation = self.conversation()
        found = metrics.questions(conversation)
        assert len(found) == 2, "one has no answer"
        values = metrics.answered(found, conversation["messages"])
        assert {name: set(v) for name, v in values.items()} == {
            "ans_str": {1.0},
            "ans_win": {1.0},
            "bm25@5": {1.0},
            "ev_soft": {1.0},
            "ev_hit": {1.0},
        }

    def test_what_is_left_out_is_missed(self) -> None:
        metrics = self.metrics()
        conversation = self.conversation()
        values = metrics.answered(metrics.questions(conversation), conversation["messages"][:1])
        assert values["ans_win"] == values["bm25@5"] == values["ans_str"] == [0.0, 1.0]
        assert values["ev_soft"] == [pytest.approx(1 / 4)], "kittens, of kittens, called, Pepper, Salt"

    def test_words_are_compared_by_stem_and_chinese_by_character(self) -> None:
        metrics = self.metrics()
        assert metrics.stems("The kittens' toys") == metrics.stems("kitten toy")
        assert metrics.stems("餐馆 4.5分") == ["餐", "馆", "4.5", "分"]

    def test_a_rule_has_to_be_stated_in_one_line(self) -> None:
        metrics = self.metrics()
        rule = "Never mention competitor pricing in replies"
        assert metrics.stated(rule, [{"role": "user", "content": f"- [3 user] {rule}!"}])
        assert not metrics.stated(rule, [{"role": "user", "content": "never mention\ncompetitor pricing in replies"}])

    def metrics(self) -> Any:
        pytest.importorskip("snowballstemmer")
        from benchmarks.retention import metrics

        return metrics


def test_references_are_what_comes_back_and_is_not_said_again() -> None:
    history = [*call("read", '{"path": "src/app/main.py"}', "def old_name(): pass  # ticket 90210")]
    after = [
        {"role": "user", "content": "See docs/new.md."},
        *call("edit", '{"path": "src/app/main.py", "text": "old_name docs/new.md 555123"}', "done"),
    ]
    wanted = references.needed(history, after)
    assert wanted == ["src/app/main.py", "old_name"]
    short = [{"role": "user", "content": "main.py was read"}]
    assert references.held(wanted, short) == {"exact": [0.0], "by name": [0.5]}


def test_parts_keep_calls_and_results_together() -> None:
    said = [*talk(1), *call("a", "{}", "x"), *call("b", "{}", "y"), *talk(1)]
    assert [list(g) for g in groups(said)] == [[0], [1], [2, 3], [4, 5], [6], [7]]
    assert parted(said, 1) == [8]
    assert parted(said, 3) == [4, 6, 8]
    assert parted(said, 10)[-1] == 8
    assert not {3, 5} & set(parted(said, 10))


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("epochs", [1, 4])
def test_baselines_stay_in_their_budget(name: str, epochs: int) -> None:
    said = talk(30)
    budget = size(said) // 5
    made = play(Function(BASELINES[name]), History(said), budget, epochs)
    assert budget * 0.6 < made.tokens <= budget
    assert made.messages != said


def test_a_history_ends_with_what_may_stay_verbatim() -> None:
    said = talk(40)
    said[60]["content"] = "word " * 400
    length = size(said[:61])
    assert constraints.shortened(said, length, 0.5) == said[:60]
    assert constraints.shortened(said, 10 * length, 0.5) is None
    assert constraints.shortened(said[60:61], 500, 0.5) is None


def test_dates_of_the_data_become_times() -> None:
    told = said_at([{"date": "1:56 pm on 8 May, 2023"}, {"date": "12:05 am on 9 May, 2023"}])
    assert told == [1683554160.0, 1683590700.0]
    assert said_at([{"date": "1:56 pm on 8 May, 2023"}, {}]) is None


def test_the_running_service_keeps_to_the_budget() -> None:
    spoken = talk(30)
    said = [*spoken[:40], *call("look", '{"path": "a/b.py"}', "nothing " * 500), *spoken[40:]]
    times = [1_700_000_000.0 + 60 * n for n in range(len(said))]
    with memsvc_server() as running, Server(running.port) as server:
        for epochs in (1, 3):
            budget = size(said) // 5
            session = Sessions(server).open(History(said), budget)
            made = play(session, History(said, times), budget, epochs)
            assert made.refused == []
            assert budget * 0.5 < made.tokens <= budget
            assert "Nordhaven29" in driving.rendered(made.messages)
            assert session.compact_s > 0


def test_figures_and_tables_of_records() -> None:
    found = [
        Record("agent", "keep_last", 1, {"exact": [0.2, 0.4], "by name": [0.5]}),
        Record("agent", OURS, 1, {"exact": [0.8], "by name": [1.0]}, ratio=0.1, used=0.95),
        Record("agent", OURS, 10, {"exact": [0.6], "by name": [1.0]}, ratio=0.1, used=1.1, over=True),
        Record("kit epochs", "keep_last", 3, {"survived": [0.5], "stale": [1.0, 0.0, 1.0]}),
        Record("kit epochs", OURS, 3, {"survived": [0.7], "stale": [0.0, 0.0, 1.0]}),
    ]
    figures = table.Figures(found)
    lines = {line.split(" | ")[0].strip("| "): line for line in table.summary(figures).splitlines()}
    letter = lines["agents' later references, to the letter"]
    assert "| 30.0 (keep_last) | 80.0 | - | 60.0 | 0.75 | 95% | 60 | 80 |" in letter
    assert "not measured: the set is not in the folder" in lines["LoCoMo, answer found by BM25, 10 %"]
    assert "| 2 (keep_last) of 3 | - | 1 | - |" in lines["old values of changed facts in it"]
    assert figures.spent("agent")["over_budget"] == 1
    assert "50.0" in table.every(figures)


def test_the_table_of_a_page_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- fidelity -->\nold\n<!-- /fidelity -->\nafter\n")
    fidelity._put_between(page, fidelity.MARKS, "new\n")
    assert page.read_text() == "before\n<!-- fidelity -->\nnew\n<!-- /fidelity -->\nafter\n"
    page.write_text("no place")
    with pytest.raises(SystemExit, match="no place"):
        fidelity._put_between(page, fidelity.MARKS, "new\n")
