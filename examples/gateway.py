"""A chat with Anthropic's SDK and one with OpenAI's through the gateway: two lines, and each has a memory.

make run &
ANTHROPIC_API_KEY=... OPENAI_API_KEY=... python examples/gateway.py
"""

import os

import anthropic
import openai

URL = os.environ.get("MEMSVC_URL", "http://127.0.0.1:8080")


def main() -> None:
    """Two questions to each, of which only the new one is sent."""
    claude = anthropic.Anthropic(base_url=URL, default_headers={"x-memsvc-session": "gateway-claude"})
    gpt = openai.OpenAI(base_url=f"{URL}/v1", default_headers={"x-memsvc-session": "gateway-gpt"})
    for question in ("My order number is 4711.", "What is my order number?"):
        reply = claude.messages.create(
            model="claude-sonnet-5-5", max_tokens=1024, messages=[{"role": "user", "content": question}]
        )
        print("Claude:", "".join(block.text for block in reply.content if block.type == "text"))
        answer = gpt.responses.create(model="gpt-6-luna", input=question)
        print("GPT:", answer.output_text)


if __name__ == "__main__":
    main()
