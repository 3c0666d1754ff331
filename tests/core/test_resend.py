"""What is new in a list that a client sends: tables of cases, and clients that are played against a model."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from memsvc.core.alike import SIZE
from memsvc.core.resend import Live, Mode, Plan, answered_only, plan, superseded_again


def part(name: str) -> bytes:
    """A fingerprint by a name: u1 a1 t1 s1, joined by + where a message has several parts, _ for none."""
    return b"" if name.startswith("_") else b"".join(n.encode().ljust(SIZE) for n in name.split("+"))


def run(names: str) -> list[bytes]:
    return [part(n) for n in names.split()]


def live(names: str, superseded: str = "", erased: tuple[int, ...] = ()) -> Live:
    """Seqs are 10, 20, ...; superseded messages are numbered 11, 12, ... or as given by name@seq."""
    prints = run(names)
    cut = [(int(n.partition("@")[2] or 11 + i), part(n.partition("@")[0])) for i, n in enumerate(superseded.split())]
    return Live([10 * (i + 1) for i in range(len(prints))], prints, erased, cut)


# log, list, mode -> kind, kept, truncate
CASES: list[tuple[str, str, Mode, tuple[str, int, int | None]]] = [
    # the first request, a history taken over
    ("", "u1", "auto", ("new", 0, None)),
    ("", "u1 a1 u2", "auto", ("new", 0, None)),
    ("", "u1 a1 u2", "full", ("new", 0, None)),
    ("", "", "auto", ("nothing", 0, None)),
    ("u1 a1", "", "full", ("nothing", 0, None)),
    # everything again, and more
    ("u1 a1", "u1 a1 u2", "auto", ("resent", 2, None)),
    ("u1 a1", "u1 a1 u2", "full", ("resent", 2, None)),
    ("u1", "u1 u2", "auto", ("resent", 1, None)),
    ("u1 a1 t1", "u1 a1 t1", "auto", ("nothing", 3, None)),
    ("u1", "u1", "auto", ("nothing", 1, None)),
    # edited, or asked again
    ("u1 a1 u2 a2", "u1 a1 u3", "auto", ("edited", 2, 20)),
    ("u1 a1 u2 a2", "u1 a1 u2 a3 u3", "auto", ("edited", 3, 30)),
    ("u1 a1 u2 a2", "u1 a1 u2", "auto", ("regenerated", 3, 30)),
    ("u1 a1 t1 a2", "u1", "auto", ("regenerated", 1, 10)),
    ("u1 a1 u2 a2 u3 a3", "u1 a1 u2", "auto", ("edited", 3, 30)),
    ("u1 a1 u2 a2", "u1 u9", "full", ("edited", 1, 10)),
    ("u1 a1", "u1 u2", "auto", ("edited", 1, 10)),
    # the first message again: too little to give up what follows
    ("u1 a1 u2 a2", "u1", "auto", ("new", 0, None)),
    ("u1 a1 u2 a2", "u1", "full", ("edited", 1, 10)),
    ("u1 a1", "u1", "auto", ("regenerated", 1, 10)),
    # only what is new
    ("u1 a1", "u2", "auto", ("new", 0, None)),
    ("u1 a1", "u2", "full", ("edited", 0, 0)),
    ("u1 a1", "t1", "auto", ("new", 0, None)),
    ("u1 a1 u2", "u2", "auto", ("nothing", 1, None)),
    ("u1 a1 u2", "u2 u3", "auto", ("window", 1, None)),
    ("u1 a1 u2 a2", "u2", "auto", ("new", 0, None)),
    # another one's question while the log waits for a result
    ("u1 a1+c1", "u2", "auto", ("edited", 0, 0)),
    ("u1 c1", "t1", "auto", ("new", 0, None)),
    ("u1 c1", "t1+u2", "auto", ("new", 0, None)),
    ("u1 c1 c2 t1", "t2", "auto", ("new", 0, None)),
    ("u1 c1", "u2", "new", ("new", 0, None)),
    ("u1 a1+c1 t1", "u1", "auto", ("regenerated", 1, 10)),
    ("u1 a1", "u1", "new", ("new", 0, None)),
    ("u1 a1", "u1 a1", "new", ("new", 0, None)),
    ("u1 a1 u2", "u2", "new", ("nothing", 1, None)),
    ("u1 a1 u2 u3", "u2 u3", "new", ("nothing", 2, None)),
    ("u1 a1 u2", "u2 u3", "new", ("new", 0, None)),
    ("u1 a1 u2", "u1", "new", ("new", 0, None)),
    ("", "u1 a1", "new", ("new", 0, None)),
    # a window of it
    ("u1 a1 u2 a2", "a2 u3", "auto", ("window", 1, None)),
    ("u1 a1 u2 a2", "u2 a2 u3", "auto", ("window", 2, None)),
    ("u1 a1 u2", "a1 u2", "auto", ("nothing", 2, None)),
    ("u1 a1 u2 a2", "u2 a2 u3", "full", ("edited", 0, 0)),
    ("u1 a1 u1 a1 u2 a2", "u1 a1 u2 a2 u3", "auto", ("window", 4, None)),
    ("u1 a1 u1 a1", "u1 a1 u2", "auto", ("window", 2, None)),
    ("u1 a1 u1 a1", "u1 a1 u2", "full", ("edited", 2, 20)),
    ("u1 a1 u1 a2", "u1 a1 u2", "auto", ("edited", 2, 20)),
    ("u1 a1 u1", "u1", "auto", ("nothing", 1, None)),
    # an edit inside a window
    ("u1 a1 u2 a2 u3 a3", "u2 a2 u4", "auto", ("edited", 2, 40)),
    ("u1 a1 u2 a2", "a1 u2", "auto", ("regenerated", 2, 30)),
    ("u1 a1 u2 a1 u2 a2", "a1 u2 a9", "auto", ("edited", 2, 50)),
    ("u1 a1 u2 a2", "u2 u9 a9", "auto", ("edited", 0, 0)),
    # another conversation
    ("u1 a1", "u7 a7 u8", "auto", ("edited", 0, 0)),
    ("u1 a1", "a7 u8", "auto", ("edited", 0, 0)),
    # parted elsewhere
    ("u1 a1 t1+t2+u2 a2", "u1 a1 t1 t2 u2 a2 u3", "auto", ("resent", 6, None)),
    ("u1 a1 t1 t2 u2 a2", "u1 a1 t1+t2+u2 a2 u3", "auto", ("resent", 4, None)),
    ("u1 a1+a2 t1", "u1 a1 a2 t1 u2", "auto", ("resent", 4, None)),
    ("u1 a1+a2 t1+t2 a3", "u1 a1 a2 t1 t9", "auto", ("edited", 3, 20)),
    ("u1 a1 t1", "u1 a1 t1+u2", "auto", ("edited", 2, 20)),
    ("u1 a1+a2 t1+u2", "a2 t1+u2 u3", "auto", ("edited", 0, 0)),
    # what says nothing
    ("u1 _ a1", "u1 a1 u2", "auto", ("resent", 2, None)),
    ("u1 a1", "u1 _ a1 _ u2", "auto", ("resent", 3, None)),
    ("u1 a1 _", "u1 a1 _ u2", "auto", ("resent", 3, None)),
    ("u1 a1 _", "u1 a1 u2", "auto", ("resent", 2, None)),
    ("u1 _ a1", "u1 _ a2", "auto", ("edited", 1, 10)),
    ("u1 _ a1", "u1", "auto", ("regenerated", 1, 10)),
    ("_ u1", "u1 u2", "auto", ("resent", 1, None)),
    ("_", "_", "auto", ("nothing", 1, None)),
    ("u1 a1 _", "_", "auto", ("nothing", 1, None)),
    ("u1 a1", "_", "auto", ("new", 0, None)),
    ("u1 a1 _ u2 a2", "a1 u2 a2 u3", "auto", ("window", 3, None)),
]  # fmt: skip


@pytest.mark.parametrize(("log", "sent", "mode", "expected"), CASES)
def test_cases(log: str, sent: str, mode: Mode, expected: tuple[str, int, int | None]) -> None:
    found = plan(live(log), run(sent), mode)
    assert (found.kind, found.kept, found.truncate) == expected


@pytest.mark.parametrize(
    ("log", "sent", "expected"),
    [
        ("u1 a1 u2 a2", "u1", ("edited", 1, 10)),
        ("u1 a1 u1 a1", "u1 a1 u2", ("edited", 2, 20)),
        ("u1 a1 u1 a3", "u1 a3 u2", ("edited", 1, 10)),
        ("u1 a1 u2 a2", "u9", ("new", 0, None)),
        ("u1 a1 u2 a2", "u2 a2 u3", ("window", 2, None)),
        ("u1 a1 u2", "u2", ("nothing", 1, None)),
    ],
)
def test_a_client_that_resends(log: str, sent: str, expected: tuple[str, int, int | None]) -> None:
    found = plan(live(log), run(sent), resends=True)
    assert (found.kind, found.kept, found.truncate) == expected


@pytest.mark.parametrize(
    ("log", "sent", "mode", "expected"),
    [
        ("u1 a1 u2 a2", "u2", "new", ("regenerated", 1, 30)),
        ("u1 a1 u2 a2", "u2", "auto", ("regenerated", 1, 30)),
        ("u1 a1 u2 u3 _ a2", "u2 u3", "auto", ("regenerated", 2, 40)),
        ("u1 a1 t1 a2", "t1", "new", ("regenerated", 1, 30)),
        ("u1 a1 u2 a2+c2", "u2", "auto", ("regenerated", 1, 30)),
        ("u1 c1 t1 c2 a3", "t1", "new", ("regenerated", 1, 30)),
        ("u1 a1", "u1", "new", ("regenerated", 1, 10)),
        ("u1 a1 u2 a2", "u3", "new", ("new", 0, None)),
        ("u1 a1 u2 a2", "u1", "auto", ("new", 0, None)),
        ("u1 a1 u2+u3 a2", "u3", "new", ("new", 0, None)),
        ("u1 a1 u2 a2", "u1 a1 u2", "auto", ("regenerated", 3, 30)),
        ("u1 a1 u2 a2", "u1 a1 u2 a2 u3", "auto", ("resent", 4, None)),
        ("a1", "u1", "new", ("new", 0, None)),
        ("u1 a1", "_", "new", ("new", 0, None)),
    ],
)
def test_a_second_attempt_where_the_answer_broke_off(
    log: str, sent: str, mode: Mode, expected: tuple[str, int, int | None]
) -> None:
    found = plan(replace(live(log), broke_off=True), run(sent), mode)
    assert (found.kind, found.kept, found.truncate) == expected


@pytest.mark.parametrize(
    ("log", "erased", "sent", "expected"),
    [
        ("u1 a1 _ a2", (2,), "u1 a1 u2 a2 u3", ("resent", 4, None)),
        ("u1 a1 _ a2", (2,), "u1 a1 a2 u3", ("resent", 3, None)),
        ("_ a1 u2", (0,), "u1 a1 u2", ("nothing", 3, None)),
        ("u1 _ _ a2", (1, 2), "u1 a1 u2 a2 u3", ("resent", 4, None)),
        ("u1 _ _ a2", (1, 2), "u1 u2 a2 u3", ("resent", 3, None)),
        ("u1 a1 u2 _", (3,), "u1 a1 u2 a2 u3", ("resent", 4, None)),
        ("u1 a1 _", (2,), "u1 a1 u2", ("resent", 2, None)),
        ("u1 a1 _ a2 u3", (2,), "u1 a1 u2 a2 u4", ("edited", 4, 40)),
    ],
)
def test_what_was_redacted_does_not_come_back(
    log: str, erased: tuple[int, ...], sent: str, expected: tuple[str, int, int | None]
) -> None:
    found = plan(live(log, erased=erased), run(sent))
    assert (found.kind, found.kept, found.truncate) == expected


@pytest.mark.parametrize(
    ("log", "superseded", "sent", "expected"),
    [
        ("u1 a1 u3 a3", "u2@21 a2@22", "u1 a1 u2 a2 u4", True),
        ("u1 a1 u3 a3", "u2@21 a2@22", "u1 a1 u2", False),
        ("u1 a1 u3 a3", "u2@21 a2@22", "u1 a1 u4", False),
        ("u1 a1 u3 a3", "a0@11 u9@12 u2@21 a2@22", "u1 a1 u2 a2 u4", True),
        ("u1 a3", "a1@11 u2@12 a2@13", "u1 a1 u2", True),
        ("u1 a3", "a1@11", "u1 a4", False),
        ("u3 a3", "u1@1 a1@2", "u1 a1 u2", True),
        ("u1 a1 u2 a2", "a9@5", "u1 a1 a9", False),
    ],
)
def test_going_on_from_what_was_superseded(log: str, superseded: str, sent: str, expected: bool) -> None:
    line, incoming = live(log, superseded), run(sent)
    found = plan(line, incoming)
    assert found.truncate is not None
    assert superseded_again(line, incoming, found) is expected


def test_a_busy_session() -> None:
    """A client that resends would wait for its answer: a question that has nothing of the log is another's."""
    line = live("u1 a1 u2")
    assert plan(line, run("u9"), resends=True, busy=True) == Plan("edited", 0, 0, 0, apart=True)
    assert plan(line, run("u2 u9"), resends=True, busy=True).kind == "window"
    assert plan(line, run("u9"), busy=True).kind == "new"
    assert plan(line, run("u9"), "new", resends=True, busy=True).kind == "new"


