"""The HTTP face: routes from the endpoint table, one border for credentials and errors.

`gate.py` says who is asking, `body.py` reads, `handlers.py` calls, `reply.py` answers.
"""

from __future__ import annotations

from memsvc.server.border import create_app

__all__ = ["create_app"]
