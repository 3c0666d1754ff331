"""The meter of a session, read off its messages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from memsvc.core.economy import Market, Rates, Wishes
from memsvc.core.meter import Mark, Meter, read
from memsvc.core.model import Key, Session, Settings

MARKET = Market(Rates(2.0, 2.5, 0.1, 10.0), 300.0, 512, 0.1, 0.5)
WISHES = Wishes(keep_tokens=1_000, summary_tokens=800, alpha=1.5, guard=0.25)
SESSION = Session(Key("t", "s"), 1, 0.0, 0.0, Settings(system_tokens=2_000))


def turns(number: int, *, gap: float = 30.0, tokens: int = 200, epoch: int = 0, begin: float = 0.0) -> list[Mark]:
    """Plain turns: a question, and at once the answer."""
    return [
        Mark(tokens, begin + n * gap, epoch, assistant, leads=True)
        for n in range(number)
        for assistant in (False, True)
    ]


def meter(marks: list[Mark], *, session: Session = SESSION, behind: int = 0, market: Market = MARKET) -> Meter:
    return read(session, behind, market, WISHES, marks)


def test_a_long_hot_chat_comes_to_pay_its_rent() -> None:
    asked = [meter(turns(n)).look(n * 30.0) for n in range(1, 120)]
    first = next(n for n, look in enumerate(asked, start=1) if look.due)
    assert 20 < first < 100
    assert all(not look.due for look in asked[: first - 1])
    assert (asked[first].reason, asked[first].keep_tokens) == ("rent", 1_000)
    assert asked[first].paid > asked[first].need > 0
    assert asked[first].saving > 0


def test_when_the_cache_has_expired_it_is_due_much_sooner_and_says_so() -> None:
    marks = turns(18)
    hot = meter(marks).look(17 * 30.0 + 300.0)
    assert not hot.due
    assert hot.cold_at == 17 * 30.0 + 300.0
    cold = meter(marks).look(hot.cold_at + 0.001)
    assert cold.due
    assert cold.reason == "cold"


def test_a_session_that_nobody_has_come_back_to_is_compacted_with_more_to_gain_than_one_that_is_taken_up_again() -> (
    None
):
    seldom = meter(turns(20, gap=30.0)).look(1e6)
    often = meter(turns(20, gap=1_000.0)).look(1e6)
    assert often.need < seldom.need


def test_calls_of_an_epoch_that_is_over_pay_no_rent() -> None:
    after = replace(SESSION, epoch=1, summary_tokens=500)
    old = meter(turns(30, epoch=0), session=after, behind=4_000).look(900.0)
    assert old.paid == 0.0
    assert old.cold_at == 29 * 30.0 + 300.0
    new = meter(turns(30, epoch=1), session=after, behind=4_000).look(900.0)
    assert new.paid > 0.0


def test_a_run_of_replies_is_one_call_and_what_comes_first_is_none() -> None:
    reply = Mark(200, 5.0, 0, assistant=True, leads=True)
    assert meter([reply]).look(5.0).cold_at is None
    single, run = turns(30), [m for m in turns(30) for _ in range(2 if m.assistant else 1)]
    halves = [replace(m, tokens=100) if m.assistant else m for m in run]
    assert abs(meter(halves).look(900.0).paid - meter(single).look(900.0).paid) < 1e-6


def test_no_place_before_a_result_counts_as_a_cut() -> None:
    call = Mark(50, 0.0, 0, assistant=True, leads=True)
    results = [Mark(3_000, float(n), 0, assistant=False, leads=False) for n in range(5)]
    look = meter([Mark(10, 0.0, 0, assistant=False, leads=True), call, *results]).look(1e6)
    assert not look.due, "all but ten tokens are one group"


marks_of_any_kind = st.lists(
    st.builds(
        Mark,
        tokens=st.integers(1, 3_000),
        at=st.floats(0, 1e5),
        epoch=st.integers(0, 2),
        assistant=st.booleans(),
        leads=st.booleans(),
    ),
    max_size=60,
)


@given(marks=marks_of_any_kind, now=st.floats(0, 2e5), behind=st.integers(0, 50_000), epoch=st.integers(0, 2))
def test_it_reads_the_same_however_often_it_was_asked_on_the_way(
    marks: list[Mark], now: float, behind: int, epoch: int
) -> None:
    session = replace(SESSION, epoch=epoch, summary_tokens=min(behind, 700))
    asked = Meter(session, behind, MARKET, WISHES)
    for mark in marks:
        asked.add(mark)
        asked.look(now)
    assert asked.look(now) == read(session, behind, MARKET, WISHES, marks).look(now)


@given(marks=marks_of_any_kind, now=st.floats(0, 2e5))
def test_it_never_asks_to_keep_less_than_the_policy_says_nor_compacts_what_is_kept(
    marks: list[Mark], now: float
) -> None:
    look = read(SESSION, 0, MARKET, WISHES, marks).look(now)
    assert look.keep_tokens >= WISHES.keep_tokens
    assert look.paid >= 0.0
    if look.due:
        assert sum(m.tokens for m in marks) > WISHES.keep_tokens


def test_what_a_compaction_has_saved_is_the_difference_of_two_bills() -> None:
    """Worked out by hand: 20,000 tokens gave way to 1,000, and three hot calls and a cold one followed."""
    session = replace(SESSION, epoch=1, summary_epoch=1, summary_tokens=1_000)
    old = turns(4, epoch=0)  # the last call under the old prefix had all but the newest answer
    new = [*turns(3, epoch=1, begin=200.0), *turns(1, epoch=1, begin=2_000.0)]
    made = Meter(session, 30_000, MARKET, WISHES, replaced=20_000)
    for mark in [*old, *new]:
        made.add(mark)
    write, read_ = MARKET.main.write, MARKET.main.read
    with_it, without = 0.0, 0.0
    tails = [1_800, 2_200, 2_600, 3_000]
    had = (2_000, 2_000 + 20_000 + 1_400)  # what each has in the cache: system prompt; all of the last call
    for tail, cold in zip(tails, (False, False, False, True), strict=True):
        sizes = (3_000 + tail, 22_000 + tail)
        hits = (0, 0) if cold else had
        with_it += hits[0] * read_ + (sizes[0] - hits[0]) * write
        without += hits[1] * read_ + (sizes[1] - hits[1]) * write
        had = sizes
    assert made.earned is not None
    assert abs(made.earned - (without - with_it)) < 1e-6
    assert made.earned > 0
    assert meter(old).earned is None, "nothing was replaced"


def test_a_cache_that_does_not_hold_makes_the_rent_dearer() -> None:
    """Reported misses bring a compaction forward; those that the expired cache explains do not count twice."""
    marks = turns(24)
    told = replace(SESSION, missed_tokens=200_000)
    assert not meter(marks).look(24 * 30.0).due
    look = meter(marks, session=told).look(24 * 30.0)
    assert look.due
    assert look.reason == "rent"
    slow = turns(24, gap=1_000.0)
    few = replace(SESSION, missed_tokens=30_000)
    assert meter(slow, session=few).look(24e3).paid == meter(slow).look(24e3).paid
