"""A Pydantic AI agent whose message history is whole, and whose model gets the compacted context.

Set OPENAI_API_KEY; with MEMSVC_URL it talks to a service, without to a file in this folder.
"""

import asyncio
import os

from pydantic_ai import Agent

import memsvc
from memsvc.client import Client
from memsvc.integrations.pydantic_ai import MemsvcMemory


async def main() -> None:
    url = os.environ.get("MEMSVC_URL")
    async with Client(url) if url else memsvc.open("sqlite:///memory.db") as client:
        memory = MemsvcMemory(client)  # one session for each conversation_id
        agent = Agent("openai:gpt-5.2", instructions="You plan journeys.", capabilities=[memory])
        for words in ("A week in Porto in May, please.", "And by train?"):
            result = await agent.run(words, conversation_id="chat-pydantic")
            print(result.output)


asyncio.run(main())