def test_answered_only() -> None:
    line = live("u1 a1 _ a2+a3")
    assert answered_only(line, 10)
    assert answered_only(line, 40)
    assert not answered_only(line, 0)
    assert not answered_only(live("u1 a1+t1"), 10)


# --- clients ---------------------------------------------------------------------


@dataclass
class Log:
    """What a session does with plans."""

    seqs: list[int] = field(default_factory=list)
    prints: list[bytes] = field(default_factory=list)
    history: list[bytes] = field(default_factory=list)
    superseded: list[tuple[int, bytes]] = field(default_factory=list)

    def append(self, prints: list[bytes]) -> None:
        for one in prints:
            self.history.append(one)
            self.seqs.append(len(self.history))
            self.prints.append(one)

    def take(self, incoming: list[bytes], mode: Mode = "auto") -> Plan:
        found = plan(Live(self.seqs, self.prints, (), self.superseded), incoming, mode)
        if found.truncate is not None:
            while self.seqs and self.seqs[-1] > found.truncate:
                self.superseded.append((self.seqs.pop(), self.prints.pop()))
        self.append(incoming[found.kept :])
        return found


STEPS = st.lists(
    st.tuples(st.sampled_from(["say", "say", "tools", "edit", "again", "retry", "lost"]), st.integers(0, 99)),
    min_size=1,
    max_size=14,
)
WORDS = st.integers(1, 6)
"""Few different words: a conversation repeats itself, as "yes" and "thanks" do."""


