"""How a server is reached over standard input and output."""

from __future__ import annotations

from typing import Any

from mcp.server.lowlevel.server import Server
from mcp.server.stdio import stdio_server


async def over_stdio(server: Server[Any]) -> None:
    """Serve one host until it closes our standard input. Standard output carries the protocol alone."""
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())
