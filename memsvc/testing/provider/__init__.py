"""A stand-in for the Anthropic and OpenAI APIs, for trying things without a key and for tests.

It speaks both vendors' APIs on one port, holds requests to their rules, models their prompt
caches and bound thinking, and misbehaves on demand. No model is behind it. See docs/provider.md.
"""

from memsvc.testing.provider.behaviours import BEHAVIOURS, UnknownBehaviour
from memsvc.testing.provider.calls import Call
from memsvc.testing.provider.outcome import Answer, Ask, Fault, ToolCall
from memsvc.testing.provider.server import Provider, start

__all__ = ["BEHAVIOURS", "Answer", "Ask", "Call", "Fault", "Provider", "ToolCall", "UnknownBehaviour", "start"]
