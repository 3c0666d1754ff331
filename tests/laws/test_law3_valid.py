"""Law 3: what fetch returns is accepted by the provider, and says what the log says."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from memsvc.core.model import Format, Settings
from memsvc.core.render import convert, decode_entry
from memsvc.core.render.context import Style, style
from memsvc.core.turns import groups
from tests.laws.contexts import (
    faults,
    instructs,
    items,
    leaves,
    marks,
    messages,
    parts,
    settings_strategy,
    styles,
    view,
)
from tests.laws.sound import sound_logs
from tests.laws.strategies import logs
from tests.laws.writer import Json, Log, entry

FORMATS: list[Format] = ["anthropic", "openai", "responses"]
MARKABLE = {"text", "image", "document", "tool_use", "tool_result", "web_search_20260209"}
TAG = re.compile(r"t\d+;")
LATER_RESULT = re.compile(r"messages\[\d+\]\.content\[\d+\]\.tool_use_id: no such server tool call in this message")


def check_valid(body: Json, chosen: Style) -> None:
    """No rule of the provider is broken.

    The rules hold a server tool's result against its own message only; across messages
    `check_server_tools` looks."""
    found = [v for v in faults(body, chosen.target) if not LATER_RESULT.fullmatch(v)]
    assert not found
    if chosen.target == "anthropic":
        check_server_tools(body["messages"])
        check_marks(body)


def check_server_tools(sent: list[Json]) -> None:
    """A server tool's result stands behind its call, with nothing but tool results between them."""
    waiting: set[str] = set()
    for message in sent:
        for block in message["content"] if isinstance(message["content"], list) else [{"type": "text"}]:
            kind = block["type"]
            if message["role"] == "user":
                assert not waiting or kind == "tool_result", "something is said while a server tool runs"
            elif kind in ("server_tool_use", "mcp_tool_use"):
                waiting.add(block["id"])
            elif kind.endswith("_tool_result"):
                assert block["tool_use_id"] in waiting
                waiting.remove(block["tool_use_id"])


def check_marks(body: Json) -> None:
    """At most four marks, none of them where the provider takes none."""
    marked = marks(body)
    assert len(marked) <= 4
    assert {b["type"] for b in marked if "type" in b} <= MARKABLE
    inside = [m["content"] for m in body["messages"] if isinstance(m["content"], list)]
    for block in (b for blocks in inside for b in blocks):
        rest = {k: v for k, v in block.items() if k not in ("cache_control", "input")}
        assert '"cache_control"' not in json.dumps(rest)


def check_says(log: Log, cut: int, body: Json) -> None:
    """Every text with a tag stands in the context once; what was spoken in its order."""
    found = [tag for m in body["messages"] for leaf in leaves(m) for tag in TAG.findall(leaf)]
    assert len(found) == len(set(found))
    wanted = [tag for tags in (log.spoken, log.heard, log.called) for seq, tag in tags if seq > cut]
    assert set(found) == set(wanted)
    spoken = [tag for seq, tag in log.spoken if seq > cut]
    assert [tag for tag in found if tag in set(spoken)] == spoken


@settings(max_examples=200)
@given(logs(), styles, settings_strategy, st.integers(0, 4))
def test_any_log_gives_a_context_that_the_provider_takes(
    log: Log, chosen: Style, given_settings: Settings, bound: int
) -> None:
    made = view(log.entries, chosen, given_settings, bound=bound)
    body = json.loads(made.body())
    check_valid(body, chosen)
    check_says(log, 0, body)


@settings(max_examples=200)
@given(logs(), styles, settings_strategy, st.data())
def test_after_a_cut_between_any_two_groups(
    log: Log, chosen: Style, given_settings: Settings, data: st.DataObject
) -> None:
    ends = [g.last_seq for g in groups(log.entries, decode_entry) if not g.open]
    assume(ends)
    cut = data.draw(st.sampled_from(ends))
    made = view(log.entries, chosen, given_settings, cut=cut, bound=cut)
    assume(not made.empty())
    body = json.loads(made.body())
    if chosen.system_block:  # with the summary among the instructions, there may be nothing else to answer
        assume(not all(map(instructs, body["messages"])))
    check_valid(body, chosen)
    check_says(log, cut, body)
    where = body.get("system") if chosen.system_block and chosen.target == "anthropic" else body["messages"]
    assert any("So far." in leaf for leaf in leaves(where))


