"""Programs as users of the vendors' SDKs write them, each a function of where the API is.

Each gives back all that it saw, as plain JSON: replies, every event of its streams, errors. Run against the provider
and against a gateway in front of it, a program must see the same; `first_difference` says where it did not.
`behave` makes a provider's answers depend on what was said last and on nothing else of the request.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anthropic
import httpx2
import openai

from memsvc.testing.provider import Answer
from memsvc.testing.provider.outcome import Ask, Fault, ToolCall
from memsvc.testing.provider.replies import arguments

Json = dict[str, Any]
Seen = list[Any]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYPgPAAEDAQAIicLsAAAAAElFTkSuQmCC"
SCHEMA: Json = {
    "type": "object",
    "properties": {"place": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["place", "days"],
}
CLAUDE, THINKER = "claude-opus-4-8", "claude-opus-5-5"
GPT, REASONER, LOCAL = "gpt-4.1", "gpt-6.1-sol", "my-local-model"


@dataclass(frozen=True, slots=True)
class At:
    """Where a program finds the API: a base URL without `/v1`, and headers that the client is made with."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)


Program = Callable[[At], Awaitable[Seen]]
PROGRAMS: dict[str, Program] = {}
"""All of them by name."""


def program(run: Program) -> Program:
    """Put a program on the list."""
    PROGRAMS[run.__name__] = run
    return run


# --- what the provider answers, and how two runs are compared ----------------------------------


def behave(ask: Ask) -> Answer | Fault | str:
    """An answer that follows from the last message alone: whatever a gateway adds to a request, it stays the same.

    A message that ends in `play: <name>` chooses a behaviour of the provider.
    """
    said = ask.turns[-1][1] if ask.turns else ""
    text = f'Sie schrieben "{said[:60]}" — 了解、🦊. That is {len(said)} characters.'
    _, _, name = said.partition("play: ")
    if name:
        return PLAYED[name](text) if name in PLAYED else name
    count = 2 if "two forecasts" in said else 1 if "forecast" in said else 0
    if not count or not ask.tools:
        return Answer(text)
    seed = hashlib.sha256(said.encode()).hexdigest()[:12]
    tools = [ask.tools[n % len(ask.tools)] for n in range(count)]
    calls = tuple(ToolCall(f"{seed}{n}", t.name, arguments(t.schema, said)) for n, t in enumerate(tools))
    return Answer("I look it up." if "and say so" in said else "", calls, "tool")


PLAYED: dict[str, Callable[[str], Answer]] = {
    "cut": lambda text: Answer(text, cut=True),
    "no_usage": lambda text: Answer(text, usage="missing"),
    "not_json": lambda text: Answer(text, garbled=True),
    "thinking_first": lambda text: Answer(text, thinking=True),
    "truncated": lambda text: Answer(text[:20], stop="length"),
}
"""Behaviours whose own text follows from all of the request."""

_NAMES = ("id", "item_id", "signature", "encrypted_content", "request_id", "_request_id", "request-id", "x-request-id")


def normal(seen: Any, *, usage: bool = True) -> Any:
    """What was seen, with every id replaced by the number of its first appearance.

    `usage=False` leaves of usage only which counts there are: a gateway that marks what is to be cached changes them.
    """
    return _normal(seen, {}, usage)


def _normal(value: Any, names: dict[str, str], usage: bool) -> Any:
    if isinstance(value, list):
        return [_normal(v, names, usage) for v in value]
    if not isinstance(value, dict):
        return value
    made = {}
    for key, inner in value.items():
        if key in _NAMES and isinstance(inner, str) and inner:
            made[key] = names.setdefault(inner, f"#{len(names)}")
        elif key == "usage" and not usage:
            made[key] = sorted(inner) if isinstance(inner, dict) else inner
        else:
            made[key] = _normal(inner, names, usage)
    return made


