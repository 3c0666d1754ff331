"""Who speaks and when: names that messages begin with, and the day of each message.

A chat among people often comes as `Anna: ...` inside the messages, a log as `[2024-05-08 13:56] ...`. Then the name is
the label of what is said, once, and the day goes above it. Names are believed where most messages of a role begin
with one, never where they are words that tell a role. Days are taken from dates that most messages of a role begin
with or that stand before a known name, else from the time of the messages where they were sent as people talk, not
all at once.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from memsvc.core.extract.handed import NOT_BY_OTHERS, handed, quotations
from memsvc.core.extract.times import stamp
from memsvc.core.flatten import Role, Said, said
from memsvc.core.model import Entry
from memsvc.core.money import DAY_S
from memsvc.core.patterns import regex

_NAME = regex(r"([^\W\d_][\w.'\u2019-]{0,19}(?: [^\W\d_][\w.'\u2019-]{0,19})?)(: |\uff1a)")
_GIVEN = regex(r"[^\W\d_][\w.'\u2019-]{0,39}(?: [^\W\d_][\w.'\u2019-]{0,39})?")
_ROLES = """
    user assistant system developer tool function result error call media human ai bot agent model operator
    admin administrator moderator root memory service note notes warning important update summary
    instruction instructions question answer re fw fwd ps nb todo fact rule goal context task title subject
    date time from to cc chatbot claude chatgpt gpt openai anthropic gemini sysadmin instructor supervisor
    système sistema система systeem benutzer nutzer utilisateur usuario usuário utente gebruiker пользователь assistent
    asistente assistente ассистент помощник администратор administrador administrateur outil herramienta werkzeug
"""
_NO_NAMES = frozenset(_ROLES.split())
_ROLES_CJK = regex(
    "系统|系統|用户|用戶|使用者|助手|助理|管理员|管理員|开发者|開發者|工具|机器人|機器人|模型|指令|说明|說明|注意|重要|规则"
    "|システム|ユーザー|アシスタント|管理者|ツール|시스템|사용자|어시스턴트|관리자|개발자|도구"
)
_BETWEEN_WORDS = regex(r"[\W\d_]+")
_LATIN, _LIKE_LATIN = regex("[A-Za-z]"), regex("[\u0370-\u052f]")
_LEAST_MESSAGES, _LEAST_SHARE = 3, 0.6
_LIVE_GAP_S, _LIVE_SHARE = 1.0, 0.5
"""Messages of a person come at least so long after the one before, in at least this share of cases; an import has
no such gaps, and its times say nothing of when something was said."""
_EARLIEST = 946_684_800.0  # the year 2000: a smaller time counts from the start of something


class Spoken(Struct, frozen=True, gc=False):
    """A message as it is quoted.

    Attributes:
        label: who says it: a name, or the role.
        day: days since 1970 (UTC); None = unknown.
    """

    said: Said
    label: str
    day: int | None


def spoken(entries: Sequence[Entry], read: Sequence[Said] | None = None) -> list[Spoken]:
    """Messages with speaker and day, without the name and the date that they begin with; `read` are what they say,
    where that is known."""
    read = [said(e) for e in entries] if read is None else read
    first = [stamp(m.text[:80]) if m.text else None for m in read]
    names = [_name(m.text[s[1] if s else 0 :][:60]) if m.text else None for m, s in zip(read, first, strict=True)]
    known = _believed(read, names)
    stamps = _stamps(read, first, [name is not None and name[0] in known for name in names])
    live = _sent_live(entries, read)
    stamped, brought = any(stamps), handed(read)
    day: int | None = None
    found: list[Spoken] = []
    for entry, message, dated, name, by_hand in zip(entries, read, stamps, names, brought, strict=True):
        if stamped:
            day = dated[0] if dated else day
        elif live:
            day = int(entry.at // DAY_S)
        start = dated[1] if dated else 0
        label: str = message.role
        if name is not None and name[0] in known:
            label, start = name[0], start + name[1]
        elif message.name and believable(message.name):
            label = message.name
        if by_hand:
            parts = quotations(message, label)
            found += [Spoken(part, label if who in NOT_BY_OTHERS else who, day) for part, who in parts]
        else:
            found.append(Spoken(_without(message, start) if start else message, label, day))
    return found


def _stamps(
    read: Sequence[Said], found: list[tuple[int, int] | None], named: Sequence[bool]
) -> list[tuple[int, int] | None]:
    """The dates that messages begin with, where a known speaker's name follows or most messages of the role have
    one: a pasted one dates no other."""
    all_of = Counter(m.role for m in read if m.text)
    dated = Counter(m.role for m, s in zip(read, found, strict=True) if s is not None)
    usual = {role for role, n in dated.items() if n >= max(2, _LEAST_SHARE * all_of[role])}
    return [s if known or m.role in usual else None for m, s, known in zip(read, found, named, strict=True)]


def believable(name: str) -> bool:
    """Whether a name that came beside a message may be its label: it reads as one, and tells no role."""
    return _GIVEN.fullmatch(name) is not None and not _tells_a_role(name)


def _name(text: str) -> tuple[str, int] | None:
    """The name that a text begins with, and how many characters it takes."""
    match = _NAME.match(text)
    if match is None or match[1].isupper() or not (match[1][0].isupper() or ord(match[1][0]) > 0x2FFF):
        return None
    return None if _tells_a_role(match[1]) else (match[1], match.end())


def _tells_a_role(name: str) -> bool:
    """Whether any of its words is one that tells a role, or letters of two alphabets could make it look like one."""
    plain = unicodedata.normalize("NFKC", name)
    if _ROLES_CJK.search(plain) or (_LATIN.search(plain) and _LIKE_LATIN.search(plain)):
        return True
    return not _NO_NAMES.isdisjoint(_BETWEEN_WORDS.split(plain.casefold()))


def _believed(read: Sequence[Said], names: Sequence[tuple[str, int] | None]) -> set[str]:
    all_of: Counter[Role] = Counter()
    named: Counter[Role] = Counter()
    times: Counter[str] = Counter()
    for message, name in zip(read, names, strict=True):
        if message.text:
            all_of[message.role] += 1
            if name is not None:
                named[message.role] += 1
                times[name[0]] += 1
    roles = {r for r, n in named.items() if n > 1 and n >= _LEAST_SHARE * all_of[r]}
    if sum(named[r] for r in roles) < _LEAST_MESSAGES:
        return set()
    return {
        name[0]
        for message, name in zip(read, names, strict=True)
        if name is not None and message.role in roles and times[name[0]] > 1
    }


def _sent_live(entries: Sequence[Entry], read: Sequence[Said]) -> bool:
    gaps = [
        entry.at - before.at
        for before, entry, message in zip(entries, entries[1:], read[1:], strict=False)
        if message.role == "user" and message.text
    ]
    waited = sum(gap >= _LIVE_GAP_S for gap in gaps)
    return bool(gaps) and entries[0].at >= _EARLIEST and waited >= _LIVE_SHARE * len(gaps)


def _without(message: Said, start: int) -> Said:
    """The message without the first characters of its first text."""
    pieces = list(message.pieces)
    at = next(i for i, piece in enumerate(pieces) if piece.kind == "text")
    pieces[at] = replace(pieces[at], text=pieces[at].text[start:])
    return replace(message, pieces=tuple(pieces))
