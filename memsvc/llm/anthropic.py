"""Models behind the Messages API, through the vendor's SDK."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from memsvc.core.usage import read_or_none
from memsvc.errors import Unavailable
from memsvc.llm.calls import NO_KEY, Answer, Ask, CallFailed, Stop, model_name, spoken, status_failed

if TYPE_CHECKING:
    from anthropic import APIStatusError, AsyncAnthropic

T = TypeVar("T")
_HAS_EFFORT = re.compile(r"claude-[a-z]+-(?:[5-9]|\d\d)(?:\D|\Z)")
_TOO_LONG = re.compile(r"prompt is too long|context window|context_length", re.IGNORECASE)
_STOPS: Mapping[str | None, Stop] = {
    "end_turn": "end",
    "stop_sequence": "end",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}


class AnthropicModel:
    """One model of the Messages API.

    Args:
        name: the model.
        api_key: None = the SDK's own environment variable for the vendor, none for other servers.
        base_url: another server with the same API; None = the vendor's.
    """

    provider = "anthropic"
    tokens_per_raw = 1.65  # measured up to 1.63 on tool output; 1.3 is usual

    def __init__(self, name: str, *, api_key: str | None = None, base_url: str | None = None) -> None:
        self.name = name
        self._key = api_key if api_key is not None or base_url is None else NO_KEY
        self.base_url = base_url
        self.keyed = api_key is not None
        self._client: AsyncAnthropic | None = None

    async def open(self) -> None:
        """Load the SDK (two seconds, in a thread) and make the client."""
        if self._client is None:
            self._client = await asyncio.to_thread(self._make)

    def _make(self) -> AsyncAnthropic:
        try:
            import anthropic
        except ImportError:
            what = "the anthropic SDK is not installed; install memsvc with its extra: pip install 'memsvc[anthropic]'"
            raise Unavailable(what) from None
        # No retries of its own: it would sleep for whatever Retry-After says, inside one call.
        return anthropic.AsyncAnthropic(
            api_key=self._key, base_url=self.base_url, max_retries=0, http_client=anthropic.DefaultAioHttpClient()
        )

    async def ask(self, ask: Ask) -> Answer:
        """Call the model once. Raises CallFailed."""
        client = await self.client()
        create = client.messages.with_raw_response.create(**self.request(ask), timeout=ask.timeout_s)
        raw = await translated(create, ask.timeout_s)
        try:
            return answer_of(orjson.loads(raw.http_response.content), self.name)
        except ValueError:
            raise CallFailed("garbled", "the answer is not JSON") from None

    async def client(self) -> AsyncAnthropic:
        """The SDK's client, made if need be."""
        await self.open()
        assert self._client is not None, "opened above"
        return self._client

    def request(self, ask: Ask) -> dict[str, Any]:
        """The members of the call."""
        request: dict[str, Any] = {
            "model": self.name,
            "max_tokens": ask.max_tokens,
            "system": [{"type": "text", "text": ask.system}],
            "messages": [{"role": "user", "content": ask.user}],
        }
        if _HAS_EFFORT.match(self.name.rpartition("/")[2]):
            request["output_config"] = {"effort": "low"}  # notes need little thought, and thought is billed
        return request

    async def close(self) -> None:
        """Let go of the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()


async def translated(call: Awaitable[T], timeout_s: float) -> T:
    """A call of the SDK, in time, its failures as CallFailed."""
    import anthropic

    try:
        async with asyncio.timeout(timeout_s):
            return await call
    except anthropic.APIStatusError as wrong:
        raise _failed(wrong) from None
    except (TimeoutError, anthropic.APITimeoutError):
        raise CallFailed("timeout", f"no answer within {timeout_s:.0f} s") from None
    except anthropic.APIConnectionError:
        raise CallFailed("connection", "the connection failed") from None
    except (anthropic.AnthropicError, TypeError) as wrong:  # no key at all, say
        raise CallFailed("auth", f"the client refuses the call ({type(wrong).__name__}); is a key set?") from None


def _failed(wrong: APIStatusError) -> CallFailed:
    body = wrong.body if isinstance(wrong.body, dict) else {}
    error = body.get("error")
    told: Mapping[str, Any] = error if isinstance(error, dict) else {}
    details = told.get("details")
    code = details.get("error_code") if isinstance(details, dict) else None
    if wrong.status_code == 400 and _TOO_LONG.search(str(told.get("message", ""))):
        code = "context_length_exceeded"
    named = code or told.get("type")
    code = named if isinstance(named, str) else None
    return status_failed(wrong.status_code, code, wrong.response.headers.get("retry-after"))


def answer_of(reply: object, asked_for: str) -> Answer:
    """A Messages API reply, read by block type. Raises CallFailed for what is none."""
    if not isinstance(reply, dict) or not isinstance(reply.get("content"), list):
        raise CallFailed("garbled", "the answer has no content")
    blocks = [b for b in reply["content"] if isinstance(b, dict)]
    texts = [b["text"] for b in blocks if b.get("type") == "text" and isinstance(b.get("text"), str)]
    return Answer(
        text=spoken("\n".join(texts)),
        stop=_STOPS.get(reply.get("stop_reason"), "other"),
        model=model_name(reply.get("model"), asked_for),
        usage=read_or_none(reply.get("usage"), "anthropic"),
    )
