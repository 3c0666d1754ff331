"""Law 2: within an epoch an append changes nothing but the end; across epochs the front stays."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from memsvc.core.model import Format, Settings, System
from memsvc.core.render import decode_entry
from memsvc.core.render.context import Style, View, style
from memsvc.testing import prefix_breaks
from tests.laws.contexts import items, parts, session, settings_strategy, stable, styles, unmarked, view
from tests.laws.sound import sound_logs
from tests.laws.strategies import logs
from tests.laws.writer import Log, entry

ALL: list[Format] = ["anthropic", "openai", "responses"]


@given(logs(), styles, settings_strategy, st.integers(0, 4))
def test_what_is_stable_stays_in_place_byte_for_byte(log: Log, chosen: Style, settings: Settings, bound: int) -> None:
    before: list[bytes] = []
    seen: dict[int, str] = {}
    earlier = None
    for n in range(len(log.entries) + 1):
        body = view(log.entries[:n], chosen, settings, bound=bound).body()
        now = stable(body, chosen)
        assert now[: len(before)] == before
        document = json.loads(body)
        digest = document["stable_prefix"]["sha256"]
        assert seen.setdefault(len(now), digest) == digest, "one hash for one stable prefix"
        assert earlier is None or prefix_breaks(earlier, document) is None
        before, earlier = now, document
    assert len(set(seen.values())) == len(seen), "another stable prefix, another hash"


@given(logs(), styles, settings_strategy, st.integers(0, 4), st.data())
def test_a_view_that_grew_is_the_view_made_at_once(
    log: Log, chosen: Style, settings: Settings, bound: int, data: st.DataObject
) -> None:
    grown = View(session((), settings, bound=bound), None, chosen, decode_entry)
    done = 0
    while done < len(log.entries):
        upto = data.draw(st.integers(done + 1, len(log.entries)))
        grown.extend(session(log.entries[:upto], settings, bound=bound), log.entries[done:upto])
        done = upto
        if data.draw(st.booleans()):
            assert grown.body() == view(log.entries[:done], chosen, settings, bound=bound).body()
    assert grown.body() == grown.body() == view(log.entries, chosen, settings, bound=bound).body()


@given(sound_logs("anthropic"), styles, settings_strategy, st.data())
def test_system_and_tools_are_the_same_in_every_epoch(
    log: Log, chosen: Style, settings: Settings, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(1, len(log.entries)))
    before = parts(view(log.entries, chosen, settings).body())
    after = parts(view(log.entries, chosen, settings, cut=cut, bound=cut).body())
    assert after.get("tools") == before.get("tools")
    if chosen.target != "anthropic":
        if settings.system is not None and json.loads(items(before["messages"])[0])["role"] != "user":
            assert items(after["messages"])[0] == items(before["messages"])[0]
        return
    first, second = (items(p["system"]) if p.get("system", b"").startswith(b"[") else [] for p in (before, after))
    assert second[: len(first)] == first, "marks included"
    if not chosen.system_block:
        assert after.get("system") == before.get("system")


@pytest.mark.parametrize("target", ALL)
def test_the_system_text_is_not_edited(target: Format) -> None:
    content = b'"You \\u0061re  \\"terse\\"."'
    chosen = style(target, marks=False, model=None, ttl="5m", placement="user")
    made = view([entry(1, {"role": "user", "content": "hi"}, target)], chosen, Settings(system=System(content)))
    assert content in made.body()


@pytest.mark.parametrize("target", ALL)
def test_nothing_volatile_stands_before_the_tail(target: Format) -> None:
    """Another time, id, name or count in the header changes only the figures behind the messages."""
    entries = [entry(1, {"role": "user", "content": "hi"}, target)]
    chosen = style(target, marks=True, model=None, ttl="5m", placement="user")
    one = session(entries, Settings(system=System(b'"Be brief."')), cut=0)
    two = replace(one, uid=99, created_at=7.0, updated_at=9.0, revision=50, log_revision=40, live_tokens=5)
    fronts = []
    for header in (one, two):
        made = View(header, None, chosen, decode_entry)
        made.extend(header, entries)
        found = parts(made.body())
        fronts.append((found.get("system"), found["messages"], json.loads(found["stable_prefix"])["sha256"]))
    assert fronts[0] == fronts[1]


@given(sound_logs("anthropic"))
def test_the_mark_of_the_last_call_is_still_there_at_the_next(log: Log) -> None:
    """A provider looks back a few blocks only, so a long turn needs the mark where the last one stood."""
    chosen = style("anthropic", marks=True, model=None, ttl="5m", placement="user")
    calls = [n for n, e in enumerate(log.entries) if json.loads(e.raw)["role"] == "assistant"]
    for first, second in pairwise(calls):
        at = _marked(view(log.entries[:first], chosen).body(), chosen)
        assert at[-1] in _marked(view(log.entries[:second], chosen).body(), chosen)


@given(logs(), st.booleans())
def test_marks_stand_at_the_end_of_what_is_stable(log: Log, second: bool) -> None:
    """The last one on the last stable block that may carry one."""
    chosen = style("anthropic", marks=True, model=None, ttl="1h", placement="system_block" if second else "user")
    made = view(log.entries, chosen)
    at = _marked(made.body(), chosen)
    markable = [i for i, out in enumerate(made.tail.outs) if out.mark_at >= 0]
    assert (at[-1][0] if at else None) == (markable[-1] if markable else None)


def _marked(body: bytes, chosen: Style) -> list[tuple[int, int]]:
    """Where marks stand: (message, block)."""
    return [
        (i, j)
        for i, raw in enumerate(items(parts(body)["messages"]))
        for j, block in enumerate(items(parts(raw)["content"]))
        if unmarked(block, chosen) != block
    ]


def test_a_complete_group_is_stable_at_once() -> None:
    """Or each step of an agent would be paid uncached once more."""
    call = {"type": "tool_use", "id": "a", "name": "run", "input": {}}
    log = [
        entry(1, {"role": "user", "content": "go"}, "anthropic"),
        entry(2, {"role": "assistant", "content": [call]}, "anthropic"),
        entry(3, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"}]}, "anthropic"),
    ]
    chosen = style("anthropic", marks=True, model=None, ttl="5m", placement="user")
    counts = [json.loads(view(log[:n], chosen).body())["stable_prefix"]["messages"] for n in (1, 2, 3)]
    assert counts == [1, 1, 3]


def test_a_system_prompt_that_comes_with_the_first_messages_is_taken_up() -> None:
    chosen = style("anthropic", marks=True, model=None, ttl="5m", placement="user")
    grown = View(session(()), None, chosen, decode_entry)
    assert grown.empty()
    entries = [entry(1, {"role": "user", "content": "hi"}, "anthropic")]
    settings = Settings(system=System(b'"Be brief."'))
    grown.extend(session(entries, settings), entries)
    assert grown.body() == view(entries, chosen, settings).body()
