"""LlamaIndex: Memory, and ChatSummaryMemoryBuffer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import tiktoken
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, CompletionResponse, LLMMetadata
from llama_index.core.llms import CustomLLM
from llama_index.core.memory import ChatSummaryMemoryBuffer, Memory
from loop import Json, Limit, Place, serve

SHARE = 0.7
"""Of the token limit, what the history may have (its default)."""
T = TypeVar("T")


class Model(CustomLLM):
    """The stand-in provider."""

    place: Any
    window: int

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(context_window=self.window, is_chat_model=True)

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return CompletionResponse(text=self.place.asked(prompt))

    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
        raise NotImplementedError

    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        text = "\n\n".join(str(m.content) for m in messages)
        return ChatResponse(message=ChatMessage(role="assistant", content=self.place.asked(text)))


def _message(message: Json) -> ChatMessage:
    return ChatMessage(role=message["role"], content=message["content"])


def _prompt(messages: Sequence[ChatMessage]) -> list[Json]:
    return [{"role": m.role.value, "content": str(m.content)} for m in messages]


class SummaryBuffer:
    """With its default store, in memory."""

    def __init__(self, name: str, limit: Limit, place: Place) -> None:
        self._memory = ChatSummaryMemoryBuffer.from_defaults(
            llm=Model(place=place, window=1 << 40),
            token_limit=limit.threshold,
            tokenizer_fn=tiktoken.get_encoding("o200k_base").encode,
        )

    def load(self, messages: Sequence[Json]) -> None:
        self._memory.set([_message(m) for m in messages])

    def store(self, message: Json) -> None:
        """Nothing is read, so nothing is summarized."""
        self._memory.put(_message(message))

    def send(self, message: Json) -> list[Json] | None:
        self._memory.put(_message(message))
        return self.shown()

    def shown(self) -> list[Json]:
        return _prompt(self._memory.get())


class Whole:
    """Memory over an SQLite file, without memory blocks: what is flushed is kept in the file and not sent any more."""

    def __init__(self, name: str, limit: Limit, place: Place) -> None:
        self._loop = asyncio.new_event_loop()
        self._memory = Memory.from_defaults(
            session_id=name,
            token_limit=int(limit.threshold / SHARE),
            chat_history_token_ratio=SHARE,
            token_flush_size=limit.threshold - limit.keep,
            tokenizer_fn=tiktoken.get_encoding("o200k_base").encode,
            async_database_uri=f"sqlite+aiosqlite:///{Path(place.folder) / 'memory.db'}",
        )

    def load(self, messages: Sequence[Json]) -> None:
        self._run(self._memory.aput_messages([_message(m) for m in messages]))

    def store(self, message: Json) -> None:
        """Nothing is read."""
        self._run(self._memory.aput(_message(message)))

    def send(self, message: Json) -> list[Json] | None:
        return self._run(self._sent(message))

    def shown(self) -> list[Json]:
        return _prompt(self._run(self._memory.aget()))

    def together(self, messages: Sequence[Json]) -> list[bool]:
        """All at once, as tasks: a memory belongs to one event loop."""
        return self._run(self._all(messages))

    async def _all(self, messages: Sequence[Json]) -> list[bool]:
        done = await asyncio.gather(*(self._sent(m) for m in messages), return_exceptions=True)
        return [not isinstance(one, BaseException) for one in done]

    async def _sent(self, message: Json) -> list[Json]:
        await self._memory.aput(_message(message))
        return _prompt(await self._memory.aget())

    def _run(self, doing: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(doing)


if __name__ == "__main__":
    serve({"summary_buffer": SummaryBuffer, "memory": Whole})
