"""A chatbot's backend with aiohttp and OpenAI, the memory in the same process: one file, no second server.

pip install 'memsvc[openai]'
OPENAI_API_KEY=... python examples/aiohttp_backend.py
curl localhost:8000/chats/c-1 -d '{"text": "My order number is 4711."}'
"""

import os
from collections.abc import AsyncIterator

from aiohttp import web
from openai import AsyncOpenAI

import memsvc
from memsvc.client import Client

MODEL = "gpt-6-luna"
MEMORY = web.AppKey("memory", Client)
OPENAI = web.AppKey("openai", AsyncOpenAI)
routes = web.RouteTableDef()


@routes.post("/chats/{chat}")
async def say(request: web.Request) -> web.Response:
    text = (await request.json())["text"]
    session = request.app[MEMORY].session(request.match_info["chat"])
    await session.put(system="You are the assistant of a small shop.", model=MODEL)
    stored = await session.append({"role": "user", "content": text}, context="openai")
    reply = await request.app[OPENAI].chat.completions.create(model=MODEL, **stored.context.request)
    await session.append(reply.choices[0].message)
    return web.json_response({"text": reply.choices[0].message.content})


@routes.get("/chats/{chat}")
async def show(request: web.Request) -> web.Response:
    session = request.app[MEMORY].session(request.match_info["chat"])
    return web.json_response([row.message async for row in session.walk() if not row.superseded])


async def clients(app: web.Application) -> AsyncIterator[None]:
    async with memsvc.open("sqlite:///memory.db") as app[MEMORY], AsyncOpenAI() as app[OPENAI]:
        yield


app = web.Application()
app.add_routes(routes)
app.cleanup_ctx.append(clients)

if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=int(os.environ.get("PORT", "8000")))
