"""Conversation management for Strands Agents: the agent's messages stay whole, the model gets the compacted context.

```python
agent = Agent(model=model, conversation_manager=MemsvcConversationManager(client, "chat-1"))
```
"""

from memsvc.integrations.strands.manager import MemsvcConversationManager

__all__ = ["MemsvcConversationManager"]
