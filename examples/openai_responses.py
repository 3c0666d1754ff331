"""The same with OpenAI's Responses API: a session holds items instead of messages, and nothing is stored at OpenAI.

pip install 'memsvc[openai]'
OPENAI_API_KEY=... python examples/openai_responses.py
"""

import asyncio

from openai import AsyncOpenAI

import memsvc

MODEL = "gpt-6-luna"


async def main() -> None:
    async with memsvc.open("sqlite:///memory.db") as memory, AsyncOpenAI() as openai:
        chat = memory.session("responses-demo")
        await chat.put(system="You are a helpful assistant.", model=MODEL, format="responses")
        for text in ("My order number is 4711.", "Which order was mine?"):
            stored = await chat.append({"role": "user", "content": text}, context="responses")
            # With `include`, reasoning comes along encrypted, so that the next turn can go on from it.
            reply = await openai.responses.create(
                model=MODEL, store=False, include=["reasoning.encrypted_content"], **stored.context.request
            )
            await chat.append(reply.output)
            print(f"> {text}\n{reply.output_text}")


asyncio.run(main())