def first_difference(one: Any, other: Any, where: str = "seen") -> str | None:
    """The first place where two runs saw something else, or None."""
    if isinstance(one, dict) and isinstance(other, dict):
        pairs: Iterable[tuple[str, Any, Any]] = [
            (f"{where}.{k}", one.get(k, "nothing"), other.get(k, "nothing")) for k in {**one, **other}
        ]
    elif isinstance(one, list) and isinstance(other, list):
        length = max(len(one), len(other))
        pairs = [
            (f"{where}[{n}]", *(side[n] if n < len(side) else "nothing" for side in (one, other)))
            for n in range(length)
        ]
    else:
        return None if one == other and type(one) is type(other) else f"{where}: {one!r} is not {other!r}"
    return next((found for place, a, b in pairs if (found := first_difference(a, b, place))), None)


# --- what the programs share ---------------------------------------------------------------------


@asynccontextmanager
async def claude(at: At) -> AsyncIterator[anthropic.AsyncAnthropic]:
    """Anthropic's client."""
    async with httpx2.AsyncClient(verify=False, timeout=30) as http:
        made = anthropic.AsyncAnthropic(
            api_key="any", base_url=at.url, max_retries=0, http_client=http, default_headers=at.headers
        )
        yield made


@asynccontextmanager
async def gpt(at: At) -> AsyncIterator[openai.AsyncOpenAI]:
    """OpenAI's client."""
    async with httpx2.AsyncClient(verify=False, timeout=30) as http:
        yield openai.AsyncOpenAI(
            api_key="any", base_url=f"{at.url}/v1", max_retries=0, http_client=http, default_headers=at.headers
        )


def plain(value: Any) -> Any:
    """A reply or an event of an SDK as JSON, null members included."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", exclude_unset=True, warnings=False)
    return value


async def all_of(stream: Any) -> Seen:
    """Every event of a stream; where it breaks, what broke."""
    seen: Seen = []
    try:
        async for event in stream:
            seen.append(plain(event))
    except (anthropic.APIError, openai.APIError, httpx2.HTTPError, ValueError) as error:
        seen.append(failure(error))
    return seen


def failure(error: Exception) -> Json:
    """What a program can tell of an error."""
    known = {k: getattr(error, k, None) for k in ("status_code", "body", "code", "param", "type", "request_id")}
    response = getattr(error, "response", None)
    headers = {} if response is None else {k: response.headers.get(k) for k in ("retry-after", "content-type")}
    return {"raised": type(error).__name__, "message": str(error).split(" - ")[0], **known, "headers": headers}


def user(*content: Any) -> Json:
    """A message of the user's."""
    return {"role": "user", "content": content[0] if len(content) == 1 else list(content)}


TOOLS: list[Any] = [{"name": n, "description": f"The {n}.", "input_schema": SCHEMA} for n in ("forecast", "tides")]
FUNCTIONS: list[Any] = [
    {"type": "function", "function": {"name": t["name"], "description": "…", "parameters": SCHEMA}} for t in TOOLS
]
FLAT: list[Any] = [{"type": "function", "name": t["name"], "parameters": SCHEMA, "strict": False} for t in TOOLS]

# --- Messages ------------------------------------------------------------------------------------


def replied(message: Any) -> Json:
    """A reply of Anthropic's as the message that is sent back."""
    return {"role": "assistant", "content": [plain(b) for b in message.content]}


def results(message: Any) -> Json:
    """The results of its calls."""
    calls = [b for b in message.content if b.type == "tool_use"]
    return user(*[{"type": "tool_result", "tool_use_id": c.id, "content": f"{c.name}: 12 °C"} for c in calls], _NOW)


_NOW: Json = {"type": "text", "text": "And now?"}


async def _message(
    client: anthropic.AsyncAnthropic, messages: list[Any], streamed: bool, **more: Any
) -> tuple[Any, Seen]:
    """One call of the Messages API, streamed with the SDK's helper or not: its message, and all that was seen."""
    request: Any = {"model": CLAUDE, "max_tokens": 800, "thinking": {"type": "disabled"}, **more}
    if not streamed:
        reply = await client.messages.create(**request, messages=messages)
        return reply, [plain(reply), {"request_id": reply._request_id}]
    async with client.messages.stream(**request, messages=messages) as stream:
        seen = await all_of(stream)
        return await stream.get_final_message(), seen


