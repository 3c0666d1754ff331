"""Listening to the vendors' replies as they pass through: what a reply came to, as it can be sent back.

Bytes in, values out: a `Tap` for each streamed reply, `whole` for those that come at once. Neither raises on anything.
What breaks off half-way is kept as far as the same API takes it back: text so far, but no call whose arguments have
not ended, no thinking without its signature, no item of Responses that is not done but a message.
"""

from memsvc.core.stream.heard import Api, Heard
from memsvc.core.stream.tap import Tap, tap, whole
from memsvc.core.stream.without_usage import WithoutUsage

__all__ = ["Api", "Heard", "Tap", "WithoutUsage", "tap", "whole"]
