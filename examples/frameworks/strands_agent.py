"""A Strands agent whose messages stay whole, and whose model gets the compacted context.

Set OPENAI_API_KEY; with MEMSVC_URL it talks to a service, without to a file in this folder.
"""

import asyncio
import os

from strands import Agent, tool
from strands.models.openai import OpenAIModel

import memsvc
from memsvc.client import Client
from memsvc.integrations.strands import MemsvcConversationManager


@tool
def trains(city: str) -> str:
    """Say when trains leave for a city."""
    return "09:40"


async def main() -> None:
    url = os.environ.get("MEMSVC_URL")
    async with Client(url) if url else memsvc.open("sqlite:///memory.db") as client:
        memory = MemsvcConversationManager(client, "chat-strands")
        model = OpenAIModel(model_id="gpt-5.2")
        agent = Agent(model, tools=[trains], system_prompt="You plan journeys.", conversation_manager=memory)
        for words in ("A week in Porto in May, please.", "And by train?"):
            await agent.invoke_async(words)  # prints the answer


asyncio.run(main())