@given(logs(), styles, st.data())
def test_at_every_moment_of_its_growth(log: Log, chosen: Style, data: st.DataObject) -> None:
    upto = data.draw(st.integers(1, len(log.entries)))
    made = view(log.entries[:upto], chosen)
    body = json.loads(made.body())
    assume(not all(map(instructs, body["messages"])))
    check_valid(body, chosen)
    check_says(log.upto(upto), 0, body)


@settings(max_examples=200)
@given(logs(), styles, settings_strategy, st.data())
def test_whatever_is_redacted(log: Log, chosen: Style, given_settings: Settings, data: st.DataObject) -> None:
    """A call without its result, a result without its call, a reply without its question."""
    gone = data.draw(st.sets(st.sampled_from([e.seq for e in log.entries]), min_size=1))
    kept = tuple(e for e in log.entries if e.seq not in gone)
    bound = data.draw(st.sampled_from([0, log.entries[-1].revision]))
    made = view(kept, chosen, given_settings, bound=bound)
    assume(not made.empty())
    body = json.loads(made.body())
    assume(not all(map(instructs, body["messages"])))
    check_valid(body, chosen)
    tags = ([t for t in tags if t[0] not in gone] for tags in (log.spoken, log.heard, log.called))
    check_says(Log(kept, *tags), 0, body)


@given(logs(), st.sampled_from(FORMATS))
def test_the_last_user_message_is_there(log: Log, target: Format) -> None:
    chosen = style(target, marks=False, model=None, ttl="5m", placement="user")
    body = json.loads(view(log.entries, chosen).body())
    users = [e.seq for e in log.entries if decode_entry(e).native_role == "user"]
    wanted = {tag for seq, tag in log.spoken if seq == users[-1]}
    said = {tag for m in body["messages"] if m.get("role") == "user" for leaf in leaves(m) for tag in TAG.findall(leaf)}
    assert wanted <= said


@pytest.mark.parametrize("target", FORMATS)
@given(data=st.data())
def test_a_sound_log_comes_back_as_it_was_written(target: Format, data: st.DataObject) -> None:
    log = data.draw(sound_logs(target))
    plain = style(target, marks=False, model=None, ttl="5m", placement="user")
    sent = messages(view(log.entries, plain).body())
    assert [json.loads(m) for m in sent] == [json.loads(e.raw) for e in log.entries]
    for rendered, stored in zip(sent, log.entries, strict=True):
        if isinstance(json.loads(stored.raw).get("content"), list):
            blocks = items(parts(stored.raw)["content"])
            assert items(parts(rendered)["content"]) == blocks, "blocks keep their bytes"
        if target != "anthropic":
            assert rendered == stored.raw.strip()
    marked = style(target, marks=True, model="gpt-6-sol", ttl="5m", placement="user")
    check_valid(json.loads(view(log.entries, marked).body()), marked)


@given(sound_logs("openai"))
def test_through_the_other_format_and_back(log: Log) -> None:
    there = [entry(e.seq, raw, "anthropic") for e in log.entries for raw in convert(e, "anthropic")]
    back = [json.loads(raw) for e in there for raw in convert(e, "openai")]
    before = [json.loads(e.raw) for e in log.entries]
    assert len(back) == len(before)
    for old, new in zip(before, back, strict=True):
        assert new["role"] == ("user" if old["role"] in ("system", "developer") else old["role"])
        assert new.get("tool_call_id") == old.get("tool_call_id")
        assert _calls(new) == _calls(old)
        assert set(_said(old)) <= set(_said(new))


@given(sound_logs("openai"))
def test_through_items_and_back(log: Log) -> None:
    """A message that becomes several items is one message again."""
    there, here = (style(f, marks=False, model=None, ttl="5m", placement="user") for f in ("responses", "openai"))
    items_of = messages(view(log.entries, there).body())
    assert not faults({"input": [json.loads(i) for i in items_of]}, "responses")
    again = [entry(i + 1, raw, "responses") for i, raw in enumerate(items_of)]
    back = json.loads(view(again, here).body())["messages"]
    before = [json.loads(e.raw) for e in log.entries]
    assert [m["role"] for m in back] == [m["role"] for m in before]
    for old, new in zip(before, back, strict=True):
        assert new.get("tool_call_id") == old.get("tool_call_id")
        assert _calls(new) == _calls(old)
        assert _said(new) == _said(old)


def _calls(message: Json) -> list[tuple[str, str, object]]:
    calls = message.get("tool_calls") or []
    return [(c["id"], c["function"]["name"], json.loads(c["function"]["arguments"])) for c in calls]


def _said(message: Json) -> list[str]:
    return [tag for leaf in leaves(message.get("content")) for tag in TAG.findall(leaf)]
