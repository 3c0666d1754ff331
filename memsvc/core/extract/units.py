"""A conversation cut into statements: the pieces that a summary is selected from.

Prose is cut into sentences and clauses, code and tool output into lines, calls stay whole. The work is
bounded per message: of a huge one the beginning, the end and the lines that tell of failure are read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from msgspec import Struct

from memsvc.core.extract.speakers import Spoken
from memsvc.core.extract.times import dated, may_tell_a_day
from memsvc.core.extract.wording import clauses, shortened
from memsvc.core.flatten import Piece
from memsvc.core.patterns import regex

CUT = "…"
"""Marks that a statement goes on in the source after this text."""
MAX_CHARS = 300
"""Longest statement, in characters; longer ones are cut at a space and marked with `…`."""
_HEAD, _TAIL = 24_000, 16_000  # characters read of one part of a message
_RESULT_HEAD, _RESULT_TAIL = 1_500, 1_500  # the same for tool output
_MAX_FAILURES = 12  # lines of a tool output kept for telling of failure
_MAX_ALIKE = 3  # lines of a tool output that differ in their numbers only
_CALL_CHARS = 220
_SCANNED = 400_000  # characters of a tool output searched for failures

_SENTENCE = regex(
    r"[.!?…。\uff01\uff1f\uff1b,;}\]](?:(?<=[.!?…])[\"'\u201d\u2019)\]]{0,3}\s+|(?<=[。\uff01\uff1f\uff1b])\s*"
    r"|(?<=[,;}\]]) (?=[\[{\"]))"
)
"""Ends where a sentence does. One class of characters comes first: a search leaps from one of them to the next."""
_ENUMERATOR = regex(r"^\W{0,4}\w{1,3}[.)]$")
_BEFORE_NUMBER = [r"no", r"nr", r"str", r"\w{2,12}str", r"tel", r"art", r"abs", r"fig", r"vol", r"approx", r"ca"]
_BEFORE_NAME = ["dr", "mr", "mrs", "ms", "prof", "hr", "fr", "sr", "sra"]
_BEFORE_ANY = [r"e\.g", r"i\.e", r"z\.\s?b", r"d\.\s?h", r"u\.\s?a", r"bzw", r"vs"]
_GOES_ON = regex(
    rf"\b(?:{'|'.join(_BEFORE_NUMBER)})\.\s+\0(?:\d|[A-Z]{{1,6}}-?\d)"
    rf"|\b(?:{'|'.join(_BEFORE_NAME)})\.\s+\0[A-Z]|\b(?:{'|'.join(_BEFORE_ANY)})\.\s+\0"
    r"|\b\d{1,2}\.\s+\0(?:jan(?:uar)?|feb(?:ruar)?|märz|apr(?:il)?|mai|ju[nl]i?|aug(?:ust)?|sept?(?:ember)?|okt(?:ober)?"
    r"|nov(?:ember)?|dez(?:ember)?)\b",
    re.IGNORECASE,
)
"""Where a full stop, before the NUL, ends an abbreviation or the number of a day and no sentence."""
_ENDINGS = frozenset(word[-2:] for word in (*_BEFORE_NUMBER, *_BEFORE_NAME, *_BEFORE_ANY))
"""The last letters of such abbreviations; those of single letters have something else before it."""
_SAYS = regex(r"[^\W_]")
_FAILURE = regex(
    r"\b(?:error|exception|traceback|failed|failure|fatal|panic|denied|refused|not found|cannot|undefined|"
    r"timed out)\b|[a-z](?:Error|Exception)\b|错误|失败|异常|エラー",
    re.IGNORECASE,
)
_NOT_IN_LABEL = regex(r"[^\w./-]+")
_NOTHING = ("", " ", "")
_DIGITS = regex(r"\d+")
_BLOB_CHARS = 120
_BLOB = regex(rf"[A-Za-z0-9+/=_-]{{{_BLOB_CHARS},}}")


Statement = tuple[str, str, str]
"""Text ("" where something was left out), what comes after it (see Unit), and its kind."""


class Unit(Struct, frozen=True, gc=False):
    """One statement.

    Attributes:
        message: index of its message in the conversation; `part`: its place in the message.
        label: who says it, as printed: a name, `user`, `assistant`, `call NAME`, `result`, ...
        after: what stands between it and the next statement: a space, nothing, or CUT.
        weight: how much statements of this kind matter.
        speech: somebody said it; it is no code, call or output.
        day: on which it was said, days since 1970; None = unknown.
        source: the statement as it stands in the message; `text` may be shorter.
    """

    message: int
    part: int
    seq: int
    label: str
    text: str
    after: str
    weight: float
    speech: bool = False
    day: int | None = None
    source: str = ""


_WEIGHTS = {
    "user": 1.15,
    "assistant": 1.0,
    "system": 1.15,
    "call": 0.75,
    "result": 0.5,
    "error": 0.9,
    "code": 0.5,
    "media": 0.05,
}


_SPEECH = frozenset({"user", "assistant", "system"})


def statements(message: int, source: Spoken) -> list[Unit]:
    """The statements of one message, in order."""
    found: list[Unit] = []
    part, seq, day = 0, source.said.seq, source.day
    told = day if day is not None and may_tell_a_day(source.said.text) else None
    for piece in source.said.pieces:
        label, cuts = _read(piece, source)
        for text, after, kind in cuts:
            if not text:
                part += 1
                continue
            speech, weight = kind in _SPEECH, _WEIGHTS.get(kind, 1.0)
            for one, between in clauses(text) if speech else ((text, ""),):
                shown = _shown(one, told) if speech else one
                if shown:
                    unit = (message, part, seq, label, shown, between or after, weight, speech, day, one)
                    found.append(Unit(*unit))
                part += 1
        part += 1  # a gap: the next piece does not continue this one
    return found


def _shown(text: str, day: int | None) -> str:
    """A statement as it is printed: without what carries nothing, with the dates that its words mean."""
    text = shortened(text)
    return dated(text, day) if day is not None else text


def _read(piece: Piece, source: Spoken) -> tuple[str, Iterable[Statement]]:
    if piece.kind == "call":
        return f"call {_NOT_IN_LABEL.sub('_', piece.name)[:60]}", _call(piece.text)
    if piece.kind in ("result", "error"):
        return piece.kind, _output(piece.text, piece.kind)
    if piece.kind == "media":
        return source.label, [(f"[{piece.text[:40]}]", " ", "media")]
    return source.label, prose(piece.text, source.said.role)


def _call(text: str) -> Iterator[Statement]:
    line = next((x.strip() for x in text[:_HEAD].splitlines() if x.strip()), "")
    short = clip(line, _CALL_CHARS)
    yield short, CUT if len(short) < len(text.strip()) else " ", "call"


def prose(text: str, role: str) -> Iterator[Statement]:
    """What somebody wrote, cut into statements; their kind is the role, or `code`."""
    fenced = False
    for line in window(text).splitlines():
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
            yield _NOTHING
            continue
        for sentence, after in _sentences(line):
            yield sentence, after, "code" if fenced else role


def _output(text: str, kind: str) -> Iterator[Statement]:
    text = text.strip()
    if len(text) <= _RESULT_HEAD + _RESULT_TAIL:
        lines = text.splitlines()
    else:
        middle = text[_RESULT_HEAD:-_RESULT_TAIL][-_SCANNED:]
        lines = [*text[:_RESULT_HEAD].splitlines(), *_failures(middle), *text[-_RESULT_TAIL:].splitlines()]
    alike: Counter[str] = Counter()
    for line in lines:
        failed = kind == "error" or _FAILURE.search(line) is not None
        shape = _DIGITS.sub("0", line)
        alike[shape] += 1
        if failed or alike[shape] <= _MAX_ALIKE:
            for sentence, after in _sentences(line):
                yield sentence, after, "error" if failed else kind
        else:
            yield _NOTHING


def _failures(text: str) -> list[str]:
    """The lines that tell of failure, each clamped around the word that tells it."""
    lines: list[str] = []
    upto = 0
    for match in _FAILURE.finditer(text):
        if match.start() < upto:
            continue
        start = max(text.rfind("\n", 0, match.start()) + 1, match.start() - MAX_CHARS // 2)
        end = text.find("\n", match.end())
        upto = min(end if end >= 0 else len(text), match.end() + MAX_CHARS // 2)
        lines.append(text[start:upto])
        if len(lines) == _MAX_FAILURES:
            break
    return lines


def window(text: str) -> str:
    """The part of a text that is read: all of it, or of a huge one the beginning and the end."""
    if len(text) <= _HEAD + _TAIL:
        return text
    return text[:_HEAD] + "\n" + text[-_TAIL:]


def _sentences(line: str) -> list[tuple[str, str]]:
    """Sentences of one line, each at most MAX_CHARS; a line without a word says nothing."""
    line = line.strip()
    if not _SAYS.search(line):
        return [("", " ")]
    found: list[tuple[str, str]] = []
    start, odd = 0, "\0" in line
    for match in _SENTENCE.finditer(line):
        end = match.end()
        sentence = line[start:end].strip()
        if (odd or _may_go_on(sentence)) and _GOES_ON.search(line[max(start, end - 16) : end] + "\0" + line[end:][:12]):
            continue
        head = sentence[:8]
        if head.endswith((".", ")")) and _ENUMERATOR.match(head):
            continue
        found += _pieces(sentence, " " if line[end - 1].isspace() else "")
        start = end
    return found + _pieces(line[start:].strip(), " ")


def _may_go_on(sentence: str) -> bool:
    """Whether it may end with the full stop of an abbreviation or a number, at a glance."""
    end = sentence[-3:-1]
    return sentence.endswith(".") and (end.lower() in _ENDINGS or not (end.isalpha() and end.isascii()))


def _pieces(sentence: str, after: str) -> list[tuple[str, str]]:
    if len(sentence) < _BLOB_CHARS:
        return [(sentence if _SAYS.search(sentence) else "", after)]
    found: list[tuple[str, str]] = []
    while len(sentence) > MAX_CHARS:
        head = clip(sentence, MAX_CHARS)
        found.append(("" if _BLOB.search(head) else head, CUT))
        sentence = sentence[len(head) :].lstrip()
    found.append((sentence if _SAYS.search(sentence) and not _BLOB.search(sentence) else "", after))
    return found


def clip(text: str, limit: int) -> str:
    """The beginning of `text`, cut at a space or comma near `limit` where there is one."""
    if len(text) <= limit:
        return text
    space = max(text.rfind(" ", limit // 2, limit), text.rfind(",", limit // 2, limit - 1) + 1)
    return text[: space if space > 0 else limit].rstrip()
