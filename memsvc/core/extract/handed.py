"""A summary of ours that comes back as a message: a history was taken over from another session.

Its lines are read as what they quote, so that a summary of it does not quote a quotation: the words keep their
speaker and take the number of the message that brought them. Only what a history begins with is believed to be one,
up to its closing tag: whoever sends such lines later speaks for nobody but himself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from memsvc.core.flatten import Piece, Said

_OPENING = "<conversation_summary>"
_CLOSING = "</conversation_summary>"
_FRAME = re.compile(
    r"\s*(?:</?conversation_summary>|##? ?(?:Current request|Pinned|Constraints|Conversation|Artifacts)[\w, ]{0,40}"
    r"|Record of messages? [\d a-z]{1,40} by the memory service.{0,80}|Memory service: record of message.{0,80})\s*"
)
_QUOTES = re.compile(r"\s*(?:\[\d{1,12} ([^\]\n]{1,80})\]:?|\d{1,12} ([^:\n]{1,80}):) (?=\S)")
_MOST_LINES = 2_000


def handed(messages: Sequence[Said]) -> int:
    """How many messages, from the first on, are such a summary or lines of one: 0 if the history begins otherwise."""
    if not messages or messages[0].seq > 1 or not messages[0].text.lstrip().startswith(_OPENING):
        return 0
    return next((i for i, message in enumerate(messages, 1) if _CLOSING in message.text), len(messages))


def quotations(message: Said, label: str) -> Iterator[tuple[Said, str]]:
    """The message in parts, each with its speaker; without the frame of the summary."""
    for piece in message.pieces:
        if piece.kind != "text":
            yield replace(message, pieces=(piece,)), label
            continue
        closed = False
        for line in piece.text.splitlines()[:_MOST_LINES]:
            closed = closed or _CLOSING in line
            if not line.strip() or _FRAME.fullmatch(line):
                continue
            speaker = label
            while not closed and (match := _QUOTES.match(line)):
                speaker, line = match[1] or match[2], line[match.end() :]
            yield replace(message, pieces=(Piece("text", line),)), speaker
