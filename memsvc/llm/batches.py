"""One request as a batch of the vendor's: half the price, an answer within a day."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import orjson

from memsvc.llm import anthropic as messages
from memsvc.llm import openai as chat
from memsvc.llm.anthropic import AnthropicModel
from memsvc.llm.calls import Answer, Ask, CallFailed
from memsvc.llm.openai import OpenAIModel

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from openai import AsyncOpenAI

T = TypeVar("T")
CALL_S = 60.0
"""For one request about a batch."""
_OVER = ("completed", "failed", "expired", "cancelled")
_KEPT_S = 30 * 86_400


class Batches(Protocol):
    """A vendor's batches. Raises CallFailed: of kind `request` where the request itself got no answer that
    counts (refused, failed, expired, or nobody knows it any more), else as a call does."""

    async def submit(self, ask: Ask, id: str) -> str:
        """Hand a request in under an id of ours; gives the batch's own."""
        ...

    async def answer(self, batch: str, id: str) -> Answer | None:
        """What came of it; None = it is not done yet."""
        ...

    async def cancel(self, batch: str) -> None:
        """Give it up, if it is not done yet."""
        ...


def batches_of(model: object) -> Batches | None:
    """The batches of a model's vendor; None for servers that have none."""
    if isinstance(model, AnthropicModel):
        return _MessageBatches(model)
    if isinstance(model, OpenAIModel) and model.provider == "openai":
        return _OpenAIBatches(model)
    return None


class _MessageBatches:
    """Anthropic's Message Batches."""

    def __init__(self, model: AnthropicModel) -> None:
        self._model = model

    async def submit(self, ask: Ask, id: str) -> str:
        client = await self._model.client()
        made = await self._call(client.messages.batches.create(requests=[self._request(ask, id)]))
        return str(made.id)

    async def answer(self, batch: str, id: str) -> Answer | None:
        client = await self._model.client()
        if (await self._call(client.messages.batches.retrieve(batch))).processing_status != "ended":
            return None
        return await self._call(self._result(client, batch, id))

    async def cancel(self, batch: str) -> None:
        client = await self._model.client()
        await self._call(client.messages.batches.cancel(batch))

    def _request(self, ask: Ask, id: str) -> Any:
        return {"custom_id": id, "params": self._model.request(ask)}

    async def _result(self, client: AsyncAnthropic, batch: str, id: str) -> Answer:
        async for entry in await client.messages.batches.results(batch):
            if entry.custom_id == id:
                if entry.result.type != "succeeded":
                    raise CallFailed("request", f"the batch ended without an answer ({entry.result.type})")
                return messages.answer_of(entry.result.message.model_dump(), self._model.name)
        raise CallFailed("request", "the batch ended without this request")

    async def _call(self, call: Awaitable[T]) -> T:
        return await messages.translated(call, CALL_S)


class _OpenAIBatches:
    """OpenAI's Batch API: a file with a line in, a file with a line out."""

    def __init__(self, model: OpenAIModel) -> None:
        self._model = model

    async def submit(self, ask: Ask, id: str) -> str:
        client = await self._model.client()
        request = self._model.request(ask)
        body = {**request, **request.pop("extra_body", {})}
        body.pop("extra_body", None)
        line = {"custom_id": id, "method": "POST", "url": "/v1/chat/completions", "body": body}
        file = await self._call(client.files.create(file=(f"{id}.jsonl", orjson.dumps(line) + b"\n"), purpose="batch"))
        made = await self._call(
            client.batches.create(
                input_file_id=file.id,
                endpoint="/v1/chat/completions",
                completion_window="24h",
                metadata={"custom_id": id},
                output_expires_after={"anchor": "created_at", "seconds": _KEPT_S},
            )
        )
        return str(made.id)

    async def answer(self, batch: str, id: str) -> Answer | None:
        client = await self._model.client()
        found = await self._call(client.batches.retrieve(batch))
        if found.status not in _OVER:
            return None
        for file in (found.output_file_id, found.error_file_id):
            if file is not None and (line := await self._line(client, file, id)) is not None:
                return self._answer(line)
        raise CallFailed("request", f"the batch ended without an answer ({found.status})")

    async def cancel(self, batch: str) -> None:
        client = await self._model.client()
        await self._call(client.batches.cancel(batch))

    async def _line(self, client: AsyncOpenAI, file: str, id: str) -> dict[str, Any] | None:
        text = (await self._call(client.files.content(file))).text
        lines = (orjson.loads(line) for line in text.splitlines() if line.strip())
        return next((x for x in lines if isinstance(x, dict) and x.get("custom_id") == id), None)

    def _answer(self, line: dict[str, Any]) -> Answer:
        response = line.get("response")
        if not isinstance(response, dict) or response.get("status_code") != 200:
            raise CallFailed("request", "the request in the batch failed")
        return chat.answer_of(response.get("body"), self._model.name)

    async def _call(self, call: Awaitable[T]) -> T:
        return await chat.translated(call, CALL_S)


async def quietly(work: Awaitable[None]) -> None:
    """Do something that may fail without anybody minding."""
    try:
        async with asyncio.timeout(CALL_S):
            await work
    except (CallFailed, TimeoutError):
        return
