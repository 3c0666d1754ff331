"""Names that stand in a path."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import unquote_to_bytes

from memsvc.errors import InvalidRequest
from memsvc.server.asked import Asked

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def name_in_path(request: Asked, part: str, of: Literal["session", "user"]) -> str:
    """The decoded name at `part` of the route; it may still be no good name. Raises InvalidRequest."""
    raw_path = request.rel_url.raw_path
    if "%" in raw_path:
        # The router leaves what it cannot decode as it is: `%FF` would be the same name as `%25FF`.
        try:
            unquote_to_bytes(raw_path).decode()
        except UnicodeDecodeError:
            what = f"The path is not UTF-8; percent-encode the {of}'s name as UTF-8."
            raise InvalidRequest(what, field=of) from None
        if _BAD_ESCAPE.search(raw_path):
            what = "The path has a `%` that begins no escape; write a percent sign as %25."
            raise InvalidRequest(what, field=of)
    return request.match_info[part]
