"""The same with OpenAI's Chat Completions, without async: `open_blocking` has every method of `open`.

pip install 'memsvc[openai]'
OPENAI_API_KEY=... python examples/openai_chat.py
"""

from openai import OpenAI

import memsvc

MODEL = "gpt-6-luna"

with memsvc.open_blocking("sqlite:///memory.db") as memory, OpenAI() as openai:
    chat = memory.session("openai-demo")
    chat.put(system="You are a helpful assistant.", model=MODEL)
    for text in ("My order number is 4711.", "Which order was mine?"):
        stored = chat.append({"role": "user", "content": text}, context="openai")
        reply = openai.chat.completions.create(model=MODEL, **stored.context.request)
        chat.append(reply.choices[0].message)
        chat.usage(
            id=reply.id, provider="openai", model=reply.model, usage=reply.usage, revision=stored.context.revision
        )
        print(f"> {text}\n{reply.choices[0].message.content}")
