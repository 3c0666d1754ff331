"""Counting: exact, offline, and the same whichever library does it."""

from __future__ import annotations

import hashlib
import lzma
import random
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memsvc import tokens
from memsvc.tokens import ENCODING, SHA256, VECTORS, TiktokenCounter, ToktokCounter, build_counter, vocabulary

FAST, REFERENCE = ToktokCounter(), TiktokenCounter()
BOTH = pytest.mark.parametrize("counter", [FAST, REFERENCE], ids=["toktok", "tiktoken"])

# Characters that older Unicode tables do not know yet are cut a token differently by the two
# libraries; Hypothesis takes those of the running Python's table.
CHARACTERS = st.characters(exclude_categories=["Cs", "Cn", "Co"])
TEXTS = st.text(CHARACTERS) | st.lists(st.sampled_from([t for t, _ in VECTORS]) | st.text(max_size=9)).map("".join)
HOSTILE = [" ", "\t", "\n", "\r\n", " \n", "=", "a", "A'", "你", "\u0301", "👩‍👩‍👧", "x" * 49_999 + " "]


def test_the_vocabulary_is_the_published_one() -> None:
    assert hashlib.sha256(vocabulary()).hexdigest() == SHA256


@BOTH
@pytest.mark.parametrize(("text", "count"), VECTORS)
def test_fixed_vectors(counter: ToktokCounter | TiktokenCounter, text: str, count: int) -> None:
    assert counter.count(text) == count


@given(TEXTS)
def test_both_libraries_agree(text: str) -> None:
    assert FAST.count(text) == REFERENCE.count(text)


@BOTH
@given(text=TEXTS, limit=st.integers(-1, 20))
def test_truncate_gives_the_longest_prefix_that_fits(
    counter: ToktokCounter | TiktokenCounter, text: str, limit: int
) -> None:
    text = text.encode("utf-8", "replace").decode()
    cut = counter.truncate(text, limit)
    assert text.startswith(cut)
    assert counter.count(cut) <= max(limit, 0)
    if counter.count(text) <= limit:
        assert cut == text


@BOTH
def test_truncate_cuts_no_character(counter: ToktokCounter | TiktokenCounter) -> None:
    text = "🧠" * 10  # one of them is several tokens
    for limit in range(counter.count(text) + 1):
        assert set(counter.truncate(text, limit)) <= {"🧠"}


@BOTH
@pytest.mark.parametrize("unit", HOSTILE, ids=lambda u: ascii(u[:9]))
def test_a_million_of_anything_is_counted(counter: ToktokCounter | TiktokenCounter, unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    assert 1_000 < counter.count(text) <= 4_000_000
    assert 498 <= counter.count(counter.truncate(text, 500)) <= 500  # a character may be several tokens


def test_seams_between_chunks_cost_nothing_where_there_are_spaces() -> None:
    picked = random.Random(1)
    words = [
        "plain",
        "don't",
        "12345",
        "你好",
        "x=1;\n\n",
        "  indented",
        "\ttab",
        "...",
        "https://a.b/c",
        "Über",
        "🧠",
        "\n",
    ]
    text = " ".join(picked.choices(words, k=60_000))
    assert len(text) > 5 * 50_000
    assert FAST.count(text) == REFERENCE.count(text)


def test_seams_without_spaces_cost_little() -> None:
    for text in ("你好，我想找一家餐馆。" * 30_000, "abcdefgh" * 40_000):
        seams = len(text) // 50_000
        assert 0 <= REFERENCE.count(text) - FAST.count(text) <= 2 * seams


@BOTH
def test_special_tokens_are_just_text(counter: ToktokCounter | TiktokenCounter) -> None:
    for special in ("<|endoftext|>", "<|im_start|>", "<|endofprompt|>"):
        assert counter.count(special) > 2
        assert counter.truncate(special, 99) == special


@BOTH
def test_lone_surrogates_are_counted_not_raised(counter: ToktokCounter | TiktokenCounter) -> None:
    assert counter.count("a\ud800b") > 0
    assert counter.truncate("a\ud800b" * 9, 3).startswith("a")
    assert counter.count_many(["one", "two\udfff"]) > 2


@BOTH
def test_each_of_several_texts(counter: ToktokCounter | TiktokenCounter) -> None:
    texts = [*(text for text, _ in VECTORS), "\ud800 alone"]
    for several in (texts, texts[:-1], []):
        assert counter.count_each(several) == [counter.count(text) for text in several]


@BOTH
def test_many_threads_may_count(counter: ToktokCounter | TiktokenCounter) -> None:
    text, found = VECTORS[2][0] * 500, []
    threads = [threading.Thread(target=lambda: found.append(counter.count(text))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) == {counter.count(text)}
    assert len(found) == 4


@pytest.mark.parametrize(("prefer", "name"), [("auto", "toktok"), ("toktok", "toktok"), ("tiktoken", "tiktoken")])
def test_which_library_counts(prefer: str, name: str) -> None:
    counter = build_counter(prefer)  # type: ignore[arg-type]
    assert (counter.name, counter.encoding) == (name, ENCODING)  # type: ignore[attr-defined]


def test_a_missing_library_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "toktok", None)
    assert build_counter().name == "tiktoken"  # type: ignore[attr-defined]
    with pytest.raises(tokens.VocabularyError, match="toktok is not installed"):
        build_counter("toktok")


class Panic(BaseException):
    """As pyo3 raises it where Rust panics."""


@pytest.mark.parametrize("failed", [Panic, RuntimeError, MemoryError])
def test_counting_starts_where_no_threads_can_be_started(
    monkeypatch: pytest.MonkeyPatch, failed: type[BaseException]
) -> None:
    import toktok

    def refuse(*args: object, **options: object) -> list[int]:
        raise failed("no more threads")

    monkeypatch.setattr(toktok, "batch_count", refuse)
    assert build_counter().name == "toktok"  # type: ignore[attr-defined]
    monkeypatch.setattr(toktok, "truncate", refuse)
    if failed is RuntimeError:
        assert build_counter().name == "tiktoken"  # type: ignore[attr-defined]


@pytest.mark.parametrize("stopped", [KeyboardInterrupt, SystemExit])
def test_who_stops_the_start_is_heard(monkeypatch: pytest.MonkeyPatch, stopped: type[BaseException]) -> None:
    import toktok

    def stop(*args: object, **options: object) -> list[int]:
        raise stopped

    monkeypatch.setattr(toktok, "batch_count", stop)
    with pytest.raises(stopped):
        build_counter()


def test_a_library_that_miscounts_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "VECTORS", (("hello world", 3),))
    with pytest.raises(tokens.VocabularyError, match=r"toktok miscounts 'hello world'; tiktoken miscounts"):
        build_counter()


def test_a_damaged_vocabulary_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    packed = tmp_path / "data" / f"{ENCODING}.tiktoken.xz"
    monkeypatch.setattr(tokens, "files", lambda _package: tmp_path)
    for content, words in ((b"no archive", "cannot be unpacked"), (lzma.compress(b"YQ== 0\n"), "sha256 differs")):
        packed.write_bytes(content)
        with pytest.raises(tokens.VocabularyError, match=words):
            build_counter("tiktoken")
