"""Pydantic AI: a history processor that summarizes, as its documentation shows one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loop import Json, Limit, Place, serve
from pydantic_ai import Agent
from pydantic_ai.capabilities import ProcessHistory
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, UserPromptPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

OLDEST = 10
"""Messages that the documentation's example summarizes when there are more."""
NEVER = 1 << 20


class Processor:
    """The caller keeps the list of messages; an agent with a history processor is run for each of the user's."""

    def __init__(self, name: str, limit: Limit, place: Place) -> None:
        self._held: list[ModelMessage] = []
        self._sent: list[ModelMessage] = []
        most = OLDEST if limit.threshold < NEVER else NEVER

        async def summarized(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
            return ModelResponse(parts=[TextPart(place.asked("\n".join(m["content"] for m in _prompt(messages))))])

        summarizer = Agent(FunctionModel(summarized), instructions="Summarize this conversation.")

        async def process(messages: list[ModelMessage]) -> list[ModelMessage]:
            if len(messages) > most:
                summary = await summarizer.run(message_history=messages[:OLDEST])
                return summary.new_messages() + messages[-1:]
            return messages

        async def answered(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
            self._sent = list(messages)
            return ModelResponse(parts=[TextPart("Noted.")])

        self._agent: Any = Agent(FunctionModel(answered), capabilities=[ProcessHistory(process)])

    def load(self, messages: Sequence[Json]) -> None:
        self._held = [_message(m) for m in messages]

    def send(self, message: Json) -> list[Json] | None:
        if message["role"] == "assistant":
            self._held.append(_message(message))
            return None
        done = self._agent.run_sync(message["content"], message_history=self._held)
        self._held = done.all_messages()[:-1]  # the answer is the conversation's, not the stand-in's
        return self.shown()

    def shown(self) -> list[Json]:
        return _prompt(self._sent)


def _message(message: Json) -> ModelMessage:
    if message["role"] == "user":
        return ModelRequest(parts=[UserPromptPart(message["content"])])
    return ModelResponse(parts=[TextPart(message["content"])])


def _prompt(messages: Sequence[ModelMessage]) -> list[Json]:
    said = []
    for message in messages:
        role = "user" if isinstance(message, ModelRequest) else "assistant"
        parts = [str(p.content) for p in message.parts if isinstance(p, UserPromptPart | TextPart)]
        said.append({"role": role, "content": "\n".join(parts)})
    return said


if __name__ == "__main__":
    serve({"processor": Processor})
