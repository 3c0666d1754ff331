"""A memory whose messages are the compacted context, and which keeps everything."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.memory import BaseMemory
from pydantic import PrivateAttr

from memsvc.integrations import front, kept
from memsvc.integrations.handles import Asked, Source, finished, handle_of
from memsvc.integrations.llama_index.messages import messages_of, said_of
from memsvc.integrations.parts import Wire


class MemsvcMemory(BaseMemory):
    """`get` gives a summary of the older messages, as one user message, then the newer ones; `get_all` gives all.

    What was read is given again until something is added, so that a run with tools keeps its prefix. The system
    prompt of the memsvc session is left out, because agents and chat engines have their own.

    Args:
        source: a client with `session_id`, or a session's handle. What does not begin with `a` needs a blocking one.
        format: what messages are stored in. Take `anthropic` for Claude: the service then knows which thinking a
            compaction has unbound, and arguments of tools are objects; `openai` for all others.
    """

    _source: Any = PrivateAttr()
    _format: Wire = PrivateAttr()
    _read: kept.Context | None = PrivateAttr(default=None)

    def __init__(self, source: Source, session_id: str | None = None, *, format: Wire = "openai") -> None:
        super().__init__()
        self._source, self._format = handle_of(source, session_id), format

    @classmethod
    def class_name(cls) -> str:
        """Its name among LlamaIndex's components."""
        return "MemsvcMemory"

    @classmethod
    def from_defaults(cls, **kwargs: Any) -> NoReturn:
        """Raises TypeError: there is no session without a client."""
        raise TypeError("MemsvcMemory needs a client: MemsvcMemory(client, session_id)")

    def get(self, input: str | None = None, **kwargs: Any) -> list[ChatMessage]:
        """The context, oldest first."""
        return finished(self._get(self._here()))

    async def aget(self, input: str | None = None, **kwargs: Any) -> list[ChatMessage]:
        """The context, oldest first."""
        return await self._get(Asked(self._source))

    def get_all(self) -> list[ChatMessage]:
        """Every message that was put, oldest first."""
        return messages_of(finished(kept.history(self._here(), self._format)))

    async def aget_all(self) -> list[ChatMessage]:
        """Every message that was put, oldest first."""
        return messages_of(await kept.history(Asked(self._source), self._format))

    def put(self, message: ChatMessage) -> None:
        """Append a message."""
        self.put_messages([message])

    async def aput(self, message: ChatMessage) -> None:
        """Append a message."""
        await self.aput_messages([message])

    def put_messages(self, messages: list[ChatMessage]) -> None:
        """Append messages: all or none."""
        finished(self._put(self._here(), messages))

    async def aput_messages(self, messages: list[ChatMessage]) -> None:
        """Append messages: all or none."""
        await self._put(Asked(self._source), messages)

    def set(self, messages: list[ChatMessage]) -> None:
        """Make these the messages: what is there already stays, what is not among them is superseded."""
        finished(self._set(self._here(), messages))

    async def aset(self, messages: list[ChatMessage]) -> None:
        """Make these the messages: what is there already stays, what is not among them is superseded."""
        await self._set(Asked(self._source), messages)

    def reset(self) -> None:
        """Delete everything that was said, for good. Model, policy, user and metadata of the session stay."""
        self._read = None
        finished(front.clear(self._here()))

    async def areset(self) -> None:
        """Delete everything that was said, for good. Model, policy, user and metadata of the session stay."""
        self._read = None
        await front.clear(Asked(self._source))

    def _here(self) -> Asked:
        return Asked(self._source, here=True)

    async def _get(self, ask: Asked) -> list[ChatMessage]:
        if self._read is None:
            self._read = await kept.read(ask, self._format)
        return messages_of(self._read.said)  # new ones each time: agents write into them

    async def _put(self, ask: Asked, messages: Iterable[ChatMessage]) -> None:
        epoch = self._read.epoch if self._read is not None else None
        self._read = None
        await kept.add(ask, [said_of(message) for message in messages], self._format, epoch)

    async def _set(self, ask: Asked, messages: Iterable[ChatMessage]) -> None:
        self._read = None
        await kept.put_in_place(ask, [said_of(message) for message in messages], self._format)
