"""Standing orders of the user, found without a model: they must survive every summary word for word.

A sentence counts when it lays down a rule: in so many words ("always", "never", "from now on", 不要, 必ず), for a
kind of occasion ("before you ..., ask me"), or about how the answers are to be ("use British spelling"); not a
request that is done once ("write a function"), nor small talk with the same words ("never mind"). Only what a
user wrote is looked at: a tool's output, an assistant's answer, code and quotations set no rules. What a later
sentence takes back or replaces is marked. The work is linear in the text and bounded per message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from memsvc.core.directives import asian, english, european
from memsvc.core.directives.orders import Directive, Orders, in_force
from memsvc.core.directives.spoken import MAX_CHARS, foreign, lines, sentences
from memsvc.core.directives.strength import NONE, SCOPED, SOFT, STANDING
from memsvc.core.directives.topics import revocation
from memsvc.core.extract.handed import handed, quotations
from memsvc.core.extract.speakers import spoken
from memsvc.core.flatten import Said, said
from memsvc.core.model import Entry
from memsvc.core.patterns import regex

__all__ = ["MAX_DIRECTIVES", "SCOPED", "Directive", "directives", "directives_of", "in_force", "is_rule"]

MAX_DIRECTIVES = 40
"""The strongest are kept, of equals the newest."""
_PER_MESSAGE = 12  # a pasted document full of "must" is not forty wishes
_PASTED = 6_000  # characters: a longer message is a document with, perhaps, a word of the user around it
_EDGE = 1_500  # characters at either end of one
_LEAST_CHARS, _LONGEST_ITEM = 6, 200
_LEAST_CHARS_CJK = 4

_CJK = regex(r"[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3]")
_OPENER = regex(
    r"(?:(?:and|also|so|please|note|important|ok|okay)[,: ]{1,3})*(?:(?:this|here|the following) (?:is"
    r"|are) (?:an? |my |some )?(?:\w+ )?"
    r"(?:constraints?|rules?|requirements?|preferences?|instructions?)(?: for (?:this|the) [\w ]{1,40})?|(?:for"
    r"|during) the (?:rest|remainder) of (?:this|our|the) [\w ]{1,30}|from (?:now|here|this point) on(?:wards?)?"
    r"|going forward|until further notice|in all (?:your )?future \w+|(?:important|standing|permanent|new|house"
    r"|ground|general) (?:\w+ )?(?:rules?|constraints?|instructions?|requirements?)"
    r"|(?:please )?(?:remember|keep in mind|note) (?:this|the following)(?: rules?)?|(?:an? )?(?:few|couple of"
    r"|some) (?:\w+ )?(?:rules|things to remember|preferences))"
    r"(?:[,:;.! ]{1,3}(?:for the (?:rest|remainder) of (?:this|our|the) [\w ]{1,30}|from now on"
    r"|at all times))?[\s:.,!\u2014-]*$",
    re.IGNORECASE,
)
_LIST_HEAD = regex(
    r"(?!(?:please |also )*(?:return|list|find|give|write|create|show|search|explain|check|review|read|tell|what"
    r"|which|generate|fix|make|add)\b)"
    r".{0,120}(?:\brules?\b|\bconstraints?\b|guidelines|preferences|conventions|from now on|\balways\b|\bnever\b"
    r"|\bdo(?: no|n[\u2019'])t\b|for the rest of"
    r"|regeln|règles|reglas|regras|regole|правила|规则|要求|規則|ルール|규칙)[^:：]{0,60}[:：]\**$",
    re.IGNORECASE,
)
_SAYS_NOTHING = regex(
    r"(?:please |you must |always )?(?:follow|obey|respect|observe|stick to|adhere to|keep to|remember)"
    r"(?: all| the| these| those| my| our| of| and| or| any| rules?| constraints?| instructions?| guidelines?"
    r"| conventions?| above| below| in this (?:session|chat|conversation)| at all times| strictly"
    r"| carefully| exactly){2,10}[.!]?",
    re.IGNORECASE,
)
"""A rule to keep the rules: they are quoted themselves."""
_ITEM = regex(r"\s{0,8}(?:[-*•·–]|\d{1,2}[.)、])\s*\S")
_STATES = regex(
    r"\s{0,8}(?:[-*•·–]|\d{1,2}[.)、])\s*\**(?:i|we|he|she|they|it|this|that|these|there|you (?:are|were|have"
    r"|said)|the)\b",
    re.IGNORECASE,
)


def directives(entries: Sequence[Entry]) -> tuple[Directive, ...]:
    """The user's standing orders in the order they were given, at most MAX_DIRECTIVES; those that were revoked go
    first, then the weakest. One that was repeated stands where it was said last."""
    every = [said(e) for e in entries]
    return directives_of(every, {s.said.seq: s.label for s in spoken(entries)} if _named(every) else {})


def directives_of(every: Sequence[Said], who: Mapping[int, str]) -> tuple[Directive, ...]:
    """The same of messages that were read already; `who` are the labels of the speakers by message number."""
    orders = Orders()
    for message, brought in zip(every, handed(every), strict=True):
        if message.role != "user" or not message.text:
            continue
        for words in _quoted(message) if brought else [message.text]:
            for text, strength in _rules(words):
                orders.add(message.seq, text, strength, who.get(message.seq, "user"))
    found = list(orders)
    best = sorted(range(len(found)), key=lambda i: (found[i].revoked_by is not None, -found[i].strength, -i))
    return tuple(found[i] for i in sorted(best[:MAX_DIRECTIVES]))


def _named(messages: Sequence[Said]) -> bool:
    """Whether names may tell who of several said what."""
    return any(m.role == "user" and (m.name or ":" in m.text[:50]) for m in messages)


def _quoted(message: Said) -> list[str]:
    """What a summary that was taken over quotes of the user."""
    return [
        part.text for part, speaker in quotations(message, "user") if speaker == "user" or speaker.startswith("user,")
    ]


def _rules(text: str) -> Iterator[tuple[str, int]]:
    """The rules of one message, and sentences that take one back (strength 0 if they are no rule themselves)."""
    found = list(_sentences(text))
    if len(found) > _PER_MESSAGE:
        best = set(sorted(range(len(found)), key=lambda i: (-found[i][1], i))[:_PER_MESSAGE])
        found = [x for i, x in enumerate(found) if i in best]
    yield from found


def _sentences(text: str) -> Iterator[tuple[str, int]]:
    listing = announced = False
    for line in lines(text):
        bare = line.text.strip()
        if not bare:
            continue
        item = listing and _ITEM.match(line.text) is not None
        if not item:
            listing = bare.endswith((":", "：", ":**", "：**")) and _LIST_HEAD.match(bare) is not None
        inside = len(text) > _PASTED and _EDGE < line.start < len(text) - _EDGE
        opened = -1
        for start, end, own in _own(line.text):
            sentence = line.text[start:end]
            strength = _strength(own)
            if opened >= 0 and end - opened <= MAX_CHARS and _follows(sentence, strength):
                yield line.text[opened:end], STANDING
                opened, announced = -1, False
                continue
            opened = start if _opens(sentence) else -1
            if opened >= 0 or (listing and not item and strength < STANDING):
                continue
            if strength == NONE and (announced or _after_colon(sentence)) and _follows(sentence, NONE):
                strength = STANDING
            announced = False
            if strength == NONE and item and _is_item(line.text, sentence):
                strength = SCOPED
            strength -= inside and strength > SOFT
            if strength or revocation(sentence) is not None:
                yield sentence, strength
        announced = opened >= 0


def _own(line: str) -> Iterator[tuple[int, int, str]]:
    """Beginning and end of each sentence of a line, and what of it is not somebody else's; none without any."""
    spans = foreign(line)
    for start, end in sentences(line):
        if not spans:
            yield start, end, line[start:end]
            continue
        own, at = "", start
        for begin, stop in spans:
            if at < stop and begin < end:
                own += line[at : max(at, begin)]
                at = min(end, stop)
        own += line[at:end]
        if own.strip():
            yield start, end, own.strip()


