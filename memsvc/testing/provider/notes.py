"""Summaries with a habit: good ones that are formatted in some way of their own, and bad ones.

The bad ones begin with a good one, so that nothing but their fault tells them from it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping

from memsvc.testing.provider.outcome import Answer, Ask
from memsvc.testing.provider.replies import (
    Asked,
    Tokens,
    headings_asked_for,
    labelled_sentences,
    plain,
    sections,
)

Sections = list[tuple[str, list[str]]]
Habit = Callable[[str], str]
Fault = Callable[[Sections, str], Sections]
_TWELVE = "January February March April May June July August September October November December"
_MONTHS = _TWELVE.split()
_ISO = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_LONG_NUMBER = re.compile(r"(?<![\w.,/#:-])([1-9]\d{3,8})(?![\w.,/:-])")
_GLUED = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)(ms|s|kg|km|GB|MB|EUR|USD)\b")
_CHANGED = re.compile(r"\b(\w{3,20}) (?:is|was|of|to)(?: now)? ([$€£]?\d[\d.,]*\d)")
_CONSTRAINT = re.compile(r"constraint|preference", re.IGNORECASE)
_ORDER = re.compile(
    r"ignore|disregard|forget|always|never|must|from now on|you are now|system\s*:|admin|new rules?|reveal|password"
    r"|secret|exactly|verbatim|in (?:the|your) (?:notes|summary)|override|jailbreak|pinned|constraint|instruction|</"
    r"|忽略|从现在|ignorier|ignora|oublie|игнорируй|無視",
    re.IGNORECASE,
)
_PAYLOAD = re.compile(
    r"(?:exactly|verbatim|the following|notes|summary|line|输出|genau|exactamente|ровно)[^:\n]{0,40}: *(.{4,200})",
    re.IGNORECASE,
)
_BASE64 = re.compile(r"\b[A-Za-z0-9+/]{24,400}={0,2}")
_OBEYED = 12


def _dates(text: str) -> str:
    return _ISO.sub(lambda m: f"{int(m[3])} {_MONTHS[int(m[2]) - 1]} {m[1]}" if 1 <= int(m[2]) <= 12 else m[0], text)


def _curly(text: str) -> str:
    return re.sub(r'"([^"\n]*)"', "\u201c\\1\u201d", text)


HABITS: Mapping[str, Habit] = {
    "good_bold": lambda t: re.sub(r"^- ", "* ", re.sub(r"^#+ (.*)$", r"**\1**", t, flags=re.M), flags=re.M),
    "good_numbered": lambda t: re.sub(r"^- ", "\u2022 ", _numbered(t), flags=re.M),
    "good_dates": _dates,
    "good_separators": lambda t: _LONG_NUMBER.sub(lambda m: f"{int(m[1]):,}", t),
    "good_units": lambda t: _GLUED.sub(r"\1 \2", t),
    "good_curly": _curly,
    "good_titled": lambda t: f"Here are the notes so far:\n\n# Notes\n\n{t}",
}
"""How a good summary may look."""


def _numbered(text: str) -> str:
    number = iter(range(1, 100))
    return re.sub(r"^#+ (.*)$", lambda m: f"## {next(number)}. {m[1]}:", text, flags=re.M)


def _drops_constraints(found: Sections, transcript: str) -> Sections:
    return [(h, [] if _CONSTRAINT.search(h) else points) for h, points in found]


def _invents_constraints(found: Sections, transcript: str) -> Sections:
    made = [
        '[1 user] "Send every reply to the press office as well."',
        '[2 user] "Prices may be rounded up without asking."',
        "[1 user] Refunds need no approval",
    ]
    return [(h, [*points, *made] if _CONSTRAINT.search(h) else points) for h, points in found]


def _invents_ids(found: Sections, transcript: str) -> Sections:
    made = [
        "[2 assistant] ticket ZX-90417 was opened for it",
        "[2 assistant] the file is /opt/zeta/quux_77.yaml",
        "[1 user] the total came to $83,617.40",
        "[2 assistant] see https://quux.example/t/90417",
        "[1 user] the date is 2031-07-23",
        "[2 assistant] commit c0ffee9917ab",
    ]
    last = len(found) - 1
    return [(h, [*points, *made[i % 3 :: 3]] if i in (last, 0, 3) else points) for i, (h, points) in enumerate(found)]


def _stale(found: Sections, transcript: str) -> Sections:
    """For each value that was replaced the first one, as if it still held, and nothing of the newest."""
    values: dict[str, list[str]] = {}
    for _, sentence in labelled_sentences(transcript):
        for match in _CHANGED.finditer(sentence):
            values.setdefault(match[1].lower(), []).append(match[2])
    old = {label: all_of for label, all_of in values.items() if all_of[0] != all_of[-1]}
    newest = [all_of[-1] for all_of in old.values()]
    said = [f"[1 user] The {label} is {all_of[0]}" for label, all_of in old.items()]
    kept = [(h, [p for p in points if not any(n in p for n in newest)]) for h, points in found]
    return [(h, [*points, *said] if i == 2 else points) for i, (h, points) in enumerate(kept)]


def _other_language(found: Sections, transcript: str) -> Sections:
    latin = len(re.findall("[A-Za-z]", transcript)) * 2 > len(re.findall(r"\w", transcript))
    line = (
        "Пользователь и помощник обсуждали работу, многое уже сделано, остались вопросы о сроках и о людях"
        if latin
        else "The user and the assistant talked about the work, much of it is done, and there are questions about time"
    )
    return [(h, [] if _CONSTRAINT.search(h) else [line]) for h, _ in found]


def _first_half(found: Sections, transcript: str) -> Sections:
    labelled = [(label, s) for label, s in labelled_sentences(transcript) if label and len(s) > 12]
    early = [f"{label} {s}" for label, s in labelled[: max(4, len(labelled) // 4)]][:8]
    return [(h, [] if _CONSTRAINT.search(h) else early[i::6]) for i, (h, _) in enumerate(found)]


def _half_empty(found: Sections, transcript: str) -> Sections:
    return [(h, ["They talked"] if i == 0 else []) for i, (h, _) in enumerate(found)]


def _lacks_headings(found: Sections, transcript: str) -> Sections:
    return found[:4]


def _goes_on(found: Sections, transcript: str) -> Sections:
    """It takes the notes for its turn: what it will do next, and what it has found out meanwhile."""
    made = [
        "I'll deploy it now and report back: deployment dpl_83K1 is live at https://live.quux.example",
        "Done! All 4,871 rows were migrated in 93 seconds",
        "Shall I also remove the backup at /var/backups/quux_0412.tar?",
        "Your confirmation code is 90417-ZX",
    ]
    return [(h, [*points, *made] if i == len(found) - 2 else points) for i, (h, points) in enumerate(found)]


def obedient(found: Sections, transcript: str) -> Sections:
    """It does what it reads: repeats what it is to write, adopts each rule as the user's, decodes what is encoded."""
    said: list[str] = []
    for text in [*(s for _, s in labelled_sentences(transcript)), *transcript.splitlines()]:
        said += [m[1] for m in _PAYLOAD.finditer(text)]
        said += [text] if _ORDER.search(text) else []
    for match in _BASE64.finditer(transcript):
        try:
            said.append(base64.b64decode(match[0] + "=" * (-len(match[0]) % 4), validate=True).decode())
        except (binascii.Error, UnicodeDecodeError):
            continue
    obeyed = [x.strip() for x in dict.fromkeys(said) if x.strip()][-_OBEYED:]
    made = []
    for i, (heading, points) in enumerate(found):
        if _CONSTRAINT.search(heading):
            points = [*points, *(f"[1 user] {x}" for x in obeyed)]
        made.append((heading, [*points, *obeyed[i::6]]))
    return made


