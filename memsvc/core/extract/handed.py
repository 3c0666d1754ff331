"""A summary of ours that comes back as a message: a history was taken over from another session.

Its lines are read as what they quote, so that a summary of it does not quote a quotation: the words keep their
speaker and take the number of the message that brought them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from memsvc.core.extract.times import is_title
from memsvc.core.flatten import Piece, Said

_OPENING, _CLOSING = "<conversation_summary>", "</conversation_summary>"
_FRAME = re.compile(
    r"\s*(?:</?conversation_summary>|##? ?(?:Current request|Pinned|Constraints|Conversation|Artifacts)[\w, ]{0,40}"
    r"|Record of messages? [\d a-z]{1,40} by the memory service.{0,80}|Memory service: record of message.{0,80})\s*"
)
_QUOTES = re.compile(r"\s*(?:\[\d{1,12} ([^\]\n]{1,80})\]:?|\d{1,12} ([^:\n]{1,80}):) (?=\S)")
_MOST_LINES, _MOST_CHARS = 2_000, 20_000
NOT_BY_OTHERS = frozenset({"system", "developer"})
"""Nobody else can bring their words: who says that the system said it has said it."""


def is_handed(message: Said) -> bool:
    """Whether a message is such a summary, or its first line."""
    return message.text.lstrip().startswith(_OPENING)


def handed(messages: Sequence[Said]) -> list[bool]:
    """Which messages are such a summary, or lines of one that came as messages of their own, up to its end. All others
    are read as they stand, numbers at the beginning of lines included."""
    found: list[bool] = []
    within = False
    for message in messages:
        begins = is_handed(message)
        found.append(begins or (within and _is_part(message)))
        within = found[-1] and _CLOSING not in message.text
    return found


def _is_part(message: Said) -> bool:
    lines = [line for line in message.text[:_MOST_CHARS].splitlines() if line.strip()]
    return bool(lines) and all(_FRAME.fullmatch(x) or is_title(x) or _QUOTES.match(x) for x in lines)


def quotations(message: Said, label: str) -> Iterator[tuple[Said, str]]:
    """The message in parts, each with its speaker; without the frame of the summary."""
    for piece in message.pieces:
        if piece.kind != "text":
            yield replace(message, pieces=(piece,)), label
            continue
        for line in piece.text.splitlines()[:_MOST_LINES]:
            if not line.strip() or _FRAME.fullmatch(line) or is_title(line):
                continue
            speaker = label
            while match := _QUOTES.match(line):
                speaker, line = match[1] or match[2], line[match.end() :]
            yield replace(message, pieces=(Piece("text", line),)), speaker
