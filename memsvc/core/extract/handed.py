"""A summary of ours that comes back as a message: a history was taken over from another session.

Its lines are read as what they quote, so that a summary of it does not quote a quotation: the words keep their
speaker and take the number of the message that brought them. Only what a history begins with is believed to be one,
up to its closing tag: whoever sends such lines later speaks for nobody but himself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from memsvc.core.extract.times import is_title
from memsvc.core.flatten import Piece, Said
from memsvc.core.patterns import regex

_OPENING, _CLOSING = "<conversation_summary>", "</conversation_summary>"
_FRAME = regex(
    r"\s*(?:</?conversation_summary>|##? ?(?:Current request|Pinned|Constraints|Conversation|Artifacts)[\w, ]{0,40}"
    r"|Record of messages? [\d a-z]{1,40} by the memory service.{0,80}|Memory service: record of message.{0,80})\s*"
)
_QUOTES = regex(r"\s*(?:\[\d{1,12} ([^\]\n]{1,80})\]:?|\d{1,12} ([^:\n]{1,80}):) (?=\S)")
_LISTS = regex(r"\s*(?:- )?(?:paths|urls|ids|emails|names|versions|errors|amounts|dates): ")
_MOST_LINES, _MOST_CHARS = 2_000, 20_000
NOT_BY_OTHERS = frozenset({"system", "developer"})
"""Nobody else can bring their words: who says that the system said it has said it."""


def handed(messages: Sequence[Said]) -> list[bool]:
    """Which messages are such a summary, or lines of one that came as messages of their own, up to its end. Only a
    history's first message can begin one: later, whoever writes such tags speaks for himself alone. All others are
    read as they stand, numbers at the beginning of lines included."""
    found: list[bool] = []
    within = bool(messages) and messages[0].seq == 1 and messages[0].text.lstrip().startswith(_OPENING)
    for message in messages:
        found.append(within and (not found or _is_part(message)))
        within = found[-1] and _CLOSING not in message.text
    return found


def _is_part(message: Said) -> bool:
    lines = [line for line in message.text[:_MOST_CHARS].splitlines() if line.strip()]
    return bool(lines) and all(_FRAME.fullmatch(x) or is_title(x) or _QUOTES.match(x) or _LISTS.match(x) for x in lines)


def quotations(message: Said, label: str) -> Iterator[tuple[Said, str]]:
    """The message in parts, each with its speaker; without the frame of the summary."""
    for piece in message.pieces:
        if piece.kind != "text":
            yield replace(message, pieces=(piece,)), label
            continue
        closed = False
        for line in piece.text.splitlines()[:_MOST_LINES]:
            closed = closed or _CLOSING in line
            if not line.strip() or _FRAME.fullmatch(line) or is_title(line):
                continue
            speaker = label
            while not closed and (match := _QUOTES.match(line)):
                speaker, line = match[1] or match[2], line[match.end() :]
            yield replace(message, pieces=(Piece("text", line),)), speaker
