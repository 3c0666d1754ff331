"""A client of the vendors' APIs that writes its requests and reads its replies by itself, streams as well."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from benchmarks.corpus import Format, Json
from benchmarks.replayed.talks import Talk

PATHS: Mapping[Format, str] = {
    "anthropic": "/v1/messages",
    "openai": "/v1/chat/completions",
    "responses": "/v1/responses",
}
MODELS: Mapping[Format, tuple[str, ...]] = {
    "anthropic": ("claude-sonnet-5-5", "claude-haiku-4-5", "claude-opus-5-5"),
    "openai": ("gpt-6-luna", "gpt-4.1"),
    "responses": ("gpt-6-luna", "gpt-5.4-mini"),
}
"""One with bound thinking, one without any; one that caches at breakpoints, one that caches by itself."""
MOST_TOKENS = 32_000
_LAST_LOOK_S = 0.05
_BROKEN = (aiohttp.ClientError, ConnectionError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Got:
    """What came of a request.

    Attributes:
        status: 0 = the connection broke before there was one.
        messages: the reply as the vendor's SDK would send it back.
        whole: its end came.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    messages: tuple[Json, ...] = ()
    whole: bool = False
    code: str = ""

    @property
    def ok(self) -> bool:
        """Whether it is an answer, all of it."""
        return self.status == 200 and self.whole


class Caller:
    """Sends calls of one conversation to one address.

    Args:
        model: one of `MODELS`.
        instructions: in the Responses API the system prompt goes there, not in front of the items.
        history: what `x-memsvc-history` says; None = nothing.
    """

    def __init__(self, http: aiohttp.ClientSession, url: str, talk: Talk, session: str, model: str, **how: Any) -> None:
        self._http = http
        self._url = url
        self._talk = talk
        self._session = session
        self.model = model
        self._instructions: bool = how.get("instructions", False)
        self.history: str | None = how.get("history")

    async def call(self, messages: Sequence[Json], *, stream: bool, leave: asyncio.Event | None = None) -> Got:
        """One request; the client hangs up when it is told to `leave`, having read what is there."""
        headers = {"authorization": f"Bearer {self._session}", "anthropic-version": "2026-10-21"}
        headers["x-memsvc-session"] = self._session
        if self.history is not None:
            headers["x-memsvc-history"] = self.history
        body = json.dumps(self.body(messages, stream=stream), ensure_ascii=False).encode()
        raw, status, told = bytearray(), 0, {}
        try:
            url = self._url + PATHS[self._talk.format]
            async with self._http.post(url, data=body, headers=headers) as reply:
                status, told = reply.status, {k.lower(): v for k, v in reply.headers.items()}
                async for chunk in reply.content.iter_any() if leave is None else _until(leave, reply):
                    raw += chunk
                if leave is not None and leave.is_set() and not reply.content.at_eof():
                    reply.close()
                    return self._got(status, told, bytes(raw), ended=False)
        except _BROKEN:
            return self._got(status, told, bytes(raw), ended=False)
        return self._got(status, told, bytes(raw), ended=True)

    def body(self, messages: Sequence[Json], *, stream: bool) -> Json:
        """The request."""
        talk, system = self._talk, self._talk.system
        body: Json = {"model": self.model, "stream": stream}
        listed = list(messages)
        if talk.format == "anthropic":
            body["max_tokens"] = MOST_TOKENS
            if system is not None:
                body["system"] = system
        elif talk.format == "responses" and self._instructions:
            if system is not None:
                body["instructions"] = system
        elif system is not None:
            listed.insert(0, {"role": "system", "content": system})
        if talk.tools:
            body["tools"] = list(talk.tools)
        body["input" if talk.format == "responses" else "messages"] = listed
        return body

    def _got(self, status: int, headers: Mapping[str, str], raw: bytes, *, ended: bool) -> Got:
        if status != 200:
            return Got(status, headers, code=headers.get("x-memsvc-error", "") or raw[:200].decode("utf-8", "replace"))
        if not headers.get("content-type", "").startswith("text/event-stream"):
            return Got(status, headers, _whole(self._talk.format, json.loads(raw)), True) if ended else Got(status)
        events, last = _events(raw)
        messages, over = _READERS[self._talk.format](events)
        return Got(status, headers, messages, ended and (over or last == "[DONE]"))


