"""Every rule of the Messages API checker: one body that keeps it, one that breaks it."""

from __future__ import annotations

from typing import Any

import pytest

from memsvc.testing import violations

Json = dict[str, Any]
MARK = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}


def text(value: str = "hello", **more: Any) -> Json:
    return {"type": "text", "text": value, **more}


def call(id: str = "toolu_1", **more: Any) -> Json:
    return {"type": "tool_use", "id": id, "name": "look", "input": {"q": 1}, **more}


def result(id: str = "toolu_1", **more: Any) -> Json:
    return {"type": "tool_result", "tool_use_id": id, "content": "42", **more}


def user(*blocks: Any, **more: Any) -> Json:
    return {"role": "user", "content": list(blocks) or "hello", **more}


def said(*blocks: Any, **more: Any) -> Json:
    return {"role": "assistant", "content": list(blocks) or "hi", **more}


def body(*messages: Any, **more: Any) -> Json:
    return {"messages": list(messages), **more}


def talk(*blocks: Any) -> Json:
    """A body whose last user message has these blocks."""
    return body(user(), said(), user(*blocks))


def tooled(calls: list[Any], *after: Any) -> Json:
    return body(user(), said(*calls), *after)


SIGNED = {"type": "thinking", "thinking": "", "signature": "abc"}
PDF = {"type": "document", "source": {"type": "url", "url": "https://example.org/a.pdf"}}
SERVER = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
TOOL = {"name": "look", "input_schema": {"type": "object"}}

