"""LangChain: a middleware for agents, and a chat message history.

```python
agent = create_agent("openai:gpt-5.2", tools, middleware=[MemsvcMiddleware(client)], checkpointer=InMemorySaver())
```
"""

from memsvc.integrations.langchain.history import MemsvcChatMessageHistory
from memsvc.integrations.langchain.middleware import MemsvcMiddleware

__all__ = ["MemsvcChatMessageHistory", "MemsvcMiddleware"]