async def _conversation(at: At, says: list[Any], streamed: bool, **more: Any) -> Seen:
    """Several turns; calls of tools are answered as they come."""
    seen: Seen = []
    async with claude(at) as client:
        messages: list[Any] = []
        for content in says:
            messages.append(content if isinstance(content, dict) else user(content))
            reply, new = await _message(client, messages, streamed, **more)
            seen += new
            messages.append(replied(reply))
            if reply.stop_reason == "tool_use":
                messages.append(results(reply))
                reply, new = await _message(client, messages, streamed, **more)
                seen += new
                messages.append(replied(reply))
    return seen


@program
async def messages_create(at: At) -> Seen:
    """Three turns with a system prompt."""
    return await _conversation(at, ["Grüß Gott", "what else?", "thanks 🦊"], False, system="Be brief.")


@program
async def messages_stream(at: At) -> Seen:
    """The same, streamed, each event as the SDK's helper gives it."""
    return await _conversation(at, ["Grüß Gott", "what else?", "thanks 🦊"], True, system="Be brief.")


@program
async def messages_raw_stream(at: At) -> Seen:
    """The events as they come over the wire."""
    async with claude(at) as client:
        request: Any = {"model": CLAUDE, "max_tokens": 800, "messages": [user("hello " * 80)]}
        return await all_of(await client.messages.create(**request, stream=True))


@program
async def messages_tools(at: At) -> Seen:
    """A tool is called and its result sent back."""
    return await _conversation(at, ["The forecast for Zürich and say so", "good"], False, tools=TOOLS)


@program
async def messages_tools_stream(at: At) -> Seen:
    """The same, streamed."""
    return await _conversation(at, ["The forecast for Zürich and say so", "good"], True, tools=TOOLS)


@program
async def messages_parallel_tools(at: At) -> Seen:
    """Two tools at once."""
    return await _conversation(at, ["I want two forecasts", "good"], False, tools=TOOLS)


@program
async def messages_parallel_tools_stream(at: At) -> Seen:
    """The same, streamed."""
    return await _conversation(at, ["I want two forecasts", "good"], True, tools=TOOLS)


@program
async def messages_images(at: At) -> Seen:
    """A picture and a document."""
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    picture = user({"type": "image", "source": source}, {"type": "text", "text": "What is it?"})
    paper = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "§1 …"}}
    return await _conversation(at, [picture, user(paper, {"type": "text", "text": "And this?"})], False)


@program
async def messages_thinking(at: At) -> Seen:
    """Thinking that is bound to the conversation, through a loop of tools."""
    more: Json = {"model": THINKER, "thinking": {"type": "adaptive", "display": "summarized"}, "tools": TOOLS}
    return await _conversation(at, ["The forecast, please", "go on"], False, **more)


@program
async def messages_thinking_stream(at: At) -> Seen:
    """The same, streamed."""
    more: Json = {"model": THINKER, "thinking": {"type": "adaptive", "display": "summarized"}, "tools": TOOLS}
    return await _conversation(at, ["The forecast, please", "go on"], True, **more)


@program
async def messages_count_tokens(at: At) -> Seen:
    """Tokens are counted."""
    async with claude(at) as client:
        counted = await client.messages.count_tokens(model=CLAUDE, messages=[user("hello")], system="Be brief.")
        return [plain(counted)]


@program
async def messages_cut_short(at: At) -> Seen:
    """`max_tokens` is reached, the model refuses, it says nothing."""
    said = [["play: truncated"], ["play: refusal"], ["play: empty"]]
    return [e for s in said for streamed in (False, True) for e in await _conversation(at, s, streamed)]


@program
async def messages_errors(at: At) -> Seen:
    """What is refused, and how it fails."""
    seen: Seen = []
    async with claude(at) as client:
        for name in ("rate_limited", "overloaded", "server_error", "spend_limit", "overflow", "bad_gateway_html"):
            for stream in (False, True):
                try:
                    request: Any = {"model": CLAUDE, "max_tokens": 9, "messages": [user(f"play: {name}")]}
                    await client.messages.create(**request, stream=stream)
                except anthropic.APIError as error:
                    seen.append(failure(error))
        for wrong in ({"max_tokens": 0.5}, {"temperature": 0.3}, {"tools": [{}]}):
            try:
                body: Any = {"model": CLAUDE, "max_tokens": 9, "messages": [user("hello")], "extra_body": wrong}
                await client.messages.create(**body)
            except anthropic.APIError as error:
                seen.append(failure(error))
    return seen