def _is_item(line: str, sentence: str) -> bool:
    """Whether a line of a list of rules is one."""
    return " " in sentence and len(sentence) <= _LONGEST_ITEM and not _STATES.match(line)


def _after_colon(sentence: str) -> bool:
    """Whether it is "a rule: do ..." in one."""
    head, colon, rest = sentence.partition(":")
    return bool(colon) and _opens(head + colon) and english.orders(rest)


def _opens(sentence: str) -> bool:
    """Whether it says of the next sentence that it is a rule."""
    return len(sentence) <= 160 and _OPENER.match(sentence.strip("*_# ")) is not None


def _follows(sentence: str, strength: int) -> bool:
    return strength > NONE or english.orders(sentence)


def _strength(sentence: str) -> int:
    if _SAYS_NOTHING.fullmatch(sentence):
        return NONE
    if not sentence.isascii() and _CJK.search(sentence):
        return asian.strength(sentence) if len(sentence) >= _LEAST_CHARS_CJK else NONE
    if len(sentence) < _LEAST_CHARS:
        return NONE
    return max(english.strength(sentence), european.strength(sentence))


def is_rule(sentence: str, *, facts: bool = True) -> bool:
    """Whether one sentence lays down a rule; `facts`: or tells a preference or a fact about the person."""
    return _strength(sentence) > (NONE if facts else SOFT)
