"""Text that cannot be taken for our own tags, however they are spelled.

A model reads `＜/transcript＞`, or the word with invisible characters in it, as the tag that it looks
like. Only the character that would open such a tag is replaced: the rest of a text stays as it is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable

from memsvc.core.patterns import regex

_OPENERS = "<\u02c2\u1438\u2039\u276e\u27e8\u2329\u3008\ufe64\uff1c"
"""`<`, and what looks like it."""
_SLASHES = r"/\\\u2044\u2215\u29f8\uff0f\uff3c"
_JOINS = r"_\-\u2010-\u2015\u203f\u2212\ufe4d-\ufe4f\ufe58\ufe63\uff0d\uff3f"
_INVISIBLE = (
    r"\x00-\x1f\x7f-\x9f\u00ad\u0300-\u036f\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e01ef"
)
_BETWEEN = rf"[\s{_SLASHES}{_JOINS}{_INVISIBLE}]*+"
"""What may stand between the letters of a tag. No letter is among them and no opener, so that a search never
goes back: its time grows with the text alone."""
_STYLED = (
    *((0xAA, 0xBB), (0x17F, 0x180), (0x2B0, 0x2E4), (0x1D2C, 0x1DA0), (0x2070, 0x209D), (0x2100, 0x2150)),
    *((0x24B6, 0x24EA), (0xFF21, 0xFF5B), (0x1D400, 0x1D6A4), (0x1F130, 0x1F14A)),
)
"""Where Unicode has Latin letters of another style (full width, mathematical, raised, in circles)."""


def neutraliser(names: Iterable[str]) -> Callable[[str], str]:
    """A function that opens up all that looks like a tag of one of these names (ASCII letters and `_`)."""
    wanted = [name.replace("_", "").lower() for name in names]
    styles = _styles(set("".join(wanted)))
    spelled = "|".join(_BETWEEN.join(styles[letter] for letter in name) for name in wanted)
    pattern = regex(rf"[{_OPENERS}](?={_BETWEEN}(?:{spelled})(?![A-Za-z0-9_]))")
    return lambda text: pattern.sub("&lt;", text)


def _styles(letters: set[str]) -> dict[str, str]:
    """For each letter a character class of all its styles."""
    found = {letter: [letter, letter.upper()] for letter in letters}
    for first, end in _STYLED:
        for character in map(chr, range(first, end)):
            plain = unicodedata.normalize("NFKC", character).casefold()
            if plain in found:
                found[plain].append(character)
    return {letter: f"[{''.join(styled)}]" for letter, styled in found.items()}