@program
async def messages_broken_off(at: At) -> Seen:
    """The connection breaks in the middle of a stream; an event is no JSON."""
    seen: Seen = []
    async with claude(at) as client:
        for name in ("cut", "not_json"):
            request: Any = {"model": CLAUDE, "max_tokens": 800, "messages": [user(f"play: {name}")]}
            seen += await all_of(await client.messages.create(**request, stream=True))
    return seen


@program
async def messages_blocking(at: At) -> Seen:
    """The client that does not await."""

    def run() -> Seen:
        with httpx2.Client(verify=False, timeout=30) as http:
            client = anthropic.Anthropic(
                api_key="any", base_url=at.url, max_retries=0, http_client=http, default_headers=at.headers
            )
            request: Any = {"model": CLAUDE, "max_tokens": 800, "thinking": {"type": "disabled"}, "tools": TOOLS}
            seen: Seen = [plain(client.messages.create(**request, messages=[user("hello")]))]
            with client.messages.stream(**request, messages=[user("two forecasts")]) as stream:
                seen += [plain(event) for event in stream]
            return seen

    return await asyncio.to_thread(run)


# --- Chat Completions ------------------------------------------------------------------------------


async def _completion(client: openai.AsyncOpenAI, messages: list[Any], stream: Any, **more: Any) -> tuple[Json, Seen]:
    """One call of Chat Completions. `stream`: None, or whether usage is asked for. The reply as it is sent back, and
    all that was seen."""
    request: Any = {"model": GPT, **more}
    if stream is None:
        reply = await client.chat.completions.create(**request, messages=messages)
        seen = [plain(reply), {"request_id": reply._request_id}]
        return reply.choices[0].message.model_dump(exclude_none=True, exclude={"annotations"}), seen
    options: Any = {"stream_options": {"include_usage": True}} if stream else {}
    async with client.chat.completions.stream(**request, **options, messages=messages) as events:
        seen = [{k: plain(v) for k, v in vars(e).items() if k != "snapshot"} async for e in events]
        final = await events.get_final_completion()
    extra: Any = {"parsed": True, "tool_calls": {"__all__": {"index": True, "function": {"parsed_arguments": True}}}}
    said = final.choices[0].message.model_dump(exclude_none=True, exclude=extra)
    return said, [*seen, plain(final)]


async def _chat(at: At, says: list[Any], stream: Any, **more: Any) -> Seen:
    seen: Seen = []
    async with gpt(at) as client:
        messages: list[Any] = [{"role": "developer", "content": "Be brief."}]
        for content in says:
            messages.append(user(content))
            said, new = await _completion(client, messages, stream, **more)
            seen += new
            messages.append(said)
            if said.get("tool_calls"):
                answers = [{"role": "tool", "tool_call_id": c["id"], "content": "12 °C"} for c in said["tool_calls"]]
                messages += [*answers, user("And now?")]
                said, new = await _completion(client, messages, stream, **more)
                seen += new
                messages.append(said)
    return seen


@program
async def chat_create(at: At) -> Seen:
    """Three turns."""
    return await _chat(at, ["Grüß Gott", "what else?", "thanks 🦊"], None)


@program
async def chat_stream(at: At) -> Seen:
    """The same, streamed; nobody asks for usage."""
    return await _chat(at, ["Grüß Gott", "what else?", "thanks 🦊"], False)


@program
async def chat_stream_with_usage(at: At) -> Seen:
    """The same with usage at the end."""
    return await _chat(at, ["Grüß Gott", "what else?", "thanks 🦊"], True)


@program
async def chat_raw_streams(at: At) -> Seen:
    """The chunks as they come: usage not asked for, asked for, and refused."""
    seen: Seen = []
    async with gpt(at) as client:
        for options in ({}, {"stream_options": {"include_usage": True}}, {"stream_options": {"include_usage": False}}):
            request: Any = {"model": GPT, "messages": [user('my "usage": null, ' * 20)], **options}
            seen.append(await all_of(await client.chat.completions.create(**request, stream=True)))
    return seen


