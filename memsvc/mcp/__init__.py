"""An MCP server: an agent looks into conversations, searches them, and adds to them. `server.py`, `stdio.py` and
`http.py` use the SDK, nothing else does."""
