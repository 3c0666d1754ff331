"""How notes are laid out: sections, points, and the messages that a point names.

Models have habits: bold headings, numbered ones, `*` for `-`. What is meant is read from all of them and
written in one way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct, field

from memsvc.core.asking import HEADINGS
from memsvc.core.patterns import regex

_NAMES = {
    **{name.casefold(): name for name in HEADINGS},
    **{"constraints": HEADINGS[1], "preferences": HEADINGS[1], "decision": HEADINGS[2], "artifacts": HEADINGS[3]},
    **{"identifiers": HEADINGS[3], "next step": HEADINGS[5], "open question": HEADINGS[6]},
}
_NAME = "|".join(sorted((re.escape(n) for n in _NAMES), key=len, reverse=True)).replace(r"\ and\ ", r" (?:and|&|\+) ")
_HEADING = regex(
    rf"^\s{{0,3}}(?P<mark>#{{1,6}}\s{{0,3}})?(?:\d{{1,2}}[.)]\s{{1,3}})?(?P<bold>[*_]{{1,3}})?(?P<name>{_NAME})"
    r"(?P<colon>\s?[:：])?[*_]{0,3}(?P<colon2>\s?[:：])?\s{0,3}(?P<rest>.{0,2000})$",
    re.IGNORECASE,
)
_STRANGE = regex(r"^\s{0,3}#{1,6}\s")
_BULLET = regex(r"^\s{0,40}(?:[-*+•‣–·]|\d{1,3}[.)、])\s{1,4}")
_FENCE = regex(r"^\s{0,8}(?:```|~~~|[-=*_]{3,}\s{0,3}$)")
_NOTHING = regex(
    r"[(\[*_]{0,3}(?:none|nothing|n/?a|nil|not applicable"
    r"|无|無|没有|暂无|なし|없음|keine?|nichts|ninguna?|aucune?|нет|-|—|–)"
    r"(?:\s(?:yet|so far|known|open|at this time|mentioned|stated|given|recorded))?[.。)\]*_]{0,3}",
    re.IGNORECASE,
)
_SPEAKERS = {
    **dict.fromkeys(("user", "用户", "用戶", "使用者", "ユーザー", "사용자", "usuario", "nutzer", "benutzer"), "user"),
    **dict.fromkeys(("utilisateur", "utente", "пользователь", "gebruiker"), "user"),
    **dict.fromkeys(("assistant", "助手", "助理", "アシスタント", "asistente", "assistent", "ассистент"), "assistant"),
    **dict.fromkeys(("call", "calls"), "assistant"),
    **dict.fromkeys(("tool", "result", "error", "工具", "ツール", "herramienta", "werkzeug", "инструмент"), "tool"),
    **dict.fromkeys(("system", "developer", "系统", "系統"), "system"),
}
_SPEAKER = "|".join(map(re.escape, sorted(_SPEAKERS, key=len, reverse=True)))
_SEQS = r"(?:seqs?|msgs?|messages?)?\s?#?\d{1,10}(?:\s?(?:[-–—,;&/]|and)\s?#?\d{1,10}){0,20}"
_ONE = rf"{_SEQS}(?:[\s:,]{{1,2}}[^\W\d_]{{1,20}})?"  # whatever the speaker is called
_LABEL = regex(
    rf"\[\s?(?:{_ONE})(?:\s?[,;/]\s?(?:{_ONE})){{0,10}}\s?\]"
    rf"|[(【［]\s?{_SEQS}[\s:,]{{1,2}}(?:{_SPEAKER})\s?[)】］]",
    re.IGNORECASE,
)
_MENTION = regex(r"\b(?:seqs?|msgs?|messages?)\s#?(\d{1,10})(?:\s?(?:-|–|to|and)\s?#?(\d{1,10}))?\b", re.IGNORECASE)
_NUMBER = regex(r"\d{1,10}")
_WHO = regex(_SPEAKER, re.IGNORECASE)


class Point(Struct):
    """One line of notes below a heading.

    Attributes:
        line: as it was written.
        text: without its bullet and the labels of messages.
        seqs: the messages that it names.
        speakers: who is said to have said it, as roles.
        rest: it goes on with the point before (a wrapped line).
    """

    line: str
    text: str
    seqs: tuple[int, ...] = ()
    speakers: frozenset[str] = frozenset()
    rest: bool = False

    @property
    def says(self) -> bool:
        """Whether there is anything in it: `None` and rules of dashes say nothing."""
        return bool(self.text) and not _NOTHING.fullmatch(self.text)


class Notes(Struct):
    """Notes by section, in the order of HEADINGS; `missing` are the sections that they do not have."""

    sections: dict[str, list[Point]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    def points(self) -> Iterator[tuple[str, Point]]:
        """Every point that says something, with its section."""
        for name, points in self.sections.items():
            yield from ((name, point) for point in points if point.says)

    def __str__(self) -> str:
        lines: list[str] = []
        for name, points in self.sections.items():
            lines += [f"### {name}", *([p.line for p in points] or ["- None"])]
        return "\n".join(lines)


def read(body: str) -> Notes:
    """Notes as sections. What stands before the first heading, or below a heading of another name, is left out."""
    found: dict[str, list[Point]] = {}
    points: list[Point] | None = None
    for line in body.splitlines():
        heading = _heading(line)
        if heading is not None:
            name, rest = heading
            points = found.setdefault(name, [])
            line = rest
        elif _STRANGE.match(line):
            points = None
        if points is None or not line.strip() or _FENCE.match(line):
            continue
        points.append(_point(line))
    missing = tuple(name for name in HEADINGS if name not in found)
    return Notes({name: found[name] for name in HEADINGS if name in found}, missing)


def _heading(line: str) -> tuple[str, str] | None:
    """The section that a line begins, and what else stands in it."""
    match = _HEADING.match(line)
    if match is None:
        return None
    rest = match["rest"].strip().strip("#").strip()
    colon = match["colon"] or match["colon2"]
    if match["mark"]:
        rest = rest if colon else ""
    elif rest and not colon:
        return None
    name = re.sub(r" [&+] ", " and ", match["name"].casefold())
    return _NAMES[name], f"- {rest}" if rest and not rest.startswith("(") else ""


def _point(line: str) -> Point:
    bullet = _BULLET.match(line)
    text = line[bullet.end() :] if bullet else line
    seqs: list[int] = []
    speakers: set[str] = set()
    for label in _LABEL.finditer(text):
        seqs += _span(label[0])
        speakers |= {_SPEAKERS[w.casefold()] for w in _WHO.findall(label[0])}
    for mention in _MENTION.finditer(text):
        seqs += [int(n) for n in mention.groups() if n]
    bare = _MENTION.sub(" ", _LABEL.sub(" ", text)).strip().strip("*_ ").lstrip(":：—– ").strip()
    return Point(line.rstrip(), bare, tuple(seqs), frozenset(speakers), rest=not bullet and not seqs)


def _span(label: str) -> list[int]:
    return [int(n) for n in _NUMBER.findall(label)]


def labelled(point: Point, text: str) -> str:
    """A line that says `text` behind the labels of a point."""
    labels = " ".join(m[0] for m in _LABEL.finditer(point.line))
    return "- " + f"{labels} {text}".strip()
