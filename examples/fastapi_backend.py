"""A chatbot's backend with FastAPI and a memsvc service, which any number of such processes share.

pip install 'memsvc[anthropic]' fastapi uvicorn
memsvc serve &
ANTHROPIC_API_KEY=... python examples/fastapi_backend.py
curl localhost:8000/chats/c-1 -H 'content-type: application/json' -d '{"text": "My order number is 4711."}'
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from anthropic import APIError, AsyncAnthropic
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from memsvc.client import Client
from memsvc.errors import MemsvcError, NotFound

MODEL = "claude-haiku-5-5"
SYSTEM = "You are the assistant of a small shop."


class Said(BaseModel):
    text: str = Field(min_length=1, max_length=10_000)


class Answer(BaseModel):
    text: str


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    url = os.environ.get("MEMSVC_URL", "http://127.0.0.1:8080")
    async with Client(url, api_key=os.environ.get("MEMSVC_API_KEY")) as memory, AsyncAnthropic() as claude:
        app.state.memory, app.state.claude = memory, claude
        yield


app = FastAPI(lifespan=lifespan)


@app.exception_handler(MemsvcError)
@app.exception_handler(APIError)
async def trouble(request: Request, wrong: MemsvcError | APIError) -> JSONResponse:
    """What was stored stays: the next question goes on from there."""
    unknown = isinstance(wrong, NotFound)
    return JSONResponse(
        {"detail": "There is no such chat." if unknown else "Try again later."}, 404 if unknown else 503
    )


@app.post("/chats/{chat}")
async def say(chat: str, said: Said) -> Answer:
    session = app.state.memory.session(chat)
    await session.put(system=SYSTEM, model=MODEL)  # gives a new session its system prompt, else changes nothing
    stored = await session.append({"role": "user", "content": said.text}, context="anthropic")
    reply = await app.state.claude.messages.create(model=MODEL, max_tokens=1024, **stored.context.request)
    await session.append({"role": "assistant", "content": reply.content})
    return Answer(text="".join(block.text for block in reply.content if block.type == "text"))


@app.get("/chats/{chat}")
async def show(chat: str) -> list[dict[str, object]]:
    """All of a chat, word for word, for the page that shows it."""
    session = app.state.memory.session(chat)
    return [row.message async for row in session.walk() if not row.superseded]


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
