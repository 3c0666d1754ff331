"""Whatever is sent: never a 5xx, and every refusal is a problem document."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memsvc.app import default_policy
from memsvc.config import Config
from memsvc.llm import LocalSummarizer
from memsvc.ports import Counter
from memsvc.service import Memory
from memsvc.stores import open_store
from memsvc.wire import CALLS
from tests.edges.api import Api, serving

leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("\ud83d") | st.just("\0")
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner), max_leaves=12
)

MEMBERS = sorted({name for call in CALLS if call.body for name in call.body.model_fields})
WORDS = ["role", "content", "type", "text", "id", "name", "input", "tool_use_id", "tool_calls", "function", "arguments"]
WORDS += ["tool_call_id", "source", "data", "image_url", "url", "cache_control", "thinking", "signature", "citations"]
roles = st.sampled_from(["user", "assistant", "system", "developer", "tool", "function"])
types = st.sampled_from(["text", "tool_use", "tool_result", "image", "document", "thinking", "function", "image_url"])
blocks = st.fixed_dictionaries({"type": types}, optional={word: values for word in WORDS if word != "type"})
contents = st.text() | st.lists(blocks, max_size=3) | values
messages = st.fixed_dictionaries(
    {"role": roles, "content": contents}, optional={"tool_calls": st.lists(blocks) | values, "tool_call_id": values}
)
bodies = st.one_of(
    values,
    st.dictionaries(st.sampled_from(MEMBERS), values),
    st.fixed_dictionaries({"messages": st.lists(messages, min_size=1, max_size=3)}),
    st.fixed_dictionaries(
        {"messages": st.lists(messages, min_size=1, max_size=2), "format": st.sampled_from(["openai", "anthropic"])},
        optional={name: values for name in MEMBERS if name not in ("messages", "format")},
    ),
)
raws = st.binary(max_size=100) | bodies.map(lambda body: json.dumps(body).encode())
"""What Python prints as NaN and lone surrogates is part of it."""

TAKING = [call for call in CALLS if call.body is not None]
READING = [call for call in CALLS if call.query is not None]

Run = Callable[[Callable[[Api], Coroutine[Any, Any, None]]], None]


@pytest.fixture(scope="module")
def run(counter: Counter) -> Iterator[Run]:
    """Runs something against one server that stays: Hypothesis's own tests cannot be async."""

    async def service() -> AsyncGenerator[Api, None]:
        store = open_store("sqlite://:memory:")
        await store.open()
        summarizers = [LocalSummarizer(counter.count)]
        memory = Memory(store, counter, summarizers, defaults=default_policy(Config()), clock=lambda: 1.8e9)
        async with serving(memory) as api:
            yield api
        await memory.drain()
        await store.close()

    with asyncio.Runner() as runner:
        served = service()
        api = runner.run(served.asend(None))
        yield lambda act: runner.run(act(api))
        with pytest.raises(StopAsyncIteration):
            runner.run(served.asend(None))


def check(answer: Any) -> None:
    """A success, or a problem that names what to change."""
    assert answer.status < 500, answer.body
    if answer.status >= 400:
        problem = answer.problem(answer.status)
        if answer.status == 400:
            assert problem["field"], problem


@pytest.mark.parametrize("call", TAKING, ids=lambda call: call.name)
def test_bodies(run: Run, call: Any) -> None:
    """After each accepted body the context is still fetched in both formats."""

    @settings(max_examples=50)
    @given(raws, st.integers(0, 5))
    def body(raw: bytes, session: int) -> None:
        async def act(api: Api) -> None:
            answer = await api.call(call.method, call.path.format(sid=f"{call.name}{session}"), raw=raw)
            check(answer)
            if answer.status == 200:
                for target in ("openai", "anthropic"):
                    check(await api.call("GET", f"/v1/sessions/{call.name}{session}/context?format={target}"))

        run(act)

    body()


@pytest.mark.parametrize("call", READING, ids=lambda call: call.name)
def test_queries(run: Run, call: Any) -> None:
    names = st.sampled_from(sorted(call.query.model_fields)) | st.text(max_size=5)
    known = st.sampled_from(["1", "0", "-1", "openai", "anthropic", "none", "9" * 18, "9" * 40, ""])
    text = (known | st.text(max_size=30)).map(lambda value: quote(value, errors="surrogatepass"))
    raw = st.text("%0aF&=+;/", max_size=12)
    pairs = st.lists(st.tuples(names.map(lambda n: quote(n, errors="surrogatepass")), text), max_size=3)
    queries = st.one_of(pairs.map(lambda found: "&".join(f"{n}={v}" for n, v in found)), raw)

    @settings(max_examples=40)
    @given(queries)
    def query(text: str) -> None:
        async def act(api: Api) -> None:
            body = {"messages": [{"role": "user", "content": "x"}], "ids": ["once"]} if call.body else None
            check(await api.call(call.method, call.path.format(sid="q") + "?" + text, body))

        run(act)

    query()


def test_names_and_headers(run: Run) -> None:
    headers = st.dictionaries(
        st.sampled_from(["If-Match", "If-None-Match", "Idempotency-Key", "x-request-id", "Origin", "Content-Type"]),
        st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs", "Cc"]), max_size=20),
    )

    @settings(max_examples=80)
    @given(
        st.binary(max_size=30) | st.text(max_size=30).map(lambda name: name.encode("utf-8", "surrogatepass")), headers
    )
    def name(raw: bytes, given_headers: dict[str, str]) -> None:
        async def act(api: Api) -> None:
            path = "/v1/sessions/" + "".join(f"%{byte:02X}" for byte in raw)
            body = {"messages": [{"role": "user", "content": "x"}]}
            answer = await api.call("POST", f"{path}/messages", body, headers=given_headers)
            check(answer)
            if answer.status == 200:
                assert answer.json["session"].encode() == raw
                check(await api.call("GET", f"{path}/context", headers=given_headers))

        run(act)

    name()
