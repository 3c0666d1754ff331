"""Statements made shorter without a word changed: what only keeps talk flowing is left out.

Openings ("Wow, Anna! By the way, ..."), articles and words of emphasis go, and a long sentence is cut into its
clauses, so that one of them can be kept without the others. Everything that is left stands as it was written and in
its order. Quotations and code are left alone, and so is what answers a question ("yes", "no"). Emphasis stays where
something is denied ("not really", "isn't totally broken"), an article where it tells how much ("a few", "twice a day")
or is a letter ("option a or b").
"""

from __future__ import annotations

import re

from memsvc.core.patterns import regex

_GREETINGS = (
    r"wow|hey(?: there)?|hi(?: there)?|hello|thanks(?: a lot| so much)?|thank you(?: so much)?|congrats|congratulations"
    r"|hallo|danke|bonjour|salut|merci|hola|gracias"
)
_OPENERS = (
    r"whoa|oh|aw+|ah|haha+|lol|thx|cool|nice|great|awesome|amazing|ok|okay|well|so|by the way|btw|also|and|but|plus"
    r"|actually|honestly|anyway|also gut|übrigens|au fait|por cierto"
)
_SOMEBODY = (
    r"(?-i:(?!No\b|Not|Never|None|Nobody|Neither|Yes|Yep|Stop|Wait|Cancel|Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May"
    r"|Jun|Jul|Aug|Sep|Oct|Nov|Dec|To)[A-Z][a-z]{1,20})"
)
"""Who is greeted: a name, not a word that says something."""
_OPENING = regex(
    rf"^(?:(?:(?:{_GREETINGS})(?:,? {_SOMEBODY})?|{_OPENERS})"
    r"(?:\s?[,!.:\u2013\u2014-]{1,3}\s{1,2}|(?<=and) |(?<=but) |(?<=also) )){1,4}",
    re.IGNORECASE,
)
_PLAIN = frozenset(["the", "and", "with", "this", "that", "you", "of", "i'm", "i've", "my", "it's"])
_ENGLISH = regex(rf"\b(?:{'|'.join(sorted(_PLAIN))})\b", re.IGNORECASE)
_ARTICLE = regex(
    r"\b(?:[Aa]n?|[Tt]he) (?=[a-z])(?!(?:few|little|bit|lot|couple|dozen|hundred|thousand|million|billion|third|quarter"
    r"|half|tenth|second|minute|hour|day|night|week|month|year|piece|head|person|seat|share|time|good|great|many"
    r"|is|are|was|were|has|have|will|can|costs?|and|or|to|vs|versus|in|on|at|of|for|from|with|by|as|if|than|then|but"
    r"|because|instead|please|not|seems?|looks?|would|should|could|must)\b)"
)
_EMPHATIC = ["really", "very", "totally", "actually", "definitely", "basically", "literally"]
_EMPHASIS = regex(rf"\b(?:{'|'.join(_EMPHATIC)}) (?=[a-z])")
_DENIES = regex(
    r"\b(?:no|not|never|nor|neither|hardly|barely|scarcely|without|cannot|nobody|nothing|none)\b|n['\u2019]t\b",
    re.IGNORECASE,
)
_LEFT_ALONE = regex('["`\u201c\u201d\u300c\u300e=<>{}]')

_UNSPACED = regex("[\u3040-\u30ff\u3400-\u9fff]")
_OPENING_CJK = regex(
    "^(?:(?:好的|好吧|好|嗯+|哦+|噢|你好|您好|谢谢[你您]?|謝謝[你您]?|请问(?:一下)?|請問|那么?|行|没问题|不好意思|抱歉|收到"
    "|麻烦[你您]?|然后|最后|另外|ええと|えっと|あの|それで|ありがとう(?:ございます)?|すみません"
    "|こんにちは)[，,。！!、 ]{1,2}){1,4}"
)
_FILLER_CJK = regex(
    "(?:^|(?<=[，,。；;]))(?:请问|請問|请(?![假求客教示柬愿帖了过到])|麻烦[你您]|帮我|给我|給我|我想要?(?=[找去在问订])"
    "|我要(?=[找去在订])){1,3}"
    "|您|一下(?!子)|(?<![酒网贴])吧(?![台])|[呢啊哦呀嘛]|谢谢[你您]?|謝謝[你您]?|的话(?=[，,。])"
)
_DENIES_CJK = regex("[不没沒别別勿未无無非]")

_CLAUSE = regex(
    r" [\u2013\u2014-] |; |, (?=(?:but|and|so|because|which|where|while|when|though|although|aber|und|weil|mais|et"
    r"|car|pero|y|porque|it's|it was|i'm|i'd|i've|i)\b"
    r"(?! (?:only|not|never|no|if|unless|except|nur|nicht|solo|seulement)\b))",
    re.IGNORECASE,
)
_STATES = regex(
    r", (?=(?:and|but) (?:the|my|our|his|her|their|its)(?: [\w'\u2019-]{2,20}){1,4} (?:is|are|was|were|will|costs?)\b)",
    re.IGNORECASE,
)
"""Before a clause with a subject of its own, also in a short sentence: it may come to be untrue without the other."""
_CLAUSE_CJK = regex("[，；]")
_LONG, _LEAST_HEAD, _LEAST_REST = 70, 18, 18  # characters: of a sentence worth cutting, and of the parts
_LEAST_STATED = 8
_EDGE = "，；、, "


def unspaced(text: str) -> bool:
    """Whether a text has Chinese or Japanese in it."""
    return not text.isascii() and _UNSPACED.search(text) is not None


def shortened(text: str) -> str:
    """One statement without what carries nothing; "" if nothing is left."""
    alone = _LEFT_ALONE.search(text) is not None
    if unspaced(text):
        text = _OPENING_CJK.sub("", text)
        return (text if alone or _DENIES_CJK.search(text) else _FILLER_CJK.sub("", text)).strip(_EDGE)
    opening = _OPENING.match(text)
    if opening is not None:
        text = text[opening.end() :]
    if not alone and _is_english(text):
        if any(word in text for word in _EMPHATIC) and not _DENIES.search(text):
            text = _EMPHASIS.sub("", text)
        text = _ARTICLE.sub("", text)
    return text.strip()


def _is_english(text: str) -> bool:
    return not _PLAIN.isdisjoint(text.split()) or _ENGLISH.search(text) is not None


def clauses(text: str) -> list[tuple[str, str]]:
    """A statement cut into clauses: each with what stood between it and the next one ("" after the last)."""
    pattern, least_head, least_rest = _CLAUSE, _LEAST_HEAD, _LEAST_REST
    if unspaced(text):
        pattern, least_head, least_rest = _CLAUSE_CJK, 1, 1
    elif len(text) <= _LONG:
        if ", " not in text:
            return [(text, "")]
        pattern, least_head, least_rest = _STATES, _LEAST_STATED, _LEAST_STATED
    found: list[tuple[str, str]] = []
    start = 0
    for match in pattern.finditer(text):
        if match.start() - start >= least_head and len(text) - match.end() >= least_rest:
            found.append((text[start : match.start()], match[0]))
            start = match.end()
    return [*found, (text[start:], "")]
