"""A chat with Claude that outgrows no window: the Anthropic SDK, memory in a file beside it.

pip install 'memsvc[anthropic]'
ANTHROPIC_API_KEY=... python examples/anthropic_sdk.py
"""

import asyncio

from anthropic import AsyncAnthropic

import memsvc

MODEL = "claude-haiku-5-5"


async def main() -> None:
    async with memsvc.open("sqlite:///memory.db") as memory, AsyncAnthropic() as claude:
        chat = memory.session("anthropic-demo")
        await chat.put(system="You are a helpful assistant.", model=MODEL)
        for text in ("My order number is 4711.", "Which order was mine?"):
            # One call stores the question and brings back what to send: system prompt, summary, recent messages.
            stored = await chat.append({"role": "user", "content": text}, context="anthropic")
            reply = await claude.messages.create(model=MODEL, max_tokens=1024, **stored.context.request)
            await chat.append({"role": "assistant", "content": reply.content})
            # Optional: what the call really took. Limits follow it, and `memsvc spend` shows what it cost.
            await chat.usage(
                id=reply.id,
                provider="anthropic",
                model=reply.model,
                usage=reply.usage,
                revision=stored.context.revision,
            )
            said = "".join(block.text for block in reply.content if block.type == "text")
            print(f"> {text}\n{said}")


asyncio.run(main())