async def _until(leave: asyncio.Event, reply: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """What comes of a reply until the client leaves, and what is on the way then."""
    left = asyncio.ensure_future(leave.wait())
    try:
        while not reply.content.at_eof():
            chunk = asyncio.ensure_future(reply.content.readany())
            await asyncio.wait({chunk, left}, return_when=asyncio.FIRST_COMPLETED)
            if not chunk.done():
                await asyncio.wait({chunk}, timeout=_LAST_LOOK_S)
            if not chunk.done():
                chunk.cancel()
                return
            yield chunk.result()
    finally:
        left.cancel()


def _whole(format: Format, reply: Json) -> tuple[Json, ...]:
    if format == "anthropic":
        return ({"role": "assistant", "content": reply["content"]},)
    return (reply["choices"][0]["message"],) if format == "openai" else tuple(reply["output"])


def _events(raw: bytes) -> tuple[list[Json], str]:
    data = [line[6:] for block in raw.split(b"\n\n")[:-1] for line in block.split(b"\n") if line.startswith(b"data: ")]
    last = data[-1].decode() if data else ""
    return [json.loads(d) for d in data if d != b"[DONE]"], last


def _anthropic(events: Iterable[Json]) -> tuple[tuple[Json, ...], bool]:
    blocks: list[Json] = []
    over = False
    for event in events:
        match event["type"]:
            case "content_block_start":
                blocks.append({**event["content_block"], "_json": ""})
            case "content_block_delta":
                _grow(blocks[event["index"]], event["delta"])
            case "content_block_stop" if blocks[event["index"]]["_json"]:
                blocks[event["index"]]["input"] = json.loads(blocks[event["index"]].pop("_json"))
            case "message_stop":
                over = True
    open_calls = [b for b in blocks if b.get("_json")]
    content = [{k: v for k, v in b.items() if k != "_json"} for b in blocks if b not in open_calls]
    return ({"role": "assistant", "content": content},) if content else (), over


def _grow(block: Json, delta: Json) -> None:
    match delta["type"]:
        case "text_delta":
            block["text"] += delta["text"]
        case "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "signature_delta":
            block["signature"] = delta["signature"]
        case "input_json_delta":
            block["_json"] += delta["partial_json"]


def _chat(events: Iterable[Json]) -> tuple[tuple[Json, ...], bool]:
    said, calls = "", []
    over = False
    for event in events:
        for choice in event.get("choices", []):
            said += choice["delta"].get("content") or ""
            for call in choice["delta"].get("tool_calls") or []:
                if call.get("id"):
                    calls.append({k: v for k, v in call.items() if k != "index"})
                else:
                    calls[call["index"]]["function"]["arguments"] += call["function"]["arguments"]
            over = over or choice.get("finish_reason") is not None
    message: Json = {"role": "assistant", "content": said or None, "refusal": None}
    if calls and over:
        message["tool_calls"] = calls
    return (message,) if said or (calls and over) else (), over


def _responses(events: Iterable[Json]) -> tuple[tuple[Json, ...], bool]:
    items: dict[int, Json] = {}
    grown: dict[int, str] = {}
    for event in events:
        match event["type"]:
            case "response.output_item.done":
                items[event["output_index"]] = event["item"]
            case "response.output_text.delta":
                grown[event["output_index"]] = grown.get(event["output_index"], "") + event["delta"]
            case "response.completed":
                return tuple(event["response"]["output"]), True
    for index, text in grown.items():
        items.setdefault(index, {"role": "assistant", "content": [{"type": "output_text", "text": text}]})
    return tuple(item for _, item in sorted(items.items())), False


_READERS = {"anthropic": _anthropic, "openai": _chat, "responses": _responses}
