"""An agent's loop: call the model, run its tools, until it needs none. One of them looks into the conversation itself.

pip install 'memsvc[anthropic]'
ANTHROPIC_API_KEY=... python examples/tools.py
"""

import asyncio
from typing import Any

from anthropic import AsyncAnthropic

import memsvc
from memsvc.client import Session
from memsvc.integrations.recall import Recall, anthropic_tool

MODEL = "claude-haiku-5-5"
WEATHER = {
    "name": "get_weather",
    "description": "The weather of a city, now.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


async def get_weather(city: str) -> str:
    return f"22 degrees and sunny in {city}."


async def result_of(call: Any, chat: Session) -> dict[str, Any]:
    """What one call of a tool gives; a failure is an answer too, so that no call is left without a result."""
    try:
        if call.name == "get_weather":
            text = await get_weather(**call.input)
        else:  # memsvc_recall: messages that a summary stands for, word for word
            text = await Recall.of(chat)(call.input)
    except Exception as wrong:
        return {"type": "tool_result", "tool_use_id": call.id, "content": str(wrong), "is_error": True}
    return {"type": "tool_result", "tool_use_id": call.id, "content": text}


async def main() -> None:
    async with memsvc.open("sqlite:///memory.db") as memory, AsyncAnthropic() as claude:
        chat = memory.session("tools-demo")
        # Kept with the session, the tools come with every context: they are part of what the provider caches.
        await chat.put(system="Use your tools.", model=MODEL, tools=[WEATHER, anthropic_tool()])
        new: Any = {"role": "user", "content": "What is the weather in Porto? Use the tool."}
        while True:
            stored = await chat.append(new, context="anthropic")
            reply = await claude.messages.create(model=MODEL, max_tokens=1024, **stored.context.request)
            await chat.append({"role": "assistant", "content": reply.content})
            calls = [block for block in reply.content if block.type == "tool_use"]
            if not calls:
                break
            results = await asyncio.gather(*(result_of(call, chat) for call in calls))
            print(*(f"{call.name}({call.input}) -> {r['content']}" for call, r in zip(calls, results, strict=True)))
            new = {"role": "user", "content": list(results)}
        print("".join(block.text for block in reply.content if block.type == "text"))


asyncio.run(main())