class Client:
    """A program that holds its conversation and sends it, or the last part of it, before each answer."""

    def __init__(self, log: Log, words: int, window: int = 0) -> None:
        self.log, self.words, self.window = log, words, window
        self.said: list[bytes] = []
        self.number = 0

    def word(self, who: str) -> bytes:
        self.number += 1
        return part(f"{who}{self.number % self.words}")

    def call(self, answer: bool = True) -> Plan:
        found = self.log.take(self.said[-self.window :] if self.window else list(self.said), self.mode())
        if answer:
            reply = [self.word("a")]
            self.log.append(reply)
            self.said += reply
        return found

    def mode(self) -> Mode:
        return "auto" if self.window else "full"

    def step(self, kind: str, at: int) -> None:
        asked = [i for i, p in enumerate(self.said) if p[:1] == b"u"]
        if kind in ("edit", "again") and asked:
            place = asked[at % len(asked)] if kind == "edit" else asked[-1]
            self.said[place:] = [self.word("u")] if kind == "edit" else [self.said[place]]
        elif kind == "tools" and self.said:
            self.said += [self.word("t"), self.word("t")]
        elif kind == "retry" and self.said:
            self.said += [self.word("u")]
            self.call(answer=False)
        elif kind == "lost" and self.said:
            self.said += [self.word("u")]
            self.call()
            self.said.pop()  # the answer did not arrive
        else:
            self.said += [self.word("u")]
        self.call()


