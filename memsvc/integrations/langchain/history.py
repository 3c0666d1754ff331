"""A chat message history whose messages are the compacted context."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage

from memsvc.integrations import front
from memsvc.integrations.handles import Asked, Source, finished, handle_of
from memsvc.integrations.langchain.messages import from_wire, to_wire


class MemsvcChatMessageHistory(BaseChatMessageHistory):
    """Everything that is added stays; `messages` is what to send: a summary of the older ones as a human message,
    then the newer ones. What was read is given again until something is added: `RunnableWithMessageHistory` reads
    twice a turn and counts on that.

    LangChain itself advises against histories since 1.6 of its core: in an agent take `MemsvcMiddleware`.

    Args:
        source: a client with `session_id`, or a session's handle. What does not begin with `a` needs a blocking one.
    """

    def __init__(self, source: Source, session_id: str | None = None) -> None:
        self._handle = handle_of(source, session_id)
        self._read: list[BaseMessage] | None = None

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]
        """The context, oldest first."""
        return finished(self._messages(Asked(self._handle, here=True)))

    async def aget_messages(self) -> list[BaseMessage]:
        """The context, oldest first."""
        return await self._messages(Asked(self._handle))

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Append messages: all or none."""
        finished(self._add(Asked(self._handle, here=True), messages))

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Append messages: all or none."""
        await self._add(Asked(self._handle), messages)

    def clear(self) -> None:
        """Delete everything that was said, for good."""
        self._read = None
        finished(front.clear(Asked(self._handle, here=True)))

    async def aclear(self) -> None:
        """Delete everything that was said, for good."""
        self._read = None
        await front.clear(Asked(self._handle))

    async def _messages(self, ask: Asked) -> list[BaseMessage]:
        if self._read is None:
            context = await front.context_of(ask, "openai")
            before, after = await front.parted(ask, context) if context is not None else ([], [])
            self._read = [message for wire in before + after for message in from_wire(wire, "openai")]
        return list(self._read)

    async def _add(self, ask: Asked, messages: Sequence[BaseMessage]) -> None:
        wires = [wire for message in messages for wire in to_wire(message, "openai")]
        self._read = None
        if wires:
            await front.note(ask, wires[0])
            await ask("append", wires, format="openai")
