"""Bad input: each kind has a status and a problem that names field and remedy; nothing is written in part."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.edges.api import MAX_BODY, Api

S = "/v1/sessions/s"
HI = {"role": "user", "content": "hi"}
USED = {"input_tokens": 5, "output_tokens": 1}
CALL = {"id": "r1", "provider": "anthropic", "model": "claude-haiku-4-5", "usage": USED}


@pytest.fixture(autouse=True)
async def nothing_in_part(api: Api) -> AsyncIterator[None]:
    """Around every test here: a session whose one message is all there is afterwards too."""
    await api.ok("POST", f"{S}/messages", {"messages": [HI], "ids": ["first"], "format": "openai"})
    before = await api.ok("GET", S)
    yield
    assert await api.ok("GET", S) == before
    assert [m["id"] for m in await api.messages()] == ["first"]
    assert [s["session"] for s in (await api.ok("GET", "/v1/sessions"))["sessions"]] == ["s"]


BROKEN_JSON = [
    (b"", "is empty"),
    (b"   ", "is empty"),
    (b"{", "line 1, column 2"),
    (b'{"messages": [{"role": "user",}]}', "column 30"),
    (b"{'messages': []}", "JSON object"),
    (b'{"messages": [{"role": "user", "content": NaN}]}', "NaN or Infinity"),
    (b'{"messages": [{"role": "user", "content": Infinity}]}', "NaN or Infinity"),
    (b'{"messages": [{"role": "user", "content": -Infinity}]}', "NaN or Infinity"),
    (b'{"messages": [{"role": "user", "content": 1e999}]}', "NaN or Infinity"),
    (b"\xef\xbb\xbf{}", "byte order mark"),
    (b"\xff\xfe{\x00}\x00", "The body is not UTF-8 (at byte 0"),
    (b'{"messages": []}garbage', "column 17"),
    (b'{"a": "\x00"}', "control character"),
    (b'{"messages": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", "nests deeper"),
    (b'{"messages": [{"role": "user", "content": ' + b"[" * 300 + b"]" * 300 + b"}]}", "nests deeper"),
    (b"[" * 100_000, "nests deeper"),
]


@pytest.mark.parametrize(("raw", "hint"), BROKEN_JSON, ids=range(len(BROKEN_JSON)))
@pytest.mark.parametrize("path", [f"{S}/messages", "/v1/count"])
async def test_malformed_json(api: Api, path: str, raw: bytes, hint: str) -> None:
    problem = (await api.call("POST", path, raw=raw)).problem(400, "body", "invalid_request")
    assert hint in problem["detail"]


BAD_TEXT = [
    (rb'{"messages": [{"role": "user", "content": "a\ud83d"}]}', "messages[0].content", "surrogate"),
    (rb'{"messages": [{"role": "user", "content": [{"text": "\udc00"}]}]}', "messages[0].content[0].text", "surr"),
    (rb'{"messages": [{"role": "user", "\ud800x": 1}]}', r"messages[0].\ud800x", "surrogate"),
    (rb'{"a": {"b": ["ok", "\ud800\ud800"]}}', "a.b[1]", "surrogate"),
    (b'{"messages": [{"role": "user", "content": "caf\xe9"}]}', "messages[0].content", "not UTF-8 (at byte 46"),
    (b'{"messages": [{"role": "user", "content": "\xed\xa0\x80"}]}', "messages[0].content", "not UTF-8"),
]


@pytest.mark.parametrize(("raw", "field", "hint"), BAD_TEXT)
async def test_text_that_is_no_text(api: Api, raw: bytes, field: str, hint: str) -> None:
    problem = (await api.call("POST", f"{S}/messages", raw=raw)).problem(400, field)
    assert hint in problem["detail"]


BAD_APPENDS: list[tuple[Any, int, str, str]] = [
    ([], 400, "body", "must be an object"),
    ("text", 400, "body", "must be an object"),
    (7, 400, "body", "must be an object"),
    ({}, 400, "messages", "is missing"),
    ({"mesages": [HI]}, 400, "mesages", "did you mean `messages`?"),
    ({"messages": [HI], "xyz": 1}, 400, "xyz", "Known here: messages, ids"),
    ({"messages": None}, 400, "messages", "must be a list"),
    ({"messages": {}}, 400, "messages", "must be a list"),
    ({"messages": "hi"}, 400, "messages", "must be a list"),
    ({"messages": []}, 400, "messages", "must not be empty"),
    ({"messages": [HI, "hi"]}, 400, "messages[1]", "must be an object"),
    ({"messages": [HI, None]}, 400, "messages[1]", "must be an object"),
    ({"messages": [[HI]]}, 400, "messages[0]", "must be an object"),
    ({"messages": [{}] * 10_001}, 413, "messages", "at most 10000"),
    ({"messages": [HI], "ids": []}, 400, "ids", "0 items for 1 messages"),
    ({"messages": [HI], "ids": ["a", "b"]}, 400, "ids", "one per message"),
    ({"messages": [HI, HI], "ids": ["a", "a"]}, 400, "ids", "`ids[1]` repeats"),
    ({"messages": [HI], "ids": [7]}, 400, "ids[0]", "must be a string"),
    ({"messages": [HI], "ids": [""]}, 400, "ids[0]", "must not be empty"),
    ({"messages": [HI], "ids": ["a\x00"]}, 400, "ids[0]", "NUL"),
    ({"messages": [HI], "ids": ["a" * 201]}, 400, "ids[0]", "200 characters"),
    ({"messages": [HI], "ids": "a"}, 400, "ids", "must be a list"),
    ({"messages": [HI], "at": []}, 400, "at", "0 items for 1 messages"),
    ({"messages": [HI], "at": ["1"]}, 400, "at[0]", "must be a number"),
    ({"messages": [HI], "at": [True]}, 400, "at[0]", "must be a number"),
    ({"messages": [HI, HI], "at": [1, -1]}, 400, "at[1]", "at least 0"),
    ({"messages": [HI], "at": [1e15]}, 400, "at[0]", "at most"),
    ({"messages": [HI], "format": "chatml"}, 400, "format", "`anthropic`, `openai`, `responses`"),
    ({"messages": [HI], "format": 1}, 400, "format", "`anthropic`, `openai`, `responses`"),
    ({"messages": [HI], "usage": 1}, 400, "usage", "must be an object"),
    ({"messages": [HI], "usage": {}}, 400, "usage", "no token counts"),
    ({"messages": [HI], "usage": {"input_tokens": 5}}, 400, "usage.output_tokens", "is missing"),
    ({"messages": [HI], "usage": {str(n): n for n in range(101)}}, 413, "usage", "at most 100"),
    ({"messages": [HI], "usage": {"usage": USED}}, 400, "usage.id", "is missing"),
    ({"messages": [HI], "usage": {**CALL, "usage": {}}}, 400, "usage.usage", "no token counts"),
    ({"messages": [HI], "usage": {**CALL, "usage": 7}}, 400, "usage.usage", "must be an object"),
    ({"messages": [HI], "usage": {**CALL, "ids": []}}, 400, "usage.ids", "Unknown member `usage.ids`; did you mean"),
    ({"messages": [HI], "usage": {**CALL, "feature": ""}}, 400, "usage.feature", "must not be empty"),
]


@pytest.mark.parametrize(("body", "status", "field", "hint"), BAD_APPENDS, ids=range(len(BAD_APPENDS)))
async def test_appends(memory: Any, api: Api, body: Any, status: int, field: str, hint: str) -> None:
    problem = (await api.call("POST", f"{S}/messages", body)).problem(status, field)
    assert hint in problem["detail"]
    assert not problem["retryable"]


CONTENT: list[tuple[str, list[Any], str]] = [
    ("openai", [{}], "messages[0]"),
    ("openai", [{"role": "user"}], "messages[0]"),
    ("openai", [{"role": "wizard", "content": "x"}], "messages[0].role"),
    ("openai", [HI, {"role": "user", "content": 7}], "messages[1].content"),
    ("openai", [{"role": 5, "content": "x"}], "messages[0].role"),
    ("anthropic", [{"role": "user", "content": [1]}], "messages[0].content[0]"),
    ("anthropic", [{"role": "user", "content": [{}]}], "messages[0].content[0]"),
    ("anthropic", [{"role": "tool", "content": "x"}], "messages[0].role"),
]


@pytest.mark.parametrize(("format", "messages", "field"), CONTENT)
async def test_contents_of_messages(api: Api, format: str, messages: list[Any], field: str) -> None:
    """The good messages of the same request are not stored either."""
    body = {"messages": [HI, *messages], "format": format}
    index = int(field[len("messages[")])
    expected = field.replace(f"messages[{index}]", f"messages[{index + 1}]")
    problem = (await api.call("POST", f"{S}/messages", body)).problem(400)
    assert problem["field"].startswith(expected)


BAD_PUTS: list[tuple[Any, str, str]] = [
    ([], "body", "must be an object"),
    ({"system": 5}, "system", "a string or a list of objects"),
    ({"system": ["x"]}, "system", "a string or a list of objects"),
    ({"system": [{"type": "image"}]}, "system[0]", "text"),
    ({"tools": {}}, "tools", "must be a list"),
    ({"tools": [1]}, "tools[0]", "must be an object"),
    ({"format": "Responses"}, "format", "`anthropic`, `openai`, `responses`"),
    ({"model": ""}, "model", "must not be empty"),
    ({"model": 4}, "model", "must be a string"),
    ({"user": "a\x00b"}, "user", "NUL"),
    ({"user": "u" * 201}, "user", "200 characters"),
    ({"metadata": []}, "metadata", "must be an object"),
    ({"polizy": {}}, "polizy", "did you mean `policy`?"),
    ({"policy": []}, "policy", "must be an object"),
    ({"policy": {"treshold_tokens": 1}}, "policy.treshold_tokens", "did you mean `threshold_tokens`?"),
    ({"policy": {"effective": {}}}, "policy.effective", "Known here: mode"),
    ({"policy": {"threshold_tokens": "32000"}}, "policy.threshold_tokens", "whole number"),
    ({"policy": {"threshold_tokens": 0}}, "policy.threshold_tokens", "at least 1"),
    ({"policy": {"threshold_tokens": -5}}, "policy.threshold_tokens", "at least 1"),
    ({"policy": {"threshold_tokens": 1.5}}, "policy.threshold_tokens", "whole number"),
    ({"policy": {"threshold_tokens": True}}, "policy.threshold_tokens", "whole number"),
    ({"policy": {"threshold_tokens": 10**30}}, "policy.threshold_tokens", ""),
    ({"policy": {"max_tokens": 0}}, "policy.max_tokens", "at least 1"),
    ({"policy": {"alpha": 0}}, "policy.alpha", "more than 0"),
    ({"policy": {"mode": "sometimes"}}, "policy.mode", "`threshold` or `economic` or `manual`"),
    ({"policy": {"cache_ttl": "1d"}}, "policy.cache_ttl", "`5m` or `1h`"),
    ({"policy": {"threshold_tokens": 100}}, "policy.threshold_tokens", "keep_tokens"),
]


@pytest.mark.parametrize(("body", "field", "hint"), BAD_PUTS, ids=range(len(BAD_PUTS)))
@pytest.mark.parametrize("session", ["s", "fresh"])
async def test_settings(api: Api, session: str, body: Any, field: str, hint: str) -> None:
    problem = (await api.call("PUT", f"/v1/sessions/{session}", body)).problem(400, field)
    assert hint in problem["detail"]


BAD_BODIES: list[tuple[str, str, Any, str, str]] = [
    ("POST", "compact", {"force": 1}, "force", "true or false"),
    ("POST", "compact", {"force": "yes"}, "force", "true or false"),
    ("POST", "compact", {"keep_tokens": 0}, "keep_tokens", "at least 1"),
    ("POST", "compact", {"wait_ms": -1}, "wait_ms", "at least 0"),
    ("POST", "compact", {"wait_ms": 60_001}, "wait_ms", "at most 60000"),
    ("POST", "compact", {"forse": True}, "forse", "did you mean `force`?"),
    ("POST", "compact", [], "body", "must be an object"),
    ("POST", "truncate", {}, "after_seq", "is missing"),
    ("POST", "truncate", None, "body", "is empty"),
    ("POST", "truncate", {"after_seq": -1}, "after_seq", "at least 0"),
    ("POST", "truncate", {"after_seq": "1"}, "after_seq", "whole number"),
    ("POST", "truncate", {"after_seq": 0.5}, "after_seq", "whole number"),
    ("POST", "truncate", {"after_seq": None}, "after_seq", "whole number"),
]


@pytest.mark.parametrize(("method", "what", "body", "field", "hint"), BAD_BODIES, ids=range(len(BAD_BODIES)))
async def test_other_bodies(api: Api, method: str, what: str, body: Any, field: str, hint: str) -> None:
    problem = (await api.call(method, f"{S}/{what}", body)).problem(400, field)
    assert hint in problem["detail"]


BAD_REPORTS: list[tuple[Any, int, str, str]] = [
    (None, 400, "body", "is empty"),
    ([], 400, "body", "must be an object"),
    ({}, 400, "id", "is missing"),
    ({**CALL, "uses": 1}, 400, "uses", "did you mean `usage`?"),
    *(({k: v for k, v in CALL.items() if k != name}, 400, name, "is missing") for name in CALL),
    *(({**CALL, name: None}, 400, name, "must be a") for name in ("id", "provider", "model", "feature")),
    *(({**CALL, name: ""}, 400, name, "must not be empty") for name in ("id", "provider", "model", "feature")),
    *(({**CALL, name: "x\x00"}, 400, name, "NUL") for name in ("id", "provider", "model", "feature")),
    *(({**CALL, name: "x" * 201}, 400, name, "too long") for name in ("id", "provider", "model", "feature")),
    ({**CALL, "feature": "x" * 101}, 400, "feature", "at most 100"),
    ({**CALL, "id": 7}, 400, "id", "must be a string"),
    ({**CALL, "revision": -1}, 400, "revision", "at least 0"),
    ({**CALL, "revision": 1.5}, 400, "revision", "whole number"),
    ({**CALL, "revision": "1"}, 400, "revision", "whole number"),
    ({**CALL, "revision": 2**53}, 400, "revision", "at most"),
    ({**CALL, "at": "now"}, 400, "at", "must be a number"),
    ({**CALL, "at": -1}, 400, "at", "at least 0"),
    ({**CALL, "at": 1e12}, 400, "at", "at most"),
    ({**CALL, "usage": []}, 400, "usage", "must be an object"),
    ({**CALL, "usage": {}}, 400, "usage", "no token counts"),
    ({**CALL, "usage": {"a": 1}}, 400, "usage", "no token counts"),
    ({**CALL, "usage": {f"{n}": n for n in range(101)}}, 413, "usage", "at most 100"),
    ({**CALL, "usage": {"input_tokens": 5}}, 400, "usage.output_tokens", "is missing"),
    ({**CALL, "usage": {**USED, "input_tokens": None}}, 400, "usage.input_tokens", "is missing"),
    ({**CALL, "usage": {**USED, "input_tokens": -5}}, 400, "usage.input_tokens", "from 0 to 100,000,000"),
    ({**CALL, "usage": {**USED, "input_tokens": 10**15}}, 400, "usage.input_tokens", "from 0 to 100,000,000"),
    ({**CALL, "usage": {**USED, "input_tokens": 10**30}}, 400, "usage.input_tokens", "from 0 to 100,000,000"),
    ({**CALL, "usage": {**USED, "output_tokens": True}}, 400, "usage.output_tokens", "whole number"),
    ({**CALL, "usage": {**USED, "output_tokens": 0.5}}, 400, "usage.output_tokens", "whole number"),
    ({**CALL, "usage": {**USED, "output_tokens": "5"}}, 400, "usage.output_tokens", "whole number"),
    (
        {**CALL, "usage": {"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 6}}},
        400,
        "usage.prompt_tokens_details",
        "more tokens than prompt_tokens (5)",
    ),
]


@pytest.mark.parametrize(("body", "status", "field", "hint"), BAD_REPORTS, ids=range(len(BAD_REPORTS)))
async def test_usage_reports(api: Api, body: Any, status: int, field: str, hint: str) -> None:
    problem = (await api.call("POST", f"{S}/usage", body)).problem(status, field)
    assert hint in problem["detail"]
    if isinstance(body, dict) and body.get("id") == "r1":
        assert (await api.ok("POST", f"{S}/usage", CALL))["booked"], "nothing of it is in the books"


BAD_COUNTS: list[tuple[Any, str]] = [
    ({}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": [1]}, "messages[0]"),
    ({"messages": [{"role": "user"}]}, "messages[0]"),
    ({"messages": [HI], "system": 1}, "system"),
    ({"messages": [HI], "tools": [1]}, "tools[0]"),
    ({"messages": [HI], "modle": "m"}, "modle"),
]


@pytest.mark.parametrize(("body", "field"), BAD_COUNTS)
async def test_counts(api: Api, body: Any, field: str) -> None:
    problem = (await api.call("POST", "/v1/count", body)).problem(400)
    assert problem["field"].startswith(field)


BAD_QUERIES: list[tuple[str, str, str]] = [
    (f"{S}/history?limit=-1", "limit", "at least 1"),
    (f"{S}/history?limit=0", "limit", "at least 1"),
    (f"{S}/history?limit=5001", "limit", "at most 5000"),
    (f"{S}/history?limit=ten", "limit", "whole number"),
    (f"{S}/history?limit=", "limit", "whole number"),
    (f"{S}/history?limit=1.0", "limit", "whole number"),
    (f"{S}/history?limit=%2B1", "limit", "whole number"),
    (f"{S}/history?limit=1_0", "limit", "whole number"),
    (f"{S}/history?limit=%D9%A1", "limit", "whole number"),
    (f"{S}/history?limit=99999999999999999999", "limit", "whole number"),
    (f"{S}/history?after=-1", "after", "at least 0"),
    (f"{S}/history?limit=1&limit=2", "limit", "given twice"),
    (f"{S}/history?lmit=1", "lmit", "did you mean `limit`?"),
    (f"{S}/history?format=items", "format", "`anthropic`, `openai`, `responses`"),
    (f"{S}/history?format=%FF", "query", "UTF-8"),
    (f"{S}/summaries?after=x", "after", "whole number"),
    (f"{S}/summaries?limit=-5", "limit", "at least 1"),
    (f"{S}/context?max_tokens=0", "max_tokens", "at least 1"),
    (f"{S}/context?max_tokens=-1", "max_tokens", "at least 1"),
    (f"{S}/context?wait_ms=-1", "wait_ms", "at least 0"),
    (f"{S}/context?wait_ms=999999", "wait_ms", "at most 60000"),
    (f"{S}/context?marks=some", "marks", "`auto` or `none`"),
    (f"{S}/context?format=xml", "format", "`anthropic`, `openai`, `responses`"),
    (f"{S}/context?fromat=openai", "fromat", "did you mean `format`?"),
    ("/v1/sessions?limit=-1", "limit", "at least 1"),
    ("/v1/sessions?after=nonsense", "after", "cursor"),
    ("/v1/sessions?after=%00", "after", "NUL"),
    ("/v1/sessions?prefix=%00", "prefix", "NUL"),
    ("/v1/sessions?user=", "user", "must not be empty"),
]


@pytest.mark.parametrize(("path", "field", "hint"), BAD_QUERIES)
async def test_queries(api: Api, path: str, field: str, hint: str) -> None:
    problem = (await api.call("GET", path)).problem(400, field)
    assert hint in problem["detail"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("context=items", "context"),
        ("context=", "context"),
        ("max_tokens=100", "max_tokens"),
        ("marks=none", "marks"),
        ("context=openai&max_tokens=0", "max_tokens"),
        ("contex=openai", "contex"),
    ],
)
async def test_a_bad_query_stores_nothing(api: Api, query: str, field: str) -> None:
    (await api.call("POST", f"{S}/messages?{query}", {"messages": [HI]})).problem(400, field)


@pytest.mark.parametrize("value", ["*", "five", '"5', "-1", 'W/"5"', '"1", "2"', "1.0", ""])
async def test_if_match(api: Api, value: str) -> None:
    answer = await api.call("POST", f"{S}/messages", {"messages": [HI]}, headers={"If-Match": value})
    assert "log_revision" in answer.problem(400, "If-Match")["detail"]


@pytest.mark.parametrize("value", ["5", '"5"'])
async def test_another_log_revision(api: Api, value: str) -> None:
    answer = await api.call("POST", f"{S}/messages", {"messages": [HI]}, headers={"If-Match": value})
    assert answer.problem(409)["log_revision"] == 1


@pytest.mark.parametrize("value", ["", "k" * 256, "schlüssel", "a\tb"])
async def test_idempotency_keys(api: Api, value: str) -> None:
    headers = {"Idempotency-Key": value}
    answer = await api.call("POST", f"{S}/messages", {"messages": [HI]}, headers=headers)
    assert "printable ASCII" in answer.problem(400, "Idempotency-Key")["detail"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("", "empty"),
        ("a" * 201, "201 characters"),
        ("a%00b", "control character"),
        ("%0A", "control character"),
        ("%7F", "control character"),
        ("%FF", "UTF-8"),
        ("%C3", "UTF-8"),
        ("%ED%A0%80", "UTF-8"),
        ("100%", "%25"),
        ("%zz", "%25"),
    ],
)
async def test_session_names(api: Api, name: str, hint: str) -> None:
    for method, path, body in [
        ("PUT", "", {}),
        ("GET", "", None),
        ("DELETE", "", None),
        ("POST", "/messages", {"messages": [HI]}),
        ("GET", "/context", None),
    ]:
        problem = (await api.call(method, f"/v1/sessions/{name}{path}", body)).problem(400, "session")
        assert hint in problem["detail"]


@pytest.mark.parametrize("seq", ["0", "-1", "x", "1.5", "", "9" * 30, "%201"])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_seqs(api: Api, method: str, seq: str) -> None:
    (await api.call(method, f"{S}/pins/{seq}")).problem(400, "seq")
    if method == "DELETE":
        (await api.call(method, f"{S}/messages/{seq}")).problem(400, "seq")


UNKNOWN = [
    ("GET", "", None),
    ("DELETE", "", None),
    ("GET", "/context", None),
    ("GET", "/context?wait_ms=5", None),
    ("GET", "/history", None),
    ("GET", "/summaries", None),
    ("POST", "/compact", {}),
    ("POST", "/usage", CALL),
    ("POST", "/truncate", {"after_seq": 1}),
    ("PUT", "/pins/1", None),
    ("DELETE", "/pins/1", None),
    ("DELETE", "/messages/1", None),
    ("POST", "/fork", {"to": "other"}),
]


@pytest.mark.parametrize(("method", "path", "body"), UNKNOWN)
async def test_unknown_sessions(api: Api, method: str, path: str, body: Any) -> None:
    (await api.call(method, f"/v1/sessions/nobody{path}", body)).problem(404, code="not_found")


async def test_unknown_messages(api: Api) -> None:
    (await api.call("PUT", f"{S}/pins/2")).problem(404, code="not_found")
    (await api.call("DELETE", f"{S}/messages/2")).problem(404, code="not_found")


async def test_a_limit_that_cannot_hold_what_must_stay(api: Api) -> None:
    problem = (await api.call("GET", f"{S}/context?max_tokens=1")).problem(422, code="cannot_fit")
    least = problem["minimum"]
    assert (await api.call("GET", f"{S}/context?max_tokens={least}")).status == 200
    assert (await api.call("GET", f"{S}/context?max_tokens={least - 1}")).status == 422


async def test_bodies_over_the_limit(api: Api) -> None:
    """Also much larger ones, and those that do not say their size: the answer arrives all the same."""
    huge = b'{"messages": [{"role": "user", "content": "' + b"x" * (50 * 1024 * 1024) + b'"}]}'

    async def pieces(raw: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(raw), 65_536):
            yield raw[start : start + 65_536]

    for raw in (huge[: MAX_BODY + 1], huge, pieces(huge[: MAX_BODY + 1]), pieces(huge[: 4 * MAX_BODY])):
        answer = await api.call("POST", f"{S}/messages", raw=raw)
        assert answer.problem(413, "body")["maximum"] == MAX_BODY
