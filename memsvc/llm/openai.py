"""Models behind Chat Completions, through the vendor's SDK: OpenAI's own, and any server with the same API
(vLLM, llama.cpp, Ollama and others)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from memsvc.core.render.context import needs_breakpoints
from memsvc.core.usage import read_or_none
from memsvc.errors import Unavailable
from memsvc.llm.calls import NO_KEY, Answer, Ask, CallFailed, Stop, model_name, spoken, status_failed

if TYPE_CHECKING:
    from openai import APIStatusError, AsyncOpenAI

T = TypeVar("T")
_REASONS = re.compile(r"(?:gpt-(?:[5-9]|\d\d)|o\d)(?:\D|\Z)")
_TOO_LONG = re.compile(r"context.{0,20}(?:length|window|size)|too many tokens|maximum context", re.IGNORECASE)
_STOPS: Mapping[str | None, Stop] = {"stop": "end", "length": "length", "content_filter": "refusal"}


class OpenAIModel:
    """One model of a server that speaks Chat Completions.

    Args:
        name: the model.
        api_key: None = the SDK's own environment variable for the vendor, none for other servers.
        base_url: another server with the same API; None = the vendor's.
    """

    tokens_per_raw = 1.15  # o200k is the vendor's own; other tokenizers differ by some 10 %

    def __init__(self, name: str, *, api_key: str | None = None, base_url: str | None = None) -> None:
        self.name = name
        self.provider = "openai" if base_url is None else "openai-compatible"
        self._key = api_key if api_key is not None or base_url is None else NO_KEY
        self.base_url = base_url
        self.keyed = api_key is not None
        self._client: AsyncOpenAI | None = None

    async def open(self) -> None:
        """Load the SDK (a second, in a thread) and make the client."""
        if self._client is None:
            self._client = await asyncio.to_thread(self._make)

    def _make(self) -> AsyncOpenAI:
        try:
            import openai
        except ImportError:
            what = "the openai SDK is not installed; install memsvc with its extra: pip install 'memsvc[openai]'"
            raise Unavailable(what) from None
        try:
            return openai.AsyncOpenAI(
                api_key=self._key, base_url=self.base_url, max_retries=0, http_client=openai.DefaultAioHttpClient()
            )
        except openai.OpenAIError:
            raise CallFailed("auth", "no API key is set") from None

    async def ask(self, ask: Ask) -> Answer:
        """Call the model once. Raises CallFailed."""
        client = await self.client()
        create = client.chat.completions.with_raw_response.create(**self.request(ask), timeout=ask.timeout_s)
        raw = await translated(create, ask.timeout_s)
        try:
            return answer_of(orjson.loads(raw.http_response.content), self.name)
        except ValueError:
            raise CallFailed("garbled", "the answer is not JSON") from None

    async def client(self) -> AsyncOpenAI:
        """The SDK's client, made if need be."""
        await self.open()
        assert self._client is not None, "opened above"
        return self._client

    def request(self, ask: Ask) -> dict[str, Any]:
        """The members of the call."""
        request: dict[str, Any] = {
            "model": self.name,
            "messages": [{"role": "system", "content": ask.system}, {"role": "user", "content": ask.user}],
        }
        if _REASONS.match(self.name.rpartition("/")[2]):
            request |= {"max_completion_tokens": ask.max_tokens, "reasoning_effort": "low"}
        else:
            request["max_tokens"] = ask.max_tokens  # the older name is the one that every server takes
        if self.base_url is None and needs_breakpoints(self.name):
            # Explicit without a breakpoint: nobody will read this prefix again, so its writing is not paid for.
            request["extra_body"] = {"prompt_cache_options": {"mode": "explicit"}}
        return request

    async def close(self) -> None:
        """Let go of the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()


async def translated(call: Awaitable[T], timeout_s: float) -> T:
    """A call of the SDK, in time, its failures as CallFailed."""
    import openai

    try:
        async with asyncio.timeout(timeout_s):
            return await call
    except openai.APIStatusError as wrong:
        raise _failed(wrong) from None
    except (TimeoutError, openai.APITimeoutError):
        raise CallFailed("timeout", f"no answer within {timeout_s:.0f} s") from None
    except openai.APIConnectionError:
        raise CallFailed("connection", "the connection failed") from None
    except openai.OpenAIError as wrong:
        raise CallFailed("auth", f"the client refuses the call ({type(wrong).__name__}); is a key set?") from None


def _failed(wrong: APIStatusError) -> CallFailed:
    body = wrong.body if isinstance(wrong.body, dict) else {}
    code = body.get("code") or body.get("type")
    if wrong.status_code in (400, 422) and _TOO_LONG.search(str(body.get("message", ""))):
        code = "context_length_exceeded"
    told = code if isinstance(code, str) else None
    return status_failed(wrong.status_code, told, wrong.response.headers.get("retry-after"))


def answer_of(reply: object, asked_for: str) -> Answer:
    """A Chat Completions reply. Raises CallFailed for what is none."""
    choices = reply.get("choices") if isinstance(reply, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    if not (isinstance(reply, dict) and isinstance(first, dict) and isinstance(message, dict)):
        raise CallFailed("garbled", "the answer has no message")
    stop = _STOPS.get(first.get("finish_reason"), "other")
    if message.get("refusal"):
        stop = "refusal"
    return Answer(
        text=_text(message.get("content")),
        stop=stop,
        model=model_name(reply.get("model"), asked_for),
        usage=read_or_none(reply.get("usage"), "openai"),
    )


def _text(content: object) -> str:
    if isinstance(content, list):
        parts = [p.get("text") for p in content if isinstance(p, dict) and p.get("type") == "text"]
        content = "\n".join(p for p in parts if isinstance(p, str))
    return spoken(content) if isinstance(content, str) else ""
