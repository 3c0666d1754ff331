"""A LlamaIndex agent with a memory that holds everything and stays short.

Set OPENAI_API_KEY; with MEMSVC_URL it talks to a service, without to a file in this folder.
"""

import asyncio
import os

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.llms.openai import OpenAI

import memsvc
from memsvc.client import Client
from memsvc.integrations.llama_index import MemsvcMemory


async def main() -> None:
    url = os.environ.get("MEMSVC_URL")
    async with Client(url) if url else memsvc.open("sqlite:///memory.db") as client:
        agent = FunctionAgent(llm=OpenAI(model="gpt-5.2"), system_prompt="You plan journeys.")
        memory = MemsvcMemory(client, "chat-llama")
        for words in ("A week in Porto in May, please.", "And by train?"):
            print(await agent.run(words, memory=memory))


asyncio.run(main())
