"""How reports of the provider's own counts move the limits."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from memsvc.core import policy as rules
from memsvc.core.limits import Policy
from memsvc.core.model import Key, Session, Settings
from memsvc.core.money import Sent
from memsvc.core.turns import Group

POLICY = Policy("threshold", 1_000, 100, 100, 2_000, 1_000_000, "5m", 1.0, 0.5, "user")
FACTORS = st.sampled_from([0.5, 1.0, 1.3, 1.63, 4.0])


def session(tail: int, *, factor: float = 1.0, system: int = 0, summary: int = 0, **fields: object) -> Session:
    settings = Settings(system_tokens=system)
    made = Session(Key("t", "s"), 1, 0.0, 0.0, settings, tail_tokens=tail, summary_tokens=summary, factor=factor)
    return replace(made, **fields)  # type: ignore[arg-type]


def anchored(tail: int, at: int, counted: int, *, factor: float = 1.0) -> Session:
    """A session whose context of `at` raw tokens was counted as `counted`."""
    return session(tail, factor=factor, anchor_tokens=counted, anchor_raw=at, anchor_revision=1)


def sent(tokens: int, revision: int = 1, *, prefix: int = 0, uid: int = 1) -> Sent:
    return Sent(uid, prefix, revision, tokens)


def test_without_a_report_the_factor_says_it() -> None:
    plain = session(100, factor=1.3, system=11)
    assert (rules.expected(plain), rules.next_factor(plain), rules.ratio(plain)) == (math.ceil(111 * 1.3), 1.3, None)
    assert rules.soft_mark(POLICY, plain) == rules.soft_tokens(POLICY, 1.3)


def test_after_a_report_its_count_stands_and_the_rest_is_estimated() -> None:
    assert rules.expected(anchored(100, 100, 163)) == 163
    assert rules.expected(anchored(150, 100, 163)) == 163 + 82  # by what was measured
    assert rules.expected(anchored(150, 100, 163, factor=2.0)) == 163 + 100  # unless more was assumed
    assert rules.expected(anchored(0, 100, 40)) == 0  # never below


@given(st.integers(1, 5_000), st.floats(0.3, 5.0), FACTORS, st.integers(0, 3_000))
def test_the_soft_mark_is_where_the_threshold_is_passed(at: int, ratio: float, factor: float, threshold: int) -> None:
    applied = replace(POLICY, threshold_tokens=threshold)
    mark = rules.soft_mark(applied, anchored(0, at, int(at * ratio), factor=factor))
    assert mark is not None
    for tail, passed in ((mark - 1, False), (mark, False), (mark + 1, True), (mark + 2, True)):
        if tail < 0:
            continue
        here = rules.expected(anchored(tail, at, int(at * ratio), factor=factor))
        assert (here > threshold) == passed or abs(here - threshold) <= 1  # fractions round either way


@given(st.integers(1, 10**9), st.floats(0.5, 4.0))
def test_what_may_stay_is_never_expected_to_pass_the_limit(limit: int, factor: float) -> None:
    raw = rules._raw_limit(limit, factor)
    assert rules.provider_tokens(raw, factor) <= limit < rules.provider_tokens(raw + 2, factor)


def test_a_limit_that_division_rounds_down_and_multiplication_up() -> None:
    assert rules._raw_limit(51, 0.68) == 74  # 51 / 0.68 == 75.0, 75 * 0.68 > 51


def test_no_mark_in_manual_mode() -> None:
    manual = replace(POLICY, mode="manual")
    assert rules.soft_mark(manual, anchored(10, 10, 20)) is None
    assert rules.renewed(anchored(10, 10, 20)).soft_tokens is None


def test_a_report_becomes_the_anchor() -> None:
    before = session(100, prefix_revision=2)
    after = rules.calibrated(before, sent(90, 3, prefix=2), 147)
    assert after == replace(before, anchor_tokens=147, anchor_raw=90, anchor_revision=3)
    assert rules.calibrated(after, sent(95, 4, prefix=2), 150).anchor_tokens == 150
    assert rules.calibrated(after, sent(90, 3, prefix=2), 148).anchor_tokens == 148


@pytest.mark.parametrize(
    ("of", "size"),
    [
        (sent(90, 2), 147),  # an older revision
        (sent(90, 4, prefix=1), 147),  # another prefix
        (sent(90, 4, uid=2), 147),  # another session of the same name
        (sent(0, 4), 147),  # nothing was sent
        (sent(90, 4), 26),  # too few to be of this context
        (sent(90, 4), 451),  # too many
        (sent(90, 4), 0),
    ],
)
def test_what_measures_nothing_changes_nothing(of: Sent, size: int) -> None:
    before = replace(anchored(100, 80, 130), anchor_revision=3)
    assert rules.calibrated(before, of, size) is before


@given(st.integers(1, 10**6), st.floats(0.3, 5.0), FACTORS)
def test_the_next_epoch_begins_with_what_was_measured(raw: int, ratio: float, factor: float) -> None:
    before = anchored(raw, raw, math.ceil(raw * ratio), factor=factor)
    after = rules.renewed(before)
    assert 0.5 <= after.factor <= 4.0
    assert after.factor == rules.next_factor(before) == rules.next_factor(after)
    assert (after.anchor_tokens, after.anchor_raw, after.anchor_revision) == (0, 0, 0)
    if 0.5 <= before.anchor_tokens / raw <= 4.0:
        assert after.factor == before.anchor_tokens / raw
    assert rules.renewed(after) == after


@given(st.integers(100, 5_000), st.floats(0.5, 4.0), FACTORS, st.integers(500, 9_000))
def test_a_new_epoch_keeps_the_threshold(raw: int, ratio: float, factor: float, threshold: int) -> None:
    applied = replace(POLICY, threshold_tokens=threshold)
    before = rules.marked(anchored(raw, raw, math.ceil(raw * ratio), factor=factor), applied)
    after = rules.renewed(before)
    exact = rules.soft_mark(applied, after)
    assert exact is not None
    assert after.soft_tokens is not None
    step = factor / after.factor  # one raw token of the old epoch
    assert exact - step - 2 <= after.soft_tokens <= exact + 1


def test_whether_the_factor_is_known() -> None:
    assert rules.known_factor(session(100)) is None
    assert rules.known_factor(session(100, factor=1.3)) == 1.3  # not what is assumed of such a session
    claude = replace(session(100, factor=1.3), settings=Settings(model="claude-opus-5-5"))
    assert rules.known_factor(claude) is None
    assert rules.known_factor(replace(claude, anchor_tokens=163, anchor_raw=100)) == 1.63
    assert rules.known_factor(rules.renewed(replace(claude, anchor_tokens=163, anchor_raw=100))) == 1.63


def groups(*sizes: int) -> list[Group]:
    return [Group(i + 1, i + 1, size, size * 4, False, i + 1) for i, size in enumerate(sizes)]


@given(st.lists(st.integers(20, 400), min_size=2, max_size=12), st.floats(0.5, 4.0), FACTORS, st.integers(300, 4_000))
def test_a_cut_at_the_hard_mark_fits_by_the_providers_count(
    sizes: list[int], ratio: float, factor: float, most: int
) -> None:
    raw, parts = sum(sizes), groups(*sizes)
    here = anchored(raw, raw, math.ceil(raw * ratio), factor=factor)
    policy = replace(POLICY, max_tokens=most)
    least = rules.minimum(here, parts, 30)
    cut = rules.plan_hard(here, parts, policy=policy, limit_bytes=10**9, least_block=30)
    if cut is None or least > most or rules.expected(here) <= most:
        return
    after = session(cut.kept, factor=rules.next_factor(here), summary=cut.budget)
    assert rules.expected(after) <= most


@given(st.lists(st.integers(20, 400), min_size=1, max_size=8), st.floats(0.5, 4.0))
def test_the_minimum_is_never_more_than_the_present_context(sizes: list[int], ratio: float) -> None:
    raw = sum(sizes)
    here = anchored(raw, raw, math.ceil(raw * ratio))
    assert rules.minimum(here, groups(*sizes), 30) <= rules.expected(here)


def test_the_effective_threshold_leaves_room_by_the_providers_count() -> None:
    big = anchored(5_000, 5_000, 10_000)
    applied = rules.effective(replace(POLICY, threshold_tokens=250, max_tokens=5_000), big, None)
    assert applied.threshold_tokens == 600  # twice 100 + 2 x 100


def test_what_a_report_did_not_find_in_the_cache_is_missed() -> None:
    first = rules.calibrated(session(500), sent(100, 1), 200, 0)
    assert first.missed_tokens == 0, "nothing was sent before it"
    hit = rules.calibrated(first, sent(150, 2), 300, 200)
    assert hit.missed_tokens == 0, "all that was sent before was found"
    half = rules.calibrated(hit, sent(200, 3), 400, 100)
    assert half.missed_tokens == 100, "200 of the 300 provider tokens, two of which are a raw one"
    assert rules.calibrated(half, sent(200, 3), 400, 100).missed_tokens == 100, "the same context again"
    assert rules.calibrated(half, sent(250, 4), 500, None).missed_tokens == 100, "it does not say"
    assert rules.renewed(half).missed_tokens == 0