@given(STEPS, WORDS)
def test_a_client_that_resends_everything_and_says_so(steps: list[tuple[str, int]], words: int) -> None:
    log = Log()
    client = Client(log, words)
    for kind, at in steps:
        before = len(log.history)
        client.step(kind, at)
        assert log.prints == client.said
        assert len(log.history) <= before + 4
    assert sorted([*log.superseded, *zip(log.seqs, log.prints, strict=True)]) == list(enumerate(log.history, 1))


class Guessed(Client):
    """The same client, which does not say so."""

    def mode(self) -> Mode:
        return "auto"


@given(STEPS)
def test_a_client_that_resends_everything(steps: list[tuple[str, int]]) -> None:
    """Where nothing is said twice there is no doubt, but for a list without any answer in it."""
    log = Log()
    client = Guessed(log, 10**6)
    for kind, at in [("say", 0), *steps]:
        if kind == "edit":
            asked = [i for i, p in enumerate(client.said) if p[:1] == b"u" and i]
            if not asked:
                continue
            at = 1 + at % len(asked)
        if kind == "again" and len(client.said) < 3:
            continue
        client.step(kind, at)
        assert log.prints == client.said


@given(st.lists(st.integers(1, 3), min_size=1, max_size=12), WORDS)
def test_a_client_that_sends_what_is_new(counts: list[int], words: int) -> None:
    log, said, number = Log(), [], 0
    for count in counts:
        new = []
        for _ in range(count):
            number += 1
            new.append(part(f"u{number % words}"))
        for _ in range(1 + number % 2):  # sometimes once more, before there is an answer
            log.take(new, "new")
        said += [*new, part(f"a{number}")]
        log.append(said[-1:])
        assert log.prints == said
    assert log.superseded == []


