"""Listening to replies that pass through: whole, in pieces, broken off, and not what they should be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memsvc.core.render import decode
from memsvc.core.stream import Heard, WithoutUsage, tap, whole
from memsvc.core.stream.sse import fields
from memsvc.testing import violations
from tests.core.streams import (
    CHAT,
    CITED,
    MESSAGE,
    REASONED,
    REDACTED,
    RESPONSE,
    SEARCHED,
    STREAMS,
    Events,
    Json,
    called,
    chunks,
    function,
    message,
    response,
    said,
    sse,
    thought,
    told,
    used,
)

APIS: Any = ["messages", "chat", "responses"]
FORMATS: Any = {"messages": "anthropic", "chat": "openai", "responses": "responses"}


def hear(api: Any, *stream: bytes) -> Heard:
    heard = tap(api)
    for chunk in stream:
        heard.feed(chunk)
    return heard.heard()


def said_in(heard: Heard) -> list[Json]:
    return [json.loads(m) for m in heard.messages]


def content_of(heard: Heard) -> Any:
    """The content of the one message."""
    (only,) = said_in(heard)
    return only["content"]


def sent_back(api: Any, heard: Heard) -> Json:
    """A request that goes on from what was heard, its calls answered."""
    replies = said_in(heard)
    if api == "responses":
        calls = [r["call_id"] for r in replies if r["type"] == "function_call"]
        outputs = [{"type": "function_call_output", "call_id": c, "output": "found"} for c in calls]
        return {"input": [{"role": "user", "content": "go"}, *replies, *outputs]}
    first = {"role": "user", "content": "go"}
    if api == "chat":
        calls = [c["id"] for r in replies for c in r.get("tool_calls", [])]
        return {"messages": [first, *replies, *({"role": "tool", "tool_call_id": c, "content": "x"} for c in calls)]}
    calls = [b["id"] for r in replies for b in r["content"] if b["type"] == "tool_use"]
    results = [{"type": "tool_result", "tool_use_id": c, "content": "x"} for c in calls]
    return {"messages": [first, *replies, {"role": "user", "content": [*results, {"type": "text", "text": "on"}]}]}


def is_legal(api: Any, heard: Heard) -> bool:
    return violations(sent_back(api, heard), FORMATS[api]) == []


# --- what comes of a whole stream ------------------------------------------------------


def test_a_message_with_everything() -> None:
    heard = hear("messages", sse(MESSAGE))
    assert (heard.id, heard.model, heard.stop, heard.complete) == ("msg_1", "claude-opus-5-5", "tool_use", True)
    usage = {"input_tokens": 12, "cache_read_input_tokens": 9, "output_tokens": 33, "service_tier": "standard"}
    assert heard.usage == usage
    blocks = content_of(heard)
    assert blocks == [
        {"type": "thinking", "thinking": "Zürich? 東京! 🦉", "signature": "first"},
        {"type": "text", "text": 'Let me "look"… 🦊 at\n\nit.'},
        *REDACTED,
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "look", "input": {"query": "owls"}},
        *SEARCHED,
        {"type": "text", "text": "as it says", "citations": [CITED[2]["citation"], CITED[3]["citation"]]},
        {"type": "hologram", "depth": 1.0, "shape": "round"},
        {"type": "thinking", "thinking": "both", "signature": "second"},
        {
            "type": "tool_use",
            "id": "toolu_1",
            "name": "look",
            "input": {"zebra": 1, "apple": {"b": [1.0, 2], "a": "é x"}},
        },
        {"type": "tool_use", "id": "toolu_2", "name": "look", "input": {}},
    ]


def test_input_keeps_its_order_and_numbers() -> None:
    heard = hear("messages", sse(message(used("t", '{"b": 1.0, "a": 1e2, ', '"n": 12345678901234567890123}'))))
    assert b'"input":{"b":1.0,"a":1e2,"n":12345678901234567890123}' in heard.messages[0]
    again = whole(
        "messages", b'{"type":"message","content":[{"type":"tool_use","id":"t","name":"n","input":{"b":1.0}}]}'
    )
    assert b'"input":{"b":1.0}' in again.messages[0]


def test_a_chat_message_with_everything() -> None:
    heard = hear("chat", STREAMS["chat"])
    assert (heard.id, heard.model, heard.stop, heard.complete) == ("chatcmpl-1", "gpt-6-luna", "tool_calls", True)
    assert heard.usage == {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
    arguments = '{"z": 1.0, "a": []}'
    assert said_in(heard) == [
        {
            "role": "assistant",
            "content": 'Grüße "aus" 東京 🦊',
            "reasoning_content": "Hm, 🦉.",
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": arguments}},
                {"id": "call_2", "type": "function", "function": {"name": "look", "arguments": "{}"}},
            ],
        }
    ]


@pytest.mark.parametrize("output", [True, False])  # some servers send the last event without
def test_a_response_with_everything(output: bool) -> None:
    items = [REASONED, said("Grüße"), {**REASONED, "id": "rs_2"}, function(1), function(2, "{}")]
    heard = hear("responses", sse(response(*items, output=output)))
    assert (heard.id, heard.model, heard.stop, heard.complete) == ("resp_1", "gpt-6.1-sol", "completed", True)
    assert heard.usage == {"input_tokens": 11, "input_tokens_details": {"cached_tokens": 3}, "output_tokens": 5}
    assert said_in(heard) == items
    assert b'"arguments": "{\\"z\\": 1.0, \\"a\\": 2}"' in heard.messages[3]


def test_of_several_choices_the_first_is_heard() -> None:
    events = chunks({"content": "mine"})
    for event in events[:-1]:
        event["choices"].append({"index": 1, "delta": {"content": "other"}, "finish_reason": "length"})
    heard = hear("chat", sse(events))
    assert (content_of(heard), heard.stop) == ("mine", "stop")


def test_spoken_audio_is_named_by_its_id() -> None:
    pieces = [{"audio": {"id": "audio_1", "transcript": "Hel"}}, {"audio": {"data": "AAAA", "expires_at": 9}}]
    assert said_in(hear("chat", sse(chunks(*pieces)))) == [
        {"role": "assistant", "content": None, "audio": {"id": "audio_1"}}
    ]


def test_a_refusal_of_the_model_is_kept() -> None:
    heard = hear("chat", sse(chunks({"content": None, "refusal": "I "}, {"refusal": "won't"})))
    assert said_in(heard) == [{"role": "assistant", "content": None, "refusal": "I won't"}]
    part = {"type": "refusal", "refusal": "I won't"}
    assert content_of(hear("responses", sse(response(said("", content=[part]))))) == [part]


@pytest.mark.parametrize(
    "deltas",
    [
        [called(0, "a", "{"), called(0, None, "}"), called(0, "b", "{}")],  # one index for all
        [{"tool_calls": [{"id": i, "function": {"name": "look", "arguments": "{}"}}]} for i in "ab"],  # no index
        [{"tool_calls": [called(0, "a", "{}")["tool_calls"][0], called(1, "b", "{}")["tool_calls"][0]]}],  # one chunk
        [called(1, "a", "{}"), called(1, "a"), called(2, "b", "{}")],  # the id again, and not from 0
    ],
)
def test_calls_as_other_servers_send_them(deltas: list[Json]) -> None:
    (reply,) = said_in(hear("chat", sse(chunks(*deltas, stop="tool_calls"))))
    assert [(c["id"], c["type"], c["function"]["arguments"]) for c in reply["tool_calls"]] == [
        ("a", "function", "{}"),
        ("b", "function", "{}"),
    ]


def test_what_a_call_carries_beside_is_kept() -> None:
    delta = called(0, "a", "{}")
    delta["tool_calls"][0]["extra_content"] = {"google": {"thought_signature": "c2ln"}}
    (reply,) = said_in(hear("chat", sse(chunks(delta, stop="tool_calls"))))
    assert reply["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "c2ln"}}
    custom = {"index": 0, "id": "c", "type": "custom", "custom": {"name": "sql", "input": "select"}}
    more = {"index": 0, "custom": {"input": " 1"}}
    (reply,) = said_in(hear("chat", sse(chunks({"tool_calls": [custom]}, {"tool_calls": [more]}, stop="tool_calls"))))
    assert reply["tool_calls"] == [{"id": "c", "type": "custom", "custom": {"name": "sql", "input": "select 1"}}]


def test_the_way_before_tools() -> None:
    deltas = [{"function_call": {"name": "look", "arguments": "{"}}, {"function_call": {"arguments": "}"}}]
    (reply,) = said_in(hear("chat", sse(chunks(*deltas, stop="function_call"))))
    assert reply == {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": "{}"}}


def test_another_model_may_take_over() -> None:
    fallback = ({"type": "fallback", "from": {"model": "a"}, "to": {"model": "claude-opus-5"}},)
    heard = hear("messages", sse(message(fallback, told("hello"))))
    assert heard.model == "claude-opus-5"
    assert [b["type"] for b in content_of(heard)] == ["fallback", "text"]


@pytest.mark.parametrize(
    ("api", "stream"),
    [
        ("messages", sse(message())),
        ("messages", sse(message(told(" \n")))),
        ("messages", sse(message(thought("only"), stop="max_tokens"))),
        ("chat", sse(chunks({"role": "assistant", "content": ""}))),
        ("chat", sse(chunks({"reasoning_content": "only"}, stop="length"))),
        ("responses", sse(response(said("  ")))),
        ("responses", sse(response(REASONED, status="incomplete"))),
    ],
)
def test_nothing_to_send_back(api: Any, stream: bytes) -> None:
    heard = hear(api, stream)
    assert heard.messages == ()
    assert heard.complete


def test_why_a_response_is_incomplete() -> None:
    cut = function(1, '{"z": ', status="incomplete")
    stream = sse(response(REASONED, cut, status="incomplete", incomplete_details={"reason": "max_output_tokens"}))
    heard = hear("responses", stream)
    assert (heard.stop, heard.complete, heard.messages) == ("incomplete:max_output_tokens", True, ())


def test_a_call_that_max_tokens_cut_is_left_out() -> None:
    heard = hear("messages", sse(message(told("on it"), used("t", '{"a": "b'), stop="max_tokens")))
    assert content_of(heard) == [{"type": "text", "text": "on it"}]
    heard = hear("chat", sse(chunks({"content": "on it"}, called(0, "a", '{"a": "b'), stop="length")))
    assert said_in(heard) == [{"role": "assistant", "content": "on it"}]


def test_a_call_that_ended_is_kept_whatever_its_arguments() -> None:
    (reply,) = said_in(hear("chat", sse(chunks(called(0, "a", '{"a": b}'), stop="tool_calls"))))
    assert reply["tool_calls"][0]["function"]["arguments"] == '{"a": b}'
    (item,) = said_in(hear("responses", sse(response(function(1, "not json")))))
    assert item["arguments"] == "not json"


# --- cut anywhere ------------------------------------------------------------------------


@pytest.mark.parametrize("api", APIS)
def test_byte_by_byte_it_is_legal_and_incomplete_until_the_end(api: Any) -> None:
    stream = STREAMS[api]
    end = len(sse(CHAT[:-1])) if api == "chat" else len(stream)  # a reason to stop ends a choice
    listener = tap(api)
    before = Heard()
    for at in range(len(stream)):
        listener.feed(stream[at : at + 1])
        heard = listener.heard()
        assert heard.complete is (at + 1 >= end), at
        if heard != before:
            before = heard
            assert is_legal(api, heard), at
    assert before == hear(api, stream)


@pytest.mark.parametrize("api", APIS)
@given(data=st.data())
def test_it_does_not_matter_where_it_is_cut(api: Any, data: st.DataObject) -> None:
    stream = STREAMS[api]
    if data.draw(st.booleans(), "CRLF"):
        stream = stream.replace(b"\n", b"\r\n")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20), "cuts"))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert hear(api, *pieces) == hear(api, STREAMS[api])


def _data_in_two_lines(stream: bytes) -> bytes:
    return stream.replace(b'data: {"', b'data: {\ndata: "')


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda s: s.replace(b"\n", b"\r"),
        lambda s: s.replace(b"\n\n", b"\r\n\n"),
        lambda s: s.replace(b"data: ", b"data:"),
        lambda s: s.replace(b"\n\n", b"\n: keep-alive\n\n: another\n\n\n"),
        lambda s: b"\xef\xbb\xbf" + s,
        lambda s: b": first\n\nretry: 10\nid: 7\n\n" + s,
        lambda s: s.replace(b"\n\n", b"\n\nevent: ping\ndata: not json\n\n"),
        lambda s: s.replace(b"\n\n", b'\n\nevent: news\ndata: {"type": "news", "index": 0, "delta": {}}\n\n', 3),
        lambda s: s.replace(b"\n\n", b"\n\ndata: [1]\n\ndata: null\n\ndata:\n\n"),
        _data_in_two_lines,
    ],
)
@pytest.mark.parametrize("api", APIS)
def test_other_ways_to_write_the_same_stream(api: Any, rewrite: Any) -> None:
    stream = rewrite(STREAMS[api])
    assert hear(api, stream) == hear(api, STREAMS[api])
    assert hear(api, *(stream[n : n + 1] for n in range(len(stream)))) == hear(api, STREAMS[api])


def test_names_of_events_or_their_types_will_do() -> None:
    assert hear("messages", sse(MESSAGE, named=False)) == hear("messages", sse(MESSAGE))
    untyped = sse(MESSAGE)
    for kind in {e["type"] for e in MESSAGE}:
        untyped = untyped.replace(f'"type": "{kind}", '.encode(), b"")
    assert hear("messages", untyped) == hear("messages", sse(MESSAGE))


# --- broken off --------------------------------------------------------------------------


def until(events: Events, kind: str, nth: int = 0) -> bytes:
    """The stream up to the nth event of a type, with it."""
    places = [n for n, e in enumerate(events) if e.get("type") == kind]
    return sse(events[: places[nth] + 1])


def test_text_so_far_is_kept_and_calls_that_have_not_ended_are_not() -> None:
    events = message(told("one", " two"), used("a", '{"x": 1}'), used("b", '{"x":'))
    stream = until(events, "content_block_delta", -1)
    assert [b.get("input", b.get("text")) for b in content_of(hear("messages", stream))] == ["one two", {"x": 1}]
    opened = until(message(told("one"), used("a")), "content_block_start", 1)
    assert content_of(hear("messages", opened)) == [{"type": "text", "text": "one"}]


def test_unsigned_thinking_is_not_kept() -> None:
    assert hear("messages", until(message(thought("so")), "content_block_delta", 0)).messages == ()
    heard = hear("messages", sse(message(thought("so", ""), told("yes"))))
    assert content_of(heard) == [{"type": "text", "text": "yes"}]


def test_a_server_tool_without_its_result_is_kept_only_if_the_reply_is_whole() -> None:
    events = message(told("searching"), used("srvtoolu_1", "{}", kind="server_tool_use"), stop="pause_turn")
    assert [b["type"] for b in content_of(hear("messages", sse(events)))] == ["text", "server_tool_use"]
    assert [b["type"] for b in content_of(hear("messages", sse(events[:-1])))] == ["text"]


def test_an_unfinished_item_is_a_message_or_nothing() -> None:
    stream = until(response(said("Hello there")), "response.output_text.delta", 0)
    (item,) = said_in(hear("responses", stream))
    assert (item["status"], item["content"][0]["text"]) == ("incomplete", "Hello")
    events = response(REASONED, said("so"), {**REASONED, "id": "rs_2"}, function(1))
    heard = hear("responses", until(events, "response.function_call_arguments.delta", 1))
    assert [i["id"] for i in said_in(heard)] == ["rs_1", "msg_1"]


def test_reasoning_goes_with_what_follows_it() -> None:
    events = response(REASONED, function(1), status="incomplete", output=False)
    assert hear("responses", until(events, "response.output_item.done", 0)).messages == ()
    assert [i["id"] for i in said_in(hear("responses", sse(events[:-1])))] == ["rs_1", "fc_1"]


def test_an_event_that_cannot_be_read_ends_what_is_believed() -> None:
    events = message(told("one ", "two ", "three"))
    lines = sse(events).split(b"\n\n")
    place = next(n for n, line in enumerate(lines) if b"two" in line)
    lines[place] = lines[place][:-9]
    heard = hear("messages", b"\n\n".join(lines))
    assert content_of(heard) == [{"type": "text", "text": "one "}]
    assert heard.usage is not None
    assert (heard.usage["output_tokens"], heard.stop, heard.complete) == (33, "end_turn", False)
    broken = sse(CHAT[:3]) + b"data: {\n\n" + sse(CHAT[3:], done=True)
    heard = hear("chat", broken)
    assert (content_of(heard), heard.complete, heard.usage) == ("Grüße ", False, CHAT[-1]["usage"])
    heard = hear("responses", sse(RESPONSE[:4]) + b"data: \xff\n\n" + sse(RESPONSE[4:]))
    assert heard == hear("responses", sse(RESPONSE)), "the last event has it all again"


OVERLOADED = {"type": "overloaded_error", "message": "Overloaded"}


@pytest.mark.parametrize(
    ("api", "before", "event", "told_error"),
    [
        ("messages", MESSAGE[:6], {"type": "error", "error": OVERLOADED}, OVERLOADED),
        ("messages", MESSAGE[:6], {"error": OVERLOADED}, OVERLOADED),
        ("chat", CHAT[:4], {"error": {"message": "no", "code": 500}}, {"message": "no", "code": 500}),
        ("chat", CHAT[:4], {"error": "no"}, {"message": "no"}),
        ("responses", RESPONSE[:9], {"type": "error", "code": "x", "message": "no"}, {"code": "x", "message": "no"}),
        ("responses", RESPONSE[:9], {"type": "error", "error": {"code": "x"}}, {"code": "x"}),
        ("responses", RESPONSE[:9], response(status="failed", error={"code": "x"})[-1], {"code": "x"}),
        ("responses", RESPONSE[:9], {"type": "response.failed"}, {"message": "the response failed"}),
    ],
)
def test_an_error_inside(api: Any, before: Events, event: Json, told_error: Json) -> None:
    rest = {"messages": MESSAGE, "chat": CHAT, "responses": RESPONSE}[api][len(before) :]
    heard = hear(api, sse(before) + sse([event]) + sse(rest))
    assert (heard.error, heard.complete) == (told_error, False)
    assert heard.messages == hear(api, sse(before)).messages
    assert is_legal(api, heard)


# --- at once -----------------------------------------------------------------------------


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"{}", b'{"a":', b"\xff", b"<html>", b'{"content":1,"choices":2,"output":3}']
)
def test_a_body_that_is_no_reply(api: Any, body: bytes) -> None:
    assert whole(api, body) == Heard()


@pytest.mark.parametrize("api", APIS)
def test_an_error_body(api: Any) -> None:
    error = {"type": "invalid_request_error", "message": "no"}
    heard = whole(api, json.dumps({"type": "error", "error": error, "request_id": "req_1"}).encode())
    assert heard == Heard(error=error)


def test_a_message_at_once() -> None:
    streamed = hear("messages", sse(MESSAGE))
    body = {**MESSAGE[0]["message"], "content": [*content_of(streamed), {"type": "text", "text": " "}]}
    body |= {"usage": streamed.usage, "stop_reason": "tool_use"}
    heard = whole("messages", json.dumps(body).encode())
    assert said_in(heard) == said_in(streamed)
    assert heard == Heard("msg_1", "claude-opus-5-5", heard.messages, streamed.usage, "tool_use", True)


def test_a_completion_at_once() -> None:
    streamed = hear("chat", sse(CHAT))
    said_whole = {**said_in(streamed)[0], "refusal": None, "annotations": [], "audio": None}
    choices = [{"index": 0, "message": said_whole, "finish_reason": "tool_calls"}]
    body = {"id": "chatcmpl-1", "model": "gpt-6-luna", "choices": choices, "usage": streamed.usage}
    assert whole("chat", json.dumps(body).encode()) == streamed


def test_a_response_at_once() -> None:
    streamed = hear("responses", sse(RESPONSE))
    assert whole("responses", json.dumps(RESPONSE[-1]["response"], ensure_ascii=False).encode()) == streamed
    waiting = whole("responses", json.dumps(RESPONSE[0]["response"]).encode())
    assert (waiting.stop, waiting.complete, waiting.messages) == ("in_progress", False, ())


# --- anything ----------------------------------------------------------------------------


def test_halves_of_a_character_in_two_events_are_joined() -> None:
    heard = hear(
        "messages", sse(message(told("HALF", "REST"))).replace(b"HALF", rb"\ud83e").replace(b"REST", rb"\udd8a")
    )
    assert content_of(heard) == [{"type": "text", "text": "🦊"}]
    heard = hear("chat", sse(chunks({"content": "a HALF b"})).replace(b"HALF", rb"\ud83e"))
    assert content_of(heard) == "a \ufffd b"
    item = sse(response(said("a HALF b"))).replace(b"HALF", rb"\ud83e")
    assert content_of(hear("responses", item))[0]["text"] == "a \ufffd b"


@pytest.mark.parametrize(
    "deep", [b'{"a":' * 900 + b"1" + b"}" * 900, b"[" * 90_000, b'{"a":1e999}', b'{"a":' + b"9" * 5_000]
)
@pytest.mark.parametrize("api", APIS)
def test_deep_and_huge_values(api: Any, deep: bytes) -> None:
    assert not hear(api, STREAMS[api][:800] + b"\n\ndata: " + deep + b"\n\n").complete
    assert whole(api, deep) == Heard()
    assert content_of(hear("messages", sse(message(told("x"), used("t", deep.decode()))))) == [
        {"type": "text", "text": "x"}
    ]


@pytest.mark.parametrize("api", APIS)
@given(
    data=st.lists(st.binary(max_size=30) | st.sampled_from([b"data:", b"\n\n", b"\r", b"{}", b'"usage"', b"[DONE]"]))
)
def test_any_bytes(api: Any, data: list[bytes]) -> None:
    heard = hear(api, *data)
    assert not heard.messages
    whole(api, b"".join(data))


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
VALUES = st.recursive(LEAVES, lambda v: st.lists(v, max_size=2) | st.dictionaries(st.text(max_size=4), v, max_size=2))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(p for k, v in inner for p in places(v, (*path, k)))]


@pytest.mark.parametrize("api", APIS)
@given(data=st.data())
def test_any_values_in_place_of_the_right_ones(api: Any, data: st.DataObject) -> None:
    events = json.loads(json.dumps({"messages": MESSAGE, "chat": CHAT, "responses": RESPONSE}[api]))
    for _ in range(data.draw(st.integers(1, 4))):
        *path, last = data.draw(st.sampled_from(places(events)[1:]))
        target: Any = events
        try:
            for step in path:
                target = target[step]
            target[last] = data.draw(VALUES)
        except (KeyError, IndexError, TypeError):  # the place is gone
            continue
    heard = hear(api, sse([e for e in events if isinstance(e, dict)], named=False, done=True))
    heard_of = [heard, *(whole(api, json.dumps(p).encode()) for e in events if isinstance(e, dict) for p in e.values())]
    for each in (m for h in heard_of for m in h.messages):
        decode(each, FORMATS[api])  # the log takes it


def test_what_the_log_would_refuse_is_not_heard() -> None:
    heard = hear("messages", sse(message(told("x"), ({"type": "tool_result", "tool_use_id": "t"},))))
    assert (heard.messages, heard.complete) == ((), True)


# --- the usage that nobody asked for -------------------------------------------------------


def passed(*stream: bytes) -> bytes:
    without = WithoutUsage()
    return b"".join([*(without.feed(c) for c in stream), without.rest()])


ASKED, PLAIN = sse(chunks({"content": 'a "usage" b'}, {"content": "c"}), done=True), b""
PLAIN = sse(chunks({"content": 'a "usage" b'}, {"content": "c"}, usage=False), done=True)


@given(ends=st.sampled_from([b"\n", b"\r\n", b"\r"]), cuts=st.lists(st.integers(0, len(ASKED) * 2), max_size=20))
def test_a_stream_without_usage(ends: bytes, cuts: list[int]) -> None:
    stream, wanted = ASKED.replace(b"\n", ends), PLAIN.replace(b"\n", ends)
    steps = sorted(min(c, len(stream)) for c in cuts)
    assert passed(*(stream[a:b] for a, b in zip([0, *steps], [*steps, len(stream)], strict=True))) == wanted
    assert passed(wanted) == wanted


def test_whole_events_are_passed_on_at_once() -> None:
    without = WithoutUsage()
    for event in ASKED.split(b"\n\n")[:-1]:
        given_back = without.feed(event + b"\n\n")
        assert given_back.endswith(b"\n\n") or b'"choices": []' in event
    assert without.rest() == b""


@pytest.mark.parametrize(
    ("event", "wanted"),
    [
        (b'{"usage":null,"choices":[]}', b'{"choices":[]}'),
        (b'{"usage" : null}', b"{}"),
        (b'{"a":1, "usage": null }', b'{"a":1 }'),
        (b'{"a":{"usage":null},"usage":null}', b'{"a":{"usage":null}}'),
        (b'{"a":{"usage":null}}', b'{"a":{"usage":null}}'),
        (b'{"usage":null,"a":"\\"usage\\":null"}', b'{"a":"\\"usage\\":null"}'),
        (b'{"choices":[{"index":0}],"usage":{"n":1}}', b'{"choices":[{"index":0}],"usage":{"n":1}}'),
        (b'{"usage":', b'{"usage":'),
        (b'{"choices":[],"usage":{"n":1}}', None),
    ],
)
def test_what_is_taken_out_of_an_event(event: bytes, wanted: bytes | None) -> None:
    assert passed(b"data: " + event + b"\n\n") == (b"" if wanted is None else b"data: " + wanted + b"\n\n")


@given(st.lists(st.binary(max_size=30) | st.sampled_from([b"data:", b"\n\n", b"\r", b"{}", b"\n", b"[DONE]"])))
def test_all_other_bytes_pass(data: list[bytes]) -> None:
    assert passed(*data) == b"".join(data)


@given(
    st.binary(max_size=9).map(lambda b: b.translate(None, b"\r\n")),
    st.binary(max_size=9).map(lambda b: b.translate(None, b"\r\n")),
)
def test_a_field_is_read_alike_however_its_lines_end(name: bytes, data: bytes) -> None:
    for block in (b"event: %b\ndata: %b\n\n" % (name, data), b"data: %b\n\n" % data):
        assert fields(block) == fields(block.replace(b"\n", b"\r\n"))