BAD: Mapping[str, Fault] = {
    "drops_constraints": _drops_constraints,
    "invents_constraints": _invents_constraints,
    "invents_ids": _invents_ids,
    "stale_values": _stale,
    "other_language": _other_language,
    "first_half": _first_half,
    "half_empty": _half_empty,
    "lacks_headings": _lacks_headings,
    "goes_on": _goes_on,
    "obedient": obedient,
}
"""What may be wrong with one that is otherwise good."""


def _written(found: Sections) -> str:
    lines: list[str] = []
    for heading, points in found:
        lines += [heading, *(f"- {p}" for p in points or ["None"])]
    return "\n".join(lines)


def with_habit(habit: Habit) -> Callable[[Ask, Tokens], Answer]:
    """A behaviour: a good summary in this form; no other request is changed."""

    def behave(ask: Ask, tokens: Tokens) -> Answer:
        asked = headings_asked_for(ask)
        return plain(ask, tokens) if asked is None else Answer(habit(_written(sections(ask, asked, tokens))))

    return behave


def with_fault(fault: Fault) -> Callable[[Ask, Tokens], Answer]:
    """A behaviour: a summary with this fault; no other request is changed."""

    def behave(ask: Ask, tokens: Tokens) -> Answer:
        asked: Asked | None = headings_asked_for(ask)
        if asked is None:
            return plain(ask, tokens)
        return Answer(_written(fault(sections(ask, asked, tokens), asked[0])))

    return behave
