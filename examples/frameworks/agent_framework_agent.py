"""An agent of the Microsoft Agent Framework whose history holds everything and stays short.

Set OPENAI_API_KEY; with MEMSVC_URL it talks to a service, without to a file in this folder.
"""

import asyncio
import os

from agent_framework import Agent, AgentSession
from agent_framework.openai import OpenAIChatCompletionClient

import memsvc
from memsvc.client import Client
from memsvc.integrations.agent_framework import MemsvcHistory


async def main() -> None:
    url = os.environ.get("MEMSVC_URL")
    async with Client(url) if url else memsvc.open("sqlite:///memory.db") as client:
        history = MemsvcHistory(client)  # one session for each AgentSession
        model = OpenAIChatCompletionClient("gpt-5.2")
        agent = Agent(model, "You plan journeys.", context_providers=[history])
        session = AgentSession(session_id="chat-maf")
        for words in ("A week in Porto in May, please.", "And by train?"):
            print(await agent.run(words, session=session))


asyncio.run(main())
