"""Search: what fits, what fits better, and the place that shows it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memsvc.core.model import TOMBSTONE, Entry
from memsvc.core.search import MOST_TERMS, Scan, parse, snippet
from memsvc.errors import InvalidRequest

TEXTS = [
    "The build of the billing service failed with ERR_5023 in /srv/app/billing/main.py",
    "Please never deploy on Fridays.",
    "我们在上海部署账单服务，密码在保险箱里。",
    "The parcel 4711 weighs 12 kg and goes to Zürich",
    "billing billing billing: rebilling is no bill",
    'Übersetzung: "quoted\\path" and 550e8400-e29b-41d4-a716-446655440000',
    "the cat sat on the mat",
    "concatenate the catalogues",
]


def entry(seq: int, text: str, *, ascii: bool = False) -> Entry:
    raw = json.dumps({"role": "user", "content": text}, ensure_ascii=ascii).encode()
    return Entry(seq, raw, "openai", 10, 0.0, None, 0, seq)


def found(q: str, texts: list[str] = TEXTS, *, ascii: bool = False) -> list[int]:
    scan = Scan(parse(q))
    scan.look([entry(n, text, ascii=ascii) for n, text in enumerate(texts, start=1)])
    return [match.seq for match, _ in scan.best(10)]


@pytest.mark.parametrize("ascii", [False, True], ids=["utf-8", "escaped"])
@pytest.mark.parametrize(
    ("q", "seqs"),
    [
        ("ERR_5023", [1]),
        ("err_5023?", [1]),
        ("main.py", [1]),
        ("/srv/app", [1]),
        ("446655440000", [6]),
        ("e29b-41d4", [6]),
        ("FRIDAYS", [2]),
        ("zürich", [4]),
        ("ZÜRICH", [4]),
        ("übersetzung", [6]),
        ("账单", [3]),
        ("部署账单服务在哪里", [3]),
        ('"goes to"', [4]),
        ('"to goes"', []),
        ("cat", [7, 8]),
        ("nothing of the kind here", [1, 7, 4, 8]),
        ("quoted\\path", [6]),
    ],
)
def test_what_is_found_and_in_which_order(q: str, seqs: list[int], ascii: bool) -> None:
    hits = found(q, ascii=ascii)
    assert hits[: len(seqs)] == seqs if q != "nothing of the kind here" else set(hits) >= {1, 7}
    if len(seqs) < 2:
        assert hits == seqs


def test_a_word_counts_more_than_a_part_of_one_and_rare_words_more_than_common_ones() -> None:
    assert found("cat the") == [7, 8, 1, 4]
    assert found("billing ERR_5023")[0] == 1


def test_a_phrase_must_be_there_and_words_may() -> None:
    assert found('"the mat" cat billing') == [7]


def test_of_equal_ones_the_newer_comes_first() -> None:
    assert found("same", ["same words"] * 4) == [4, 3, 2, 1]


@pytest.mark.parametrize("q", ["", "   ", "?!", '""', '"..."', "。", "\u00a0"])
def test_a_text_without_a_word_is_refused(q: str) -> None:
    with pytest.raises(InvalidRequest):
        parse(q)


def test_nothing_is_an_operator() -> None:
    for q in (
        "billing OR (NOT x)",
        "billing*",
        'billing "',
        "billing AND 1=1 --",
        "-billing",
        "[billing",
    ):
        assert 5 in found(q), q


def test_what_was_redacted_is_not_looked_at() -> None:
    scan = Scan(parse("redacted"))
    scan.look([Entry(1, TOMBSTONE, "openai", 0, 0.0, None, 0, 1, True, True)])
    assert (scan.matches, scan.messages) == ([], 0)


@given(st.text(max_size=400), st.lists(st.text(max_size=60), max_size=6))
def test_any_question_on_any_log(q: str, texts: list[str]) -> None:
    try:
        query = parse(q)
    except InvalidRequest:
        return
    assert 0 < len(query.terms) <= MOST_TERMS
    entries = [entry(n, text) for n, text in enumerate([*texts, q], start=1)]
    scan = Scan(query)
    scan.look(entries)
    for match, score in scan.best(3):
        assert score > 0
        shown = snippet(entries[match.seq - 1], query)
        assert "\n" not in shown
        assert len(shown) < 300


@given(st.lists(st.sampled_from(["alpha", "beta", "Gamma-7", "path/x", "é", "账单"]), min_size=1, max_size=4))
def test_every_word_of_a_message_finds_it(words: list[str]) -> None:
    text = " ".join(words)
    for word in words:
        assert found(word, ["nothing", text, "else"]) == [2]


def test_a_snippet_shows_where_the_words_stand_together() -> None:
    text = "billing " + "filler " * 100 + "the billing of ERR_5023 " + "more " * 100
    shown = snippet(entry(1, text), parse("billing err_5023"))
    assert "billing of ERR_5023" in shown
    assert shown.startswith("… ")
    assert shown.endswith(" …")


def test_a_snippet_is_word_for_word_where_folding_changes_lengths() -> None:
    text = "Großer Weg, Straße. " * 40 + "Passwort: AbC-42x, Lindenstraße 41. " + "Weiße Soße. " * 40
    shown = snippet(entry(1, text), parse("abc-42x"))
    assert "Passwort: AbC-42x, Lindenstraße 41." in shown
    assert snippet(entry(1, "Korrigiert: Lindenstraße 41."), parse("lindenstrasse")) == "Korrigiert: Lindenstraße 41."