@program
async def chat_tools(at: At) -> Seen:
    """A tool is called and its result sent back."""
    return await _chat(at, ["The forecast for Zürich and say so", "good"], None, tools=FUNCTIONS)


@program
async def chat_tools_stream(at: At) -> Seen:
    """The same, streamed."""
    return await _chat(at, ["The forecast for Zürich and say so", "good"], False, tools=FUNCTIONS)


@program
async def chat_parallel_tools(at: At) -> Seen:
    """Two tools at once, streamed and not."""
    says = ["I want two forecasts", "good"]
    return [e for stream in (None, False, True) for e in await _chat(at, says, stream, tools=FUNCTIONS)]


@program
async def chat_images(at: At) -> Seen:
    """A picture."""
    picture = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]
    return await _chat(at, [[{"type": "text", "text": "What is it?"}, *picture], "sure?"], None)


@program
async def chat_reasoning(at: At) -> Seen:
    """A model that reasons, and a local one that shows it."""
    seen = await _chat(at, ["hello", "and?"], None, model=REASONER, reasoning_effort="low")
    for stream in (None, False, True):
        seen += await _chat(at, ["play: thinking_first"], stream, model=LOCAL)
    return seen


@program
async def chat_cut_short(at: At) -> Seen:
    """The model stops early, refuses, says nothing."""
    seen: Seen = []
    async with gpt(at) as client:
        for name in ("truncated", "refusal", "empty", "no_usage"):
            for stream in (False, True):
                request: Any = {"model": GPT, "messages": [user(f"play: {name}")], "stream": stream}
                reply = await client.chat.completions.create(**request)
                seen.append(await all_of(reply) if stream else plain(reply))
    return seen


@program
async def chat_errors(at: At) -> Seen:
    """What is refused, and how it fails."""
    seen: Seen = []
    async with gpt(at) as client:
        for name in ("rate_limited", "overloaded", "server_error", "spend_limit", "overflow", "bad_gateway_html"):
            for stream in (False, True):
                try:
                    request: Any = {"model": GPT, "messages": [user(f"play: {name}")], "stream": stream}
                    await client.chat.completions.create(**request)
                except openai.APIError as error:
                    seen.append(failure(error))
        for wrong in ({"max_tokens": 0}, {"nonsense": 1}, {"stream_options": {"include_usage": True}}):
            try:
                body: Any = {"model": GPT, "messages": [user("hello")], "extra_body": wrong}
                await client.chat.completions.create(**body)
            except openai.APIError as error:
                seen.append(failure(error))
    return seen


@program
async def chat_broken_off(at: At) -> Seen:
    """The connection breaks in the middle of a stream (which depends on how many chunks there are to be)."""
    async with gpt(at) as client:
        options: Any = {"stream_options": {"include_usage": True}}
        request: Any = {"model": GPT, "messages": [user("play: cut")], **options}
        return await all_of(await client.chat.completions.create(**request, stream=True))


@program
async def chat_blocking(at: At) -> Seen:
    """The client that does not await."""

    def run() -> Seen:
        with httpx2.Client(verify=False, timeout=30) as http:
            client = openai.OpenAI(
                api_key="any", base_url=f"{at.url}/v1", max_retries=0, http_client=http, default_headers=at.headers
            )
            request: Any = {"model": GPT, "messages": [user("two forecasts")], "tools": FUNCTIONS}
            seen: Seen = [plain(client.chat.completions.create(**request))]
            return [*seen, *map(plain, client.chat.completions.create(**request, stream=True))]

    return await asyncio.to_thread(run)


# --- Responses ---------------------------------------------------------------------------------------


