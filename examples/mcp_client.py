"""What an agent's host does with `memsvc mcp`: start it, list its tools, call them.

pip install 'memsvc[mcp]'
python examples/mcp_client.py
"""

import asyncio
from pathlib import Path

from mcp import Client, StdioServerParameters

STORE = f"sqlite:///{Path('memory.db').absolute()}"
SERVER = StdioServerParameters(command="memsvc", args=["mcp", "--store", STORE])


async def main() -> None:
    async with Client(SERVER) as host:
        for tool in (await host.list_tools()).tools:
            print(f"{tool.name}: {tool.title}")

        notes = [{"role": "user", "content": "The release is on 12 May; the branch is release/4.2."}]
        await host.call_tool("memsvc_remember", {"session": "agent-notes", "messages": notes})

        found = await host.call_tool("memsvc_search", {"session": "agent-notes", "query": "release branch"})
        for result in found.structured_content["results"]:
            print(f"[{result['seq']} {result['role']}] {result['snippet']}")

        context = await host.call_tool("memsvc_context", {"session": "agent-notes"})
        print(context.content[0].text)


asyncio.run(main())