PAIRS: dict[str, tuple[Json, Json, str]] = {
    "non-empty messages": (body(user()), body(), "messages:"),
    "messages is a list": (body(user()), {"messages": None}, "messages:"),
    "message is an object": (body(user()), body("hello"), "messages[0]: must be an object"),
    "first is user": (body(user(), said()), body(said(), user()), "messages[0].role: the first"),
    "roles": (body(user(), said()), body(user(), {"role": "tool", "content": "x"}), "messages[1].role"),
    "no extra key": (body(user()), body(user(), said(id="msg_1")), "messages[1].id: extra key"),
    "no output key": (body(user()), body(user(), said(stop_reason="end_turn")), "messages[1].stop_reason"),
    "content not blank": (
        body(user()),
        body({"role": "user", "content": " \n"}),
        "messages[0].content: is blank",
    ),
    "content not empty": (body(user()), body({"role": "user", "content": []}), "messages[0].content: must"),
    "content present": (body(user()), body({"role": "user"}), "messages[0].content: must"),
    "content not null": (
        body(user()),
        body(user(), {"role": "assistant", "content": None}),
        "messages[1].content",
    ),
    "block is an object": (talk(text()), talk("hello"), "messages[2].content[0]: must be an object"),
    "block has a type": (talk(text()), talk({"text": "a"}), "messages[2].content[0]: must be an object"),
    "unknown block is opaque": (talk({"type": "x_new", "y": 1}), talk({"type": "image_url"}), "another API"),
    "text not blank": (talk(text()), talk(text(), text(" ")), "messages[2].content[1].text: is blank"),
    "text is text": (talk(text()), talk({"type": "text", "text": 3}), "messages[2].content[0].text: must"),
    "text has no extra key": (talk(text()), talk(text(id="a")), "messages[2].content[0].id: extra key"),
    "citations": (
        body(user(), said(text(citations=[])), user()),
        talk(text(citations=[])),
        "messages[2].content[0].citations",
    ),
    "document in assistant": (talk(PDF), body(user(), said(PDF)), "messages[1].content[0]: document"),
    "signature": (
        body(user(), said(SIGNED, text())),
        body(user(), said({"type": "thinking", "thinking": "hm"}, text())),
        "messages[1].content[0].signature",
    ),
    "redacted data": (
        body(user(), said({"type": "redacted_thinking", "data": "abc"}, text())),
        body(user(), said({"type": "redacted_thinking"}, text())),
        "messages[1].content[0].data",
    ),
    "thinking is the assistant's": (
        body(user(), said(SIGNED)),
        talk(SIGNED),
        "messages[2].content[0]: thinking",
    ),
    "call answered": (tooled([call()], user(result())), tooled([call()]), "messages[1]: call toolu_1"),
    "call answered at once": (
        tooled([call()], user(result()), said()),
        tooled([call()], user(), user(result())),
        "messages[1]: call toolu_1 is not answered",
    ),
    "answer before the assistant": (
        tooled([call()], user(result()), said()),
        tooled([call()], said(), user(result())),
        "messages[3].content[0].tool_use_id: no call",
    ),
    "parallel results together": (
        tooled([call("a"), call("b")], user(result("b"), result("a"))),
        tooled([call("a"), call("b")], user(result("a")), user(result("b"))),
        "messages[1]: call b",
    ),
    "results first": (
        tooled([call()], user(result(), text())),
        tooled([call()], user(text(), result())),
        "messages[2].content[1]: results must come first",
    ),
    "known result": (
        tooled([call()], user(result())),
        tooled([call()], user(result(), result("other"))),
        "messages[2].content[1].tool_use_id: no call other",
    ),
    "one result a call": (
        tooled([call()], user(result())),
        tooled([call()], user(result(), result())),
        "messages[2].content[1].tool_use_id: toolu_1 is answered twice",
    ),
    "ids unique": (
        tooled([call()], user(result()), said(call("toolu_2")), user(result("toolu_2"))),
        tooled([call()], user(result()), said(call()), user(result())),
        "messages[3].content[0].id: toolu_1 is there twice",
    ),
    "ids legal": (
        tooled([call("a-_9")], user(result("a-_9"))),
        tooled([call("a.b")], user(result("a.b"))),
        "messages[1].content[0].id: must match",
    ),
    "input is an object": (
        tooled([call(input={})], user(result())),
        tooled([call(input="{}")], user(result())),
        "messages[1].content[0].input",
    ),
    "call has a name": (tooled([call()], user(result())), tooled([call(name="")], user(result())), "].name"),
    "call is the assistant's": (
        tooled([call()], user(result())),
        talk(call()),
        "messages[2].content[0]: tool_use",
    ),
    "result is the user's": (
        tooled([call()], user(result())),
        tooled([call()], user(result()), said(result())),
        "messages[3].content[0]: tool_result outside",
    ),
    "result not blank inside": (
        tooled([call()], user(result(content=[text()]))),
        tooled([call()], user(result(content=[text("")]))),
        "messages[2].content[0].content[0].text: is blank",
    ),
    "result may be empty": (
        tooled([call()], user(result(content=""))),
        tooled([call()], user(result(content="", is_error=True))),
        "messages[2].content[0].content: may not be empty",
    ),
    "result holds no call": (
        tooled([call()], user(result(content=[PDF]))),
        tooled([call()], user(result(content=[call("b")]))),
        "messages[2].content[0].content[0].type: tool_use inside",
    ),
    "result content shape": (
        tooled([call()], user({"type": "tool_result", "tool_use_id": "toolu_1"})),
        tooled([call()], user(result(content={"a": 1}))),
        "messages[2].content[0].content: must be a string or a list",
    ),
    "is_error is a flag": (
        tooled([call()], user(result(is_error=False))),
        tooled([call()], user(result(is_error="no"))),
        "messages[2].content[0].is_error",
    ),
    "server pair": (
        body(user(), said(SERVER, FOUND, text())),
        body(user(), said(SERVER), user(), said(FOUND)),
        "messages[3].content[0].tool_use_id: no such server tool call",
    ),
    "system blocks": (
        body(user(), system=[text()]),
        body(user(), system=[text(" ")]),
        "system[0].text: is blank",
    ),
    "system is text": (
        body(user(), system="be brief"),
        body(user(), system=[PDF]),
        "system[0]: must be a text",
    ),
    "system shape": (body(user(), system="be brief"), body(user(), system={"a": 1}), "system: must be"),
    "tool shape": (body(user(), tools=[TOOL]), body(user(), tools=[{"type": "function"}]), "tools[0].name"),
    "tool schema": (
        body(user(), tools=[TOOL]),
        body(user(), tools=[{"name": "look"}]),
        "tools[0].input_schema",
    ),
    "tools unique": (body(user(), tools=[TOOL]), body(user(), tools=[TOOL, TOOL]), "tools[1].name: look"),
    "four marks": (
        body(
            user(*[text(cache_control=MARK)] * 2),
            tools=[{**TOOL, "cache_control": MARK}],
            system=[text(cache_control=MARK)],
        ),
        body(user(*[text(cache_control=MARK)] * 4), system=[text(cache_control=MARK)]),
        "cache_control: 5 marks",
    ),
    "automatic mark counts": (
        body(user(*[text(cache_control=MARK)] * 3), cache_control=MARK),
        body(user(*[text(cache_control=MARK)] * 4), cache_control=MARK),
        "cache_control: 5 marks",
    ),
    "mark form": (
        talk(text(cache_control=MARK)),
        talk(text(cache_control={"type": "x"})),
        "must be of type ephemeral",
    ),
    "mark ttl": (
        talk(text(cache_control=HOUR)),
        talk(text(cache_control={**MARK, "ttl": "2h"})),
        "cache_control.ttl",
    ),
    "no mark on thinking": (
        body(user(), said(SIGNED, text(cache_control=MARK))),
        body(user(), said({**SIGNED, "cache_control": MARK}, text())),
        "messages[1].content[0].cache_control: may not stand on thinking",
    ),
    "no mark on empty text": (
        talk(text(cache_control=MARK)),
        talk(text("", cache_control=MARK)),
        "messages[2].content[0].cache_control: may not stand on thinking or empty",
    ),
    "no mark inside a result": (
        tooled([call()], user(result(cache_control=MARK))),
        tooled([call()], user(result(content=[text(cache_control=MARK)]))),
        "messages[2].content[0].content[0].cache_control: may not stand inside",
    ),
    "1h before 5m": (
        body(user(text(cache_control=MARK)), system=[text(cache_control=HOUR)]),
        body(user(text(cache_control=HOUR)), system=[text(cache_control=MARK)]),
        "messages[0].content[0].cache_control: 1h after 5m",
    ),
    "serialisable": (body(user()), body(user(text("\ud800"))), "body: is not JSON"),
    "finite": (
        tooled([call()], user(result())),
        tooled([call(input={"a": float("nan")})], user(result())),
        "body:",
    ),
    "only JSON values": (body(user()), body(user(), extra={1, 2}), "body: is not JSON"),
}