@given(st.integers(2, 9), st.integers(1, 30), st.integers(3, 40))
def test_a_client_that_sends_a_window(window: int, turns: int, words: int) -> None:
    log = Log()
    client = Client(log, words, window)
    for number in range(turns):
        client.said += [part(f"u{number}")]
        client.call()
        assert log.prints == client.said
    assert log.superseded == []


@given(st.lists(st.sampled_from(["u1", "u2", "a1", "a2", "t1", "_", "a1+a2", "u1+u2"]), max_size=8), st.data())
def test_whatever_comes_nothing_is_lost(names: list[str], data: st.DataObject) -> None:
    log = Log()
    log.append([part(n) for n in names])
    sent = data.draw(st.lists(st.sampled_from(["u1", "u2", "a1", "a2", "t1", "_", "a1+a2", "u1+u2"]), max_size=8))
    mode: Mode = data.draw(st.sampled_from(["auto", "full", "new"]))
    incoming = [part(n) for n in sent]
    before = list(log.prints)
    found = log.take(incoming, mode)
    assert log.history == [part(n) for n in names] + incoming[found.kept :]
    assert b"".join(log.prints).endswith(b"".join(incoming[found.kept :]))
    if found.truncate is None:
        assert log.prints == before + incoming[found.kept :]
    if mode != "new" and (found.truncate is not None or found.kind == "resent"):
        assert b"".join(log.prints).endswith(b"".join(incoming))
    if found.kept:
        assert b"".join(log.prints).endswith(b"".join(incoming))
    again = log.take(incoming, mode) if incoming and incoming[-1][:1] == b"u" and mode != "new" else None
    assert again is None or again.kind == "nothing"


def test_no_time_beyond_the_length() -> None:
    """100,000 messages that are all the same, which every place of the log might begin."""
    log = Live(range(1, 100_001), [part("u1"), part("a1")] * 50_000)
    found = plan(log, [*[part("u1"), part("a1")] * 40_000, part("u2")])
    assert (found.kind, found.kept, found.truncate) == ("window", 80_000, None)
    shuffled = [part(f"u{n}") for n in range(100_000)]
    random.Random(1).shuffle(shuffled)
    assert plan(Live(range(1, 100_001), shuffled), [*shuffled[50_000:], part("a1")]).kind == "window"
