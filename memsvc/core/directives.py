"""Standing orders of the user, found without a model: they must survive every summary word for word.

A sentence counts when it lays down a rule ("always", "never", "from now on", "do not", 不要, 必ず ...)
and is not small talk that uses the same words ("I always loved it", "never mind", "you must be tired").
Only what a user wrote is looked at: a tool's output or an assistant's answer sets no rules.
Sentences are short and bounded, so every pattern is too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from memsvc.core.extract.units import CUT, prose, window
from memsvc.core.flatten import said
from memsvc.core.model import Entry

MAX_DIRECTIVES = 40
"""The newest are kept."""
_PER_MESSAGE = 12  # a pasted document full of "must" is not forty wishes
_LEAST_CHARS = 6

_TRIGGER_WORDS = """
    always never not n't n\u2019t dont must only avoid every each_time whenever onward forward henceforth
    now_on here_on until_i at_all under_no without refrain stop remember prefer rest_of in_the_future
    in_all in_your in_future should require forbidden shall off-limits off_limits mandatory
    i_want i_need i_like make_sure
    be_sure ensure strictly 不 勿 禁 必 总 總 始 永 绝 絕 千万 千萬 现在 現在 今 以后 以後 一定 记住 記住 每次
    絶対 常に これから ないで いけ 항상 절대 반드시 앞으로 마세요 지_마 금지
    siempre nunca jamás ahora debes immer nie jetzt sofort nun_an unbedingt keinen_fall musst müssen darfst
    toujours jamais désormais dorénavant maintenant dois devez sempre agora d'ora всегда никогда отныне
    обязательно нельзя впредь altijd nooit zawsze nigdy asla her_zaman دائما أبدا हमेशा
