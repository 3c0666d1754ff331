"""What is heard of a reply is what the vendors' own SDKs make of it, and send back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, cast

import anthropic
import httpx2
import openai
import pytest

from memsvc.core.stream import Heard, tap, whole
from memsvc.testing.provider import Answer, Provider
from memsvc.testing.provider.outcome import Ask, ToolCall

Json = dict[str, Any]
SCHEMA: Json = {"type": "object", "properties": {"what": {"type": "string"}}, "required": ["what"]}
LOOK: Json = {"name": "look", "input_schema": SCHEMA}
TOOLS: dict[str, list[Json]] = {
    "messages": [LOOK, {**LOOK, "name": "find"}],
    "chat": [{"type": "function", "function": {"name": n, "parameters": SCHEMA}} for n in ("look", "find")],
    "responses": [{"type": "function", "name": n, "parameters": SCHEMA, "strict": False} for n in ("look", "find")],
}
BEHAVIOURS = ["ok", "tool", "two tools", "text and tools", "thinking_first", "refusal", "truncated", "no_usage"]


class Listening(httpx2.AsyncHTTPTransport):
    """Keeps the bytes of the last reply, chunk by chunk."""

    def __init__(self) -> None:
        super().__init__(verify=False)
        self.chunks: list[bytes] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        self.chunks = []
        passing = _Passing(cast(httpx2.AsyncByteStream, response.stream), self.chunks)
        return httpx2.Response(response.status_code, headers=response.headers, stream=passing)


class _Passing(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, chunks: list[bytes]) -> None:
        self._inner, self._chunks = inner, chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            self._chunks.append(chunk)
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


def choose(what: str) -> Any:
    """Plays a behaviour, or text and two calls in one reply."""
    if what not in ("tool", "two tools", "text and tools"):
        return lambda ask: what if len(ask.turns) == 1 else "ok"
    text = "" if what != "text and tools" else 'Zürich, "東京" and 🦊: I look at both, one after the other.'
    names = ("look", "find")[: 1 if what == "tool" else 2]

    def chosen(ask: Ask) -> Answer | str:
        calls = tuple(ToolCall(f"{n}", n, {"what": f"the {n} of 🦉", "a": {"z": 1.5, "b": []}}) for n in names)
        return Answer(text, calls, "tool") if len(ask.turns) == 1 else "ok"

    return chosen


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider(count=lambda text: max(1, text.count(" "))) as made:
        yield made


@pytest.fixture
async def wire() -> AsyncIterator[tuple[Listening, httpx2.AsyncClient]]:
    listening = Listening()
    async with httpx2.AsyncClient(transport=listening) as http:
        yield listening, http


def heard_of(api: Any, chunks: list[bytes], *, streamed: bool) -> Heard:
    if not streamed:
        return whole(api, b"".join(chunks))
    listener = tap(api)
    for chunk in chunks:
        listener.feed(chunk)
    return listener.heard()


def bare(value: Any) -> Any:
    """Without what is null, and the empty annotations of a reply of Chat Completions."""
    if isinstance(value, dict):
        return {k: bare(v) for k, v in value.items() if v is not None and (k, v) != ("annotations", [])}
    return [bare(v) for v in value] if isinstance(value, list) else value


def check(heard: Heard, sent_back: list[Json], final: Any, stop: str | None) -> None:
    assert heard.complete
    assert [bare(json.loads(m)) for m in heard.messages] == bare(sent_back)
    assert (heard.id, heard.model, heard.stop) == (final.id, final.model, stop)
    usage = final.usage.to_dict() if final.usage is not None else None
    assert bare(heard.usage) == bare(usage)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
async def test_messages(provider: Provider, wire: Any, behaviour: str, streamed: bool) -> None:
    listening, http = wire
    provider.behave(choose(behaviour))
    client = anthropic.AsyncAnthropic(api_key="any", base_url=provider.anthropic_url, max_retries=0, http_client=http)
    thinking: Any = (
        {"type": "adaptive", "display": "summarized"} if behaviour == "thinking_first" else {"type": "disabled"}
    )
    request: Any = {"model": "claude-opus-4-8", "max_tokens": 900, "tools": TOOLS["messages"], "thinking": thinking}
    messages: list[Any] = [{"role": "user", "content": "Look at the owl, and then at the other one."}]
    if streamed and behaviour != "no_usage":  # the SDK's own adding up needs usage
        async with client.messages.stream(**request, messages=messages) as stream:
            reply: Any = await stream.get_final_message()
    else:
        reply = await client.messages.create(**request, messages=messages)
    heard = heard_of("messages", listening.chunks, streamed=streamed and behaviour != "no_usage")
    results = [
        {"type": "tool_result", "tool_use_id": b.id, "content": "x"} for b in reply.content if b.type == "tool_use"
    ]
    if not reply.content:
        return check(heard, [], reply, reply.stop_reason)
    messages += [{"role": "assistant", "content": reply.content}]
    messages += [{"role": "user", "content": [*results, {"type": "text", "text": "And?"}]}]
    await client.messages.create(**request, messages=messages)
    check(heard, [provider.calls[-1].body["messages"][1]], reply, reply.stop_reason)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
async def test_chat(provider: Provider, wire: Any, behaviour: str, streamed: bool) -> None:
    listening, http = wire
    provider.behave(choose(behaviour))
    client = openai.AsyncOpenAI(api_key="any", base_url=provider.openai_url, max_retries=0, http_client=http)
    model = "my-local-model" if behaviour == "thinking_first" else "gpt-6.1-sol"  # the one shows what it thinks
    request: Any = {"model": model, "tools": TOOLS["chat"]}
    messages: list[Any] = [{"role": "user", "content": "Look at the owl, and then at the other one."}]
    if streamed:
        options: Any = {"include_usage": True}
        async with client.chat.completions.stream(**request, messages=messages, stream_options=options) as stream:
            try:
                reply: Any = await stream.get_final_completion()
            except openai.LengthFinishReasonError as cut:  # what was cut is not parsed, but it is there
                reply = cut.completion
    else:
        reply = await client.chat.completions.create(**request, messages=messages)
    heard = heard_of("chat", listening.chunks, streamed=streamed)
    parsed = {
        "parsed": True,
        "annotations": True,
        "tool_calls": {"__all__": {"index": True, "function": {"parsed_arguments": True}}},
    }
    said = reply.choices[0].message.model_dump(exclude_none=True, exclude=parsed)
    if "refusal" not in said:  # as it is: without content but with a refusal the provider takes none
        calls = reply.choices[0].message.tool_calls or []
        messages += [said, *({"role": "tool", "tool_call_id": c.id, "content": "x"} for c in calls)]
        messages += [{"role": "user", "content": "And?"}]
        await client.chat.completions.create(**request, messages=messages)
        said = provider.calls[-1].body["messages"][1]
    check(heard, [{"role": "assistant", **said}], reply, reply.choices[0].finish_reason)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
async def test_responses(provider: Provider, wire: Any, behaviour: str, streamed: bool) -> None:
    listening, http = wire
    provider.behave(choose(behaviour))
    client = openai.AsyncOpenAI(api_key="any", base_url=provider.openai_url, max_retries=0, http_client=http)
    request: Any = {"model": "gpt-6.1-sol", "tools": TOOLS["responses"], "store": False}
    request["include"] = ["reasoning.encrypted_content"]
    items: list[Any] = [{"role": "user", "content": "Look at the owl, and then at the other one."}]
    if streamed:
        reply: Any = None
        async with client.responses.stream(**request, input=items) as stream:
            async for event in stream:
                reply = event.response if event.type in ("response.completed", "response.incomplete") else reply
    else:
        reply = await client.responses.create(**request, input=items)
    heard = heard_of("responses", listening.chunks, streamed=streamed)
    output = [i.model_dump(exclude_none=True, exclude={"parsed_arguments": True}) for i in reply.output]
    calls = [i["call_id"] for i in output if i["type"] == "function_call"]
    items += [*output, *({"type": "function_call_output", "call_id": c, "output": "x"} for c in calls)]
    await client.responses.create(**request, input=items)
    stop = "incomplete:max_output_tokens" if reply.status == "incomplete" else reply.status
    check(heard, provider.calls[-1].body["input"][1 : 1 + len(output)], reply, stop)
