"""A LangChain agent whose state keeps everything, and whose model gets the compacted context.

Set OPENAI_API_KEY; with MEMSVC_URL it talks to a service, without to a file in this folder.
"""

import asyncio
import os

from langchain.agents import create_agent
from langgraph.checkpoint.memory import InMemorySaver

import memsvc
from memsvc.client import Client
from memsvc.integrations.langchain import MemsvcMiddleware


async def main() -> None:
    url = os.environ.get("MEMSVC_URL")
    async with Client(url) if url else memsvc.open("sqlite:///memory.db") as client:
        memory = [MemsvcMiddleware(client)]  # one session for each thread_id
        agent = create_agent("openai:gpt-5.2", middleware=memory, checkpointer=InMemorySaver())
        for words in ("A week in Porto in May, please.", "And by train?"):
            turn = {"messages": [{"role": "user", "content": words}]}
            state = await agent.ainvoke(turn, {"configurable": {"thread_id": "chat-langchain"}})
            print(state["messages"][-1].text)


asyncio.run(main())