"""
_TRIGGERS = tuple(w.replace("_", " ") for w in _TRIGGER_WORDS.split())
"""A cheap first look: a text without any of these holds no rule."""
_SOFT = r"(?:please|kindly|ok|okay|also|and|but|so|then|oh|hey|btw|by the way|important|note|rule|remember)"
_LEAD = rf"(?:^[\W\d_]{{0,8}}|[,;:\u2014-]\s{{0,2}}|\b{_SOFT}\b[,:!]?\s{{1,2}})"
_CHATTER = (
    r"(?:worry|mind|you|know|think|see|have|even|really|get me|bother|forget about|be (?:shy|sad"
    r"|afraid|sorry|too)"
    r"|a\b|the\b|an\b|been|here|there|happy|glad|nice|good|great|fun|love[sd]?|heard|had|was|were"
    r"|again|knew"
    r"|thought|felt|give up|stop (?:believ|learn|dream)\w*|wonder\w*|\w{2,20}ed\b)"
)
_RULES = tuple(
    re.compile(p, re.IGNORECASE)
    for p in (
        rf"{_LEAD}(?:always|never|do not|don[\u2019']?t(?: ever| you ever)?|do never)\s(?!{_CHATTER})\w+",
        rf"{_LEAD}(?:only|use only|strictly)\s(?:use|reply|answer|respond|write|speak|output|return"
        rf"|give|\w+s? in)\b",
        rf"{_LEAD}(?:avoid|refrain from|stop)\s\w+ing\b",
        rf"{_LEAD}(?:make sure|be sure|ensure|remember)\b.{{0,80}}\b(?:always|never|every|all|each"
        rf"|any|not)\b",
        r"\b(?:from (?:now|here|this point) on(?:wards?)?|going forward|henceforth|at all times"
        r"|without exception"
        r"|under no circumstances|until i (?:say|tell|ask)|for the rest of (?:this|our|the)"
        r"|in (?:all |your |the )?future (?:replies|answers|responses|messages|code)"
        r"|in every (?:reply|answer|response)"
        r"|(?:every|each) time you|whenever you (?:write|answer|reply|respond|use|change|edit|run"
        r"|make|create|add))\b",
        r"\byou (?:must|shall|should (?:always|never|not|only)|may not|are not (?:allowed|to)"
        r"|are never|have to always"
        r"|need to always|can(?:no|[\u2019'])t ever|must never)\b(?! (?:be|have|feel|miss|love|know"
        r"|enjoy|really)\b)",
        r"\b(?:must|shall|should) (?:not|never|always|only)\b",
        r"(?<!\bi )(?<!\bwe )(?<!\bhe )(?<!\byou )(?<!\bshe )(?<!\bthey )(?<!\bit )(?<!\bthat )"
        r"(?<!\bthis )\bmust\b"
        r"(?![\u2019']ve| (?:have|feel|admit|say|see|be (?:so|very|really|hard|tough|nice|great|fun"
        r"|amazing|exciting|tired))\b)",
        r"\bi(?:[\u2019']d)? (?:prefer|want|need|like|require) (?:you to|your|all|every|answers"
        r"|replies|responses)\b",
        r"\b(?:is|are) (?:strictly )?(?:forbidden|not allowed|off[- ]limits|required|mandatory)\b",
        r"^(?:can|could|would|will) you (?:please )?(?:always|never|only|stop|from now on)\b",
        r"\bwe (?:never|always|do not|don[\u2019']t) (?:use|deploy|commit|push|ship|allow|write"
        r"|merge|run|log|store)\b",
        # no word boundaries in scripts written without spaces; not after "I"
        r"(?<!我)(?<!我们)(?<!我們)"
        r"(?:不要|不准|不许|不許|不得"
        r"|禁止|切勿|请勿|請勿|必须|必須|务必"
        r"|務必|一定要|总是|總是"
        r"|始终|始終"
        r"|永远不|永遠不|绝不|絕不|绝对不|絕對不|千万别|千萬別|千万不|从现在起|從現在起|从今以后"
        r"|從今以後|从现在开始|從現在開始|以后都|以後都"
        r"|以后请|以後請|今后|今後|请记住|請記住|每次都)",
        r"必ず|絶対|常に|これからは|しないで|禁止|てはいけ|항상|절대|반드시|앞으로는|마세요|지 마|금지",
        r"\b(?:siempre|nunca|jamás|a partir de ahora|de ahora en adelante|no debes|debes|immer"
        r"|niemals|ab jetzt|ab sofort"
        r"|von nun an|unbedingt|auf keinen fall|du musst|sie müssen|du darfst|toujours|jamais"
        r"|désormais|dorénavant"
        r"|à partir de maintenant|tu dois|vous devez|sempre|de agora em diante|d'ora in poi|всегда"
        r"|никогда|отныне"
        r"|обязательно|нельзя|впредь|altijd|nooit|zawsze|nigdy|asla|her zaman|دائما|أبدا|हमेशा)\b",
    )
)
_NIE = re.compile(r"\bnie\b", re.IGNORECASE)  # "never" in German, a mere "not" in Polish
_GERMAN = re.compile(r"\b(?:und|der|die|das|ein|eine|nicht|mit|auf|bitte|ohne|den|zu|mir|du|sie|im)\b", re.IGNORECASE)
_FIRST_PERSON = re.compile(
    r"\b(?:i(?:[\u2019'](?:ve|m|d|ll))?|she|he|they|it|we[\u2019']ve|ich|yo|je|j[\u2019']ai|io|eu|я"
    r"|ja|ik|ben)\b"
    r"(?:\s\w{1,12}){0,3}\s(?:always|never|must|siempre|nunca|jamás|immer|niemals|nie|toujours"
    r"|jamais|sempre"
    r"|всегда|никогда|altijd|nooit|zawsze|nigdy|asla)\b",
    re.IGNORECASE,
)
_ASKS = re.compile(r"^(?:can|could|would|will) you\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Directive:
    """A rule the user laid down, quoted word for word."""

    seq: int
    text: str


def directives(entries: Sequence[Entry]) -> tuple[Directive, ...]:
    """The user's standing orders in the order they were given, at most MAX_DIRECTIVES.

    One that was repeated stands where it was said last.
    """
    found: dict[str, Directive] = {}
    for entry in entries:
        message = said(entry)
        if message.role == "user" and _triggered(window(message.text)):
            for text in _rules(message.text):
                key = " ".join(text.casefold().split())
                found.pop(key, None)
                found[key] = Directive(entry.seq, text)
    return tuple(found.values())[-MAX_DIRECTIVES:]


def _rules(text: str) -> Iterator[str]:
    left = _PER_MESSAGE
    for sentence, after, kind in prose(text, "user"):
        if left and after != CUT and kind != "code" and len(sentence) >= _LEAST_CHARS and is_rule(sentence):
            left -= 1
            yield sentence


def _triggered(text: str) -> bool:
    low = text.lower()
    return any(w in low for w in _TRIGGERS)


def is_rule(sentence: str) -> bool:
    """Whether one sentence lays down a rule."""
    if not _triggered(sentence):
        return False
    sentence = " ".join(sentence.split())
    if sentence.endswith(("?", "\uff1f")) and not _ASKS.match(sentence):
        return False
    if _FIRST_PERSON.search(sentence) and not _RULES[0].search(sentence):
        return False
    if _NIE.search(sentence) and _GERMAN.search(sentence):
        return True
    return any(rule.search(sentence) for rule in _RULES)
