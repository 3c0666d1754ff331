"""The user's own sentences in a message: what was pasted from a machine or from somebody else is left out.

A message in the user's voice may hold the output of a tool, a reminder that an agent's frame put in, a log, a
file, a quotation. None of that is the user's rule. Every sentence comes with its place in the message.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

from msgspec import Struct

from memsvc.core.patterns import regex

MAX_CHARS = 500
"""Of one sentence; what is longer is no rule that could be quoted."""
_HEAD, _TAIL = 120_000, 60_000  # characters read of one message
_MAX_LINE = 4_000  # a longer line was written by a machine: its beginning and its end are read

_FENCE = regex(r"\s*(?:```|~~~)")
_TAG = regex(r"\s*<([a-z][\w:-]{1,40})(?:\s[^<>]{0,200})?>", re.IGNORECASE)
_CLOSE = regex(r"</([a-z][\w:-]{1,40})>", re.IGNORECASE)
_OWN_TAG = regex(
    r"rule|instruct|constrain|prefer|guideline|important|require|direct|note|request|user|task|prompt", re.IGNORECASE
)
_OUTPUT = regex(
    r"\s*\[(?:tool|function|command|shell|system|terminal)?[ _-]?(?:result|results|output|stdout|stderr"
    r"|response)s?\b[^\]\n]{0,80}\]"
    r"|\s*\[(?:tool|function|system)[ _-](?:call|use|message|reminder|note)\b[^\]\n]{0,80}\]|\s*(?:OBSERVATION"
    r"|Tool output|Command output|Function output):"
    r"|Ran `[^`\n]{1,200}`\s*$|This session is being continued from a previous conversation",
)
_NOT_PROSE = regex(
    r"\s*(?:>|\d{1,6}:\s|\||//|/\*|\*/|#!|\$ |➜|❯|>>> |\.\.\. |@@ |diff --git|\+\+\+|--- [ab]/|<!--|at [\w.$]+\("
    r"|File \"|import |from \w+ import|def \w|class \w+[(:]"
    r"|return\b|const |let \w+ =|var |function \w|public |private |assert |raise |throw |#include"
    r"|\w{3} \d{1,2} \d\d:\d\d|\d{4}-\d\d-\d\d[T ]\d\d:|\[?(?:ERROR|WARN|WARNING|INFO|DEBUG|FATAL)\b"
    r"|(?:[\w.]*(?:Error|Exception|Warning)|error|warning|fatal|traceback)\b(?:\[\w+\])?[:(])"
)
_CODE = regex(
    r"[;{}]\s*$|^\s*[\w.]+\(.*\)\s*;?$|^\s*[\w.\"']+\s*(?:=|:=|=>|\+=)\s*\S|</\w+>\s*$|^(?:\t| {4,})(?![-*•\d])\S+[(=]"
)
_END = regex(
    r"[.!?…。！？；](?:(?<=[.!?…])[.!?…]*[\"'\u201d\u2019)\]*]{0,3}(?=\s)|(?<=[。！？；!?])[。！？；!?]*[\"”」』）]?)"
)
_SHORT = regex(
    r"(?:\b(?:e\.g|i\.e|etc|dr|mr|mrs|ms|prof|st|no|vs|p\.s|p\. s|n\.b|ca|z\.b|d\.h|u\.a|bzw|nr|sr|sra)\."
    r"|\b[a-z]\.|^\W{0,4}\w{1,3}[.)])$",
    re.IGNORECASE,
)
_QUOTATION = regex(
    r"(?<!\w)[\"\u201c\u201e\u00ab\u300c]([^\"\u201c\u201d\u201e\u00ab\u00bb\u300c\u300d]{8,2000})"
    r"[\"\u201d\u201c\u00bb\u300d]"
)
_CALLED = regex(r"\b(?:rules?|follow|remember|obey|from now on|regeln?|règles?|reglas?)\b|规则|ルール", re.IGNORECASE)
_BLANK = regex(r"\S")


class Line(Struct, frozen=True):
    """A line of the user's prose, `start` characters into the text."""

    start: int
    text: str


def lines(text: str) -> Iterator[Line]:
    """The lines that the user wrote, in order; an empty one stands for what was left out between two."""
    spans = [(0, len(text))] if len(text) <= _HEAD + _TAIL else [(0, _HEAD), (len(text) - _TAIL, len(text))]
    for begin, end in spans:
        yield from _own(text, begin, end)


def _own(text: str, begin: int, end: int) -> Iterator[Line]:
    fenced, at = False, begin
    closes: dict[str, list[int]] = {}  # looked for once: a search from each tag would take the square of the time
    for found in _CLOSE.finditer(text, begin, end):
        closes.setdefault(found[1], []).append(found.start())
    while at < end:
        stop = text.find("\n", at, end)
        stop = end if stop < 0 else stop
        line, start, at = text[at:stop], at, stop + 1
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced and _OUTPUT.match(line):
            return
        elif not fenced and (tag := _TAG.match(line)) is not None and not _OWN_TAG.search(tag[1]):
            places = closes.get(tag[1], [])
            close = bisect_left(places, start)
            if close < len(places):
                at = places[close] + len(tag[1]) + 3
        elif not fenced and not _NOT_PROSE.match(line) and not _is_code(line[-200:]):
            yield Line(start, line) if len(line) <= _MAX_LINE else Line(start, line[:_MAX_LINE])
            continue
        yield Line(start, "")


def _is_code(end: str) -> bool:
    """Whether the end of a line looks like code. What no such line lacks is looked for first."""
    if not end.rstrip().endswith((";", "{", "}", ")", ">")) and "=" not in end and "(" not in end:
        return False
    return _CODE.search(end) is not None


def sentences(line: str) -> Iterator[tuple[int, int]]:
    """Beginning and end of each sentence of a line."""
    start = 0
    for found in _END.finditer(line):
        if found[0] == "." and _SHORT.search(line[max(start, found.end() - 12) : found.end()]):
            continue
        yield from _trimmed(line, start, found.end())
        start = found.end()
    yield from _trimmed(line, start, len(line))


def foreign(line: str) -> list[tuple[int, int]]:
    """Where a line quotes several sentences at once: a text of somebody else, unless it is called a rule."""
    return [
        found.span()
        for found in (_QUOTATION.finditer(line) if '"' in line or not line.isascii() else ())
        if _END.search(found[1], 0, len(found[1]) - 1)
        and not _CALLED.search(line, max(0, found.start() - 60), found.start())
    ]


def _trimmed(line: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    first = _BLANK.search(line, start, end)
    if first is not None:
        text = line[first.start() : end].rstrip()
        if len(text) <= MAX_CHARS:
            yield first.start(), first.start() + len(text)
