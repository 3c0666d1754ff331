"""Regular expressions that are compiled when they are first used.

The core has some 400 of them, many with long lists of words: compiling all takes a third of a second, which every
command and every process would spend before it does anything.
"""

from __future__ import annotations

import re
from typing import Any, cast

METHODS = ("finditer", "findall", "fullmatch", "match", "search", "split", "sub", "subn")


class _Late:
    """Looks like a compiled pattern; is one from the first use on."""

    def __init__(self, text: str, flags: int) -> None:
        self._given = text, flags
        self.pattern = text

    def __getattr__(self, name: str) -> Any:
        # Only what is not there yet comes here: from now on its methods are its own, as fast as the pattern's.
        made = re.compile(*self._given)
        for method in METHODS:
            setattr(self, method, getattr(made, method))
        return getattr(made, name)


def regex(text: str, flags: int = 0) -> re.Pattern[str]:
    """What `re.compile` gives, as far as it is used here; raises re.error at its first use."""
    return cast("re.Pattern[str]", _Late(text, flags))
