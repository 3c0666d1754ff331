"""OpenAI Agents SDK with a session that remembers everything and stays short.

Set OPENAI_API_KEY; with MEMSVC_URL it talks to a service, without to a file in this folder.
"""

import asyncio
import os

from agents import Agent, Runner

import memsvc
from memsvc.client import Client
from memsvc.integrations.openai_agents import MemsvcSession


async def main() -> None:
    url = os.environ.get("MEMSVC_URL")
    async with Client(url) if url else memsvc.open("sqlite:///memory.db") as client:
        agent = Agent(name="Guide", instructions="You plan journeys.")
        session = MemsvcSession(client, "chat-agents")
        for words in ("A week in Porto in May, please.", "And by train?"):
            result = await Runner.run(agent, words, session=session)
            print(result.final_output)


asyncio.run(main())
