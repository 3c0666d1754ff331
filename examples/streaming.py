"""Streaming: show the text as it comes, store the message once it is whole.

pip install 'memsvc[anthropic]'
ANTHROPIC_API_KEY=... python examples/streaming.py
"""

import asyncio

from anthropic import AsyncAnthropic

import memsvc

MODEL = "claude-haiku-5-5"


async def main() -> None:
    async with memsvc.open("sqlite:///memory.db") as memory, AsyncAnthropic() as claude:
        chat = memory.session("streaming-demo")
        await chat.put(system="You are a helpful assistant.", model=MODEL)
        for text in ("Tell me about Porto.", "And in one word?"):
            stored = await chat.append({"role": "user", "content": text}, context="anthropic")
            print(f"> {text}")
            async with claude.messages.stream(model=MODEL, max_tokens=1024, **stored.context.request) as stream:
                async for piece in stream.text_stream:
                    print(piece, end="", flush=True)
                reply = await stream.get_final_message()
            print()
            # Had it broken off, the question would be all that is stored: `await chat.context("anthropic")`, ask again.
            await chat.append({"role": "assistant", "content": reply.content})


asyncio.run(main())
