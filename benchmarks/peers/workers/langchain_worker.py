"""LangChain: SummarizationMiddleware, and ConversationSummaryBufferMemory of langchain-classic."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from loop import Json, Limit, Place, serve

warnings.filterwarnings("ignore")
from langchain.agents.middleware import SummarizationMiddleware  # noqa: E402
from langchain_classic.memory import ConversationSummaryBufferMemory  # noqa: E402
from langchain_core.chat_history import InMemoryChatMessageHistory  # noqa: E402
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage  # noqa: E402
from langchain_openai import ChatOpenAI  # noqa: E402
from langgraph.graph.message import add_messages  # noqa: E402


def _model(place: Place) -> Any:
    return ChatOpenAI(model=place.model, base_url=place.url, api_key="any")


def _message(message: Json) -> AnyMessage:
    return (HumanMessage if message["role"] == "user" else AIMessage)(content=message["content"])


def _prompt(messages: Sequence[BaseMessage]) -> list[Json]:
    role = {"human": "user", "ai": "assistant"}
    return [{"role": role.get(m.type, m.type), "content": str(m.content)} for m in messages]


class Middleware:
    """The agent's state as its reducer keeps it, and the middleware's hook before a call; no checkpointer."""

    def __init__(self, name: str, limit: Limit, place: Place) -> None:
        trigger, keep = ("tokens", limit.threshold), ("tokens", limit.keep)
        self._middleware = SummarizationMiddleware(model=_model(place), trigger=trigger, keep=keep)
        self._held: list[AnyMessage] = []

    def load(self, messages: Sequence[Json]) -> None:
        self._held = add_messages(self._held, [_message(m) for m in messages])

    def store(self, message: Json) -> None:
        """The hook is for calls."""
        self._held = add_messages(self._held, [_message(message)])

    def send(self, message: Json) -> list[Json] | None:
        self.store(message)
        update = self._middleware.before_model({"messages": self._held}, None)
        if update is not None:
            self._held = add_messages(self._held, update["messages"])
        return self.shown()

    def shown(self) -> list[Json]:
        return _prompt(self._held)


class SummaryBuffer:
    """The memory with its default history, a list; each message is added and the memory asked to prune."""

    def __init__(self, name: str, limit: Limit, place: Place) -> None:
        history = InMemoryChatMessageHistory()
        self._memory = ConversationSummaryBufferMemory(
            llm=_model(place), max_token_limit=limit.threshold, return_messages=True, chat_memory=history
        )

    def load(self, messages: Sequence[Json]) -> None:
        self._memory.chat_memory.add_messages([_message(m) for m in messages])
        self._memory.prune()

    def send(self, message: Json) -> list[Json] | None:
        self._memory.chat_memory.add_message(_message(message))
        self._memory.prune()
        return self.shown()

    def shown(self) -> list[Json]:
        return _prompt(self._memory.load_memory_variables({})["history"])


if __name__ == "__main__":
    serve({"middleware": Middleware, "summary_buffer": SummaryBuffer})
