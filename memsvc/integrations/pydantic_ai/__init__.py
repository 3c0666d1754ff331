"""Pydantic AI: a capability by which the model gets the compacted context, while the message history stays whole.

```python
agent = Agent("openai:gpt-5.2", capabilities=[MemsvcMemory(client)])
result = await agent.run("A week in Porto?", message_history=earlier, conversation_id="chat-1")
```
"""

from memsvc.integrations.pydantic_ai.memory import MemsvcMemory

__all__ = ["MemsvcMemory"]
