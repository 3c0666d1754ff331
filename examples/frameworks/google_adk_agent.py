"""An ADK app whose long sessions are compacted with memsvc's summaries.

Set ANTHROPIC_API_KEY; with MEMSVC_URL it talks to a service, without to a file in this folder.
"""

import asyncio
import os

from google.adk.agents import LlmAgent
from google.adk.apps.app import App, EventsCompactionConfig
from google.adk.models.anthropic_llm import AnthropicLlm
from google.adk.runners import InMemoryRunner

import memsvc
from memsvc.client import Client
from memsvc.integrations.google_adk import MemsvcSummarizer


async def main() -> None:
    url = os.environ.get("MEMSVC_URL")
    async with Client(url) if url else memsvc.open("sqlite:///memory.db") as client:
        memory = MemsvcSummarizer(client)  # one session for each of ADK's
        agent = LlmAgent(name="guide", model=AnthropicLlm(model="claude-sonnet-5"), instruction="You plan journeys.")
        when = EventsCompactionConfig(summarizer=memory, compaction_interval=2, overlap_size=0)
        app = App(name="guide", root_agent=agent, plugins=[memory], events_compaction_config=when)
        async with InMemoryRunner(app=app) as runner:
            await runner.run_debug(["A week in Porto in May, please.", "And by train?"], session_id="chat-adk")


asyncio.run(main())
