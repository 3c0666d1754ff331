"""Dates behind the words that tell them by the day they were said on."""

from __future__ import annotations

import time

import pytest

from memsvc.core.days import ordinal
from memsvc.core.extract.times import dated, stamp, title

MONDAY = ordinal(2023, 5, 8) or 0


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("I went yesterday.", "I went yesterday (7 May 2023)."),
        ("Two weeks ago we met.", "Two weeks ago (week of 24 April 2023) we met."),
        ("We moved three years ago.", "We moved three years ago (2020)."),
        ("It broke last Friday.", "It broke last Friday (5 May 2023)."),
        ("See you next Monday.", "See you next Monday (15 May 2023)."),
        ("Until this Thursday, please.", "Until this Thursday (11 May 2023), please."),
        ("She will be back in 3 days.", "She will be back in 3 days (11 May 2023)."),
        ("It was last month.", "It was last month (April 2023)."),
        ("Next year we build.", "Next year (2024) we build."),
        ("Ich war gestern dort.", "Ich war gestern (7 May 2023) dort."),
        ("vor drei Tagen", "vor drei Tagen (5 May 2023)"),
        ("il y a deux ans", "il y a deux ans (2021)"),
        ("hace dos días", "hace dos días (6 May 2023)"),
        ("我昨天去了。", "我昨天（2023年5月7日）去了。"),
        ("上周五见面", "上周五（2023年5月5日）见面"),
        ("三天前买的", "三天前（2023年5月5日）买的"),
        ("来週の水曜日に会います", "来週の水曜日（2023年5月17日）に会います"),
    ],
)
def test_the_date_stands_behind_the_words(said: str, written: str) -> None:
    assert dated(said, MONDAY) == written


@pytest.mark.parametrize(
    "said",
    [
        "See you next Friday.",  # the 12th for some, the 19th for others
        "We did it in two days.",
        "last year (2022)",
        "Guten Morgen!",
        "That is my last word.",
        "The next version is 2.",
        "the day before",
        "上个月饼",
        "现在去",
    ],
)
def test_what_has_no_date_or_has_one_stays(said: str) -> None:
    assert dated(said, MONDAY) == said


@pytest.mark.parametrize(
    ("text", "day", "rest"),
    [
        ("[1:56 pm on 8 May, 2023] Anna: hi", (2023, 5, 8), "Anna: hi"),
        ("[2026-03-04 10:00] hi", (2026, 3, 4), "hi"),
        ("(March 4, 2026) hi", (2026, 3, 4), "hi"),
    ],
)
def test_a_date_that_a_message_begins_with(text: str, day: tuple[int, int, int], rest: str) -> None:
    found = stamp(text)
    assert found is not None
    assert found[0] == ordinal(*day)
    assert text[found[1] :] == rest


@pytest.mark.parametrize("text", ["[1 user] hi", "[2023-13-45] hi", "8 May 2023", "[see page 4]", ""])
def test_what_is_no_date_at_the_beginning(text: str) -> None:
    assert stamp(text) is None


def test_titles_by_day_month_and_year() -> None:
    assert [title(MONDAY, parts) for parts in (3, 2, 1)] == ["[8 May 2023]", "[May 2023]", "[2023]"]


def test_no_text_makes_it_slow() -> None:
    started = time.process_time()
    for text in ("in 2 " * 50_000, "will " * 50_000, "last " * 50_000, "一" * 100_000, "[" * 100_000, "9" * 100_000):
        dated(text, MONDAY)
        stamp(text)
    assert time.process_time() - started < 5