@pytest.mark.parametrize("rule", PAIRS)
def test_a_good_body_passes(rule: str) -> None:
    assert violations(PAIRS[rule][0], "anthropic") == []


@pytest.mark.parametrize("rule", PAIRS)
def test_a_bad_body_is_found_and_its_place_named(rule: str) -> None:
    _, bad, expected = PAIRS[rule]
    found = violations(bad, "anthropic")
    assert any(expected in line for line in found), found


def system_in_messages(*messages: Json, model: str | None) -> list[str]:
    return violations(body(*messages), "anthropic", model)


SYSTEM = {"role": "system", "content": "from now on, in French"}


@pytest.mark.parametrize("model", ["claude-opus-4-8", "claude-opus-5-5", "claude-sonnet-5-5", "claude-fable-5-1"])
def test_system_in_mid_conversation_where_the_model_takes_it(model: str) -> None:
    assert system_in_messages(user(), SYSTEM, said(), user(), SYSTEM, model=model) == []


@pytest.mark.parametrize("model", [None, "claude-sonnet-5", "claude-opus-4-6", "claude-haiku-4-5"])
def test_system_in_mid_conversation_elsewhere(model: str | None) -> None:
    found = system_in_messages(user(), SYSTEM, said(), model=model)
    assert any("messages[1].role: system is not allowed" in line for line in found)


@pytest.mark.parametrize("messages", [(user(), said(), SYSTEM), (user(), SYSTEM, user())])
def test_system_stands_only_between_user_and_assistant(messages: tuple[Json, ...]) -> None:
    found = system_in_messages(*messages, model="claude-opus-5-5")
    assert any("system must follow a user message" in line for line in found)


def test_system_messages_hold_text_only() -> None:
    found = system_in_messages(user(), {"role": "system", "content": [PDF]}, model="claude-opus-5-5")
    assert any("only text may stand" in line for line in found)


def test_consecutive_roles_are_no_violation() -> None:
    assert violations(body(user(), user(), said(), said(), user()), "anthropic") == []


def test_other_members_of_a_reply_do_not_matter() -> None:
    assert violations(body(user(), epoch=3, covers=None, tokens={"full": 1}), "anthropic") == []


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ValueError, match="gemini"):
        violations(body(user()), "gemini")  # type: ignore[arg-type]
