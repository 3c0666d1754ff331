"""Where texts come from that name no message."""

from __future__ import annotations

from memsvc.core.model import Entry
from memsvc.core.trace import Trace
from tests.core.conversations import chat

TALK = [
    "We take the night train to Porto in May, says Anna; the budget is 900 EUR.",
    "Fine. The config stays in /etc/app/x.toml and the key is a1b2-c3.",
    "Today I had soup, and it was fine.",
    "我们决定把数据库迁移到新加坡机房。",
    "The key is a1b2-c3 again, the budget is 950 EUR now.",
    "And the weather was fine as well.",
]


def traced(*entries: Entry, values: tuple[str, ...] = (), points: tuple[str, ...] = ()) -> Trace:
    trace = Trace(values, points)
    for entry in entries:
        trace.look(entry)
    return trace


LOG = chat(*TALK)


def test_a_value_comes_from_the_last_message_that_holds_it() -> None:
    values = ("a1b2-c3", "/etc/app/x.toml", "budget is 900 EUR", "迁移到新加坡", "b2-c", "nowhere/at/all")
    trace = traced(*LOG, values=values)
    assert [trace.value(v) for v in values[:4]] == [(5,), (2,), (1,), (4,)]
    assert trace.value("nowhere/at/all") == ()
    assert traced(*LOG[:3], values=values).value("a1b2-c3") == (2,)


def test_a_point_comes_from_messages_that_say_most_of_it() -> None:
    points = ("Night train to Porto in May", "数据库迁移到新加坡", "It was fine", "Nobody mentioned zebras or giraffes")
    trace = traced(*LOG, points=points)
    assert [trace.point(p) for p in points[:2]] == [(1,), (4,)]
    assert len(trace.point("It was fine")) <= 3
    assert trace.point(points[3]) == ()
    assert traced(points=points).point(points[0]) == ()
