"""Memory for LlamaIndex: what the model gets is the compacted context, what is kept is everything.

```python
memory = MemsvcMemory(client, "chat-1")
reply = await agent.run("A week in Porto?", memory=memory)
```
"""

from memsvc.integrations.llama_index.memory import MemsvcMemory

__all__ = ["MemsvcMemory"]