async def _response(
    client: openai.AsyncOpenAI, items: list[Any], streamed: bool, **more: Any
) -> tuple[list[Json], Seen]:
    """One call of the Responses API: its items as they are sent back, and all that was seen."""
    request: Any = {"model": REASONER, "store": False, "include": ["reasoning.encrypted_content"], **more}
    extra: Any = {"parsed_arguments": True, "content": {"__all__": {"parsed": True}}}
    if not streamed:
        reply = await client.responses.create(**request, input=items)
        output, seen = reply.output, [plain(reply), {"request_id": reply._request_id}]
    else:
        async with client.responses.stream(**request, input=items) as stream:
            seen = await all_of(stream)
        output = (await stream.get_final_response()).output
    return [i.model_dump(exclude_unset=True, exclude=extra, warnings=False) for i in output], seen


async def _items(at: At, says: list[Any], streamed: bool, **more: Any) -> Seen:
    seen: Seen = []
    async with gpt(at) as client:
        items: list[Any] = []
        for content in says:
            items.append({"role": "user", "content": content})
            output, new = await _response(client, items, streamed, **more)
            seen += new
            items += output
            calls = [i for i in output if i["type"] == "function_call"]
            if calls:
                items += [{"type": "function_call_output", "call_id": c["call_id"], "output": "12 °C"} for c in calls]
                output, new = await _response(client, items, streamed, **more)
                seen += new
                items += output
    return seen


@program
async def responses_create(at: At) -> Seen:
    """Three turns."""
    return await _items(at, ["Grüß Gott", "what else?", "thanks 🦊"], False, instructions="Be brief.")


@program
async def responses_stream(at: At) -> Seen:
    """The same, streamed."""
    return await _items(at, ["Grüß Gott", "what else?", "thanks 🦊"], True, instructions="Be brief.")


@program
async def responses_of_a_string(at: At) -> Seen:
    """Input that is a string, and the events as they come."""
    async with gpt(at) as client:
        seen: Seen = [plain(await client.responses.create(model=GPT, input="hello"))]
        return seen + await all_of(await client.responses.create(model=GPT, input="hello again", stream=True))


@program
async def responses_tools(at: At) -> Seen:
    """A tool is called and its output sent back, streamed and not."""
    says = ["The forecast for Zürich and say so", "good"]
    return [e for streamed in (False, True) for e in await _items(at, says, streamed, tools=FLAT)]


@program
async def responses_parallel_tools(at: At) -> Seen:
    """Two tools at once, streamed and not."""
    says = ["I want two forecasts", "good"]
    return [e for streamed in (False, True) for e in await _items(at, says, streamed, tools=FLAT)]


@program
async def responses_images(at: At) -> Seen:
    """A picture."""
    picture = {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"}
    return await _items(at, [[{"type": "input_text", "text": "What is it?"}, picture], "sure?"], False)


@program
async def responses_reasoning(at: At) -> Seen:
    """Sealed reasoning goes back with what follows it."""
    more: Json = {"reasoning": {"effort": "low"}}
    return [e for s in (False, True) for e in await _items(at, ["play: thinking_first", "and?"], s, **more)]


@program
async def responses_cut_short(at: At) -> Seen:
    """The model stops early, refuses, says nothing; the connection breaks."""
    seen: Seen = []
    async with gpt(at) as client:
        for name in ("truncated", "refusal", "empty", "only_thinking", "cut"):
            request: Any = {"model": REASONER, "input": f"play: {name}"}
            if name != "cut":
                seen.append(plain(await client.responses.create(**request)))
            seen.append(await all_of(await client.responses.create(**request, stream=True)))
    return seen


@program
async def responses_errors(at: At) -> Seen:
    """What is refused, and how it fails."""
    seen: Seen = []
    async with gpt(at) as client:
        for name in ("rate_limited", "overloaded", "server_error", "spend_limit", "overflow", "bad_gateway_html"):
            for stream in (False, True):
                try:
                    request: Any = {"model": GPT, "input": f"play: {name}", "stream": stream}
                    await client.responses.create(**request)
                except openai.APIError as error:
                    seen.append(failure(error))
        for wrong in ({"max_output_tokens": 1}, {"nonsense": 1}):
            try:
                body: Any = {"model": GPT, "input": "hello", "extra_body": wrong}
                await client.responses.create(**body)
            except openai.APIError as error:
                seen.append(failure(error))
    return seen
