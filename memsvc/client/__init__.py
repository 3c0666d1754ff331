"""The Python client: typed methods from the endpoint table, over HTTP or in this process.

`client.py` and `session.py` have the methods, `writing.py` makes requests, `calls.py` sends them until there is an
answer, `replies.py` reads it; `blocking.py` is the same without `await`.
"""

from __future__ import annotations

from memsvc.client.blocking import BlockingClient, BlockingSession
from memsvc.client.client import Client
from memsvc.client.replies import AppendReply, Context
from memsvc.client.retry import Retry
from memsvc.client.session import Session
from memsvc.client.transport import Answer, NoAnswer, Request, Transport

__all__ = [
    "Answer",
    "AppendReply",
    "BlockingClient",
    "BlockingSession",
    "Client",
    "Context",
    "NoAnswer",
    "Request",
    "Retry",
    "Session",
    "Transport",
]
