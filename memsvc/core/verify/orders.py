"""Text that gives orders: to the reader of notes, or about what notes are to say.

Only what is an order where it stands counts: at the beginning of a statement, or as a speaker's name before a colon.
"The page told the assistant to ignore its rules" is a report.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from memsvc.core.patterns import regex
from memsvc.core.verify.record import fold, quotes, squeezed

_INSTRUCTIONS = (
    r"(?:instructions?|rules?|prompts?|messages?|guidelines?|constraints?|directions?|safety|polic\w{1,3}|above|before)"
)
_ORDERS = regex(
    r"(?:^|[.!:;,>\-–—\]\)]\s?|\bplease )(?:you (?:must|should|will|are to|shall) )?(?:now )?(?:"
    rf"(?:ignore|disregard|forget|override|bypass|drop|skip) (?:\w{{1,12}} ){{0,4}}?{_INSTRUCTIONS}\b"
    r"|you are (?:now|no longer)\b|from now on,? you(?:r)?\b|act as\b|pretend (?:to|that|you)\b|enter \w{1,12} mode"
    r"|(?:reveal|print|output|repeat|show|leak|disclose) (?:\w{1,12} ){0,3}?"
    r"(?:system prompt|hidden prompt|instructions|secrets?|credentials|api keys?|passwords?)\b"
    r"|do not (?:tell|inform|mention \w{1,12} to) the user|new (?:system )?(?:rules?|instructions?|orders?)\b\s?:"
    r"|(?:all )?(?:earlier|previous|prior) (?:rules|instructions)\b.{0,20}\b(?:are|is) (?:void|cancel))"
    r"|(?:as instructed|as ordered|as commanded|as requested by the system)\b.{0,40}\b(?:void|ignore|reveal|comply|now)"
)
_SPEAKS = regex(
    r"^[\s>*_#\-\[(<|]{0,8}"
    r"(?:system|developer|operator|admin(?:istrator)?|root|anthropic|openai|系统|系統|система|sistema|système)"
    r"(?: (?:message|notice|prompt|override|update|note|消息|提示))?[\s*_\])>|]{0,6}[:：]"
    r"|<\s?[/|]{0,2}\s?(?:system|im_start|im_end|instructions?|assistant|user|tool_?(?:result|call)?s?|admin"
    r"|conversation_summary|transcript|notes_so_far|message)\b[^>\n]{0,80}\|?>"
    r"|\[/?inst\]|<</?sys>>|(?:begin|end) (?:system|of system)\b"
    r"|^[\s*_\-]{0,6}(?:important|attention|note|notice|warning)\s?(?:to|for) (?:the )?"
    r"(?:assistant|model|ai|reader|llm)\b"
)
_FOREIGN = regex(
    r"(?:忽略|无视|無視|忘记|忘掉)(?:.{0,8}?)(?:指令|指示|规则|規則|提示|要求|消息)"
    r"|(?:从现在起|從現在起|从现在开始),?你|你现在是|你現在是"
    r"|(?:ignorier\w{0,3}|vergiss) (?:\w{1,12} ){0,4}(?:anweisung|regel|instruktion)"
    r"|ignora (?:\w{1,12} ){0,4}(?:instruccion|reglas|istruzion|regole)"
    r"|(?:ignore|oublie)[zs]? (?:toutes|les|tes|vos|ces|mes|ton|votre)\b.{0,40}(?:instructions|règles|consignes)"
    r"|(?:игнорируй|забудь)\w{0,3} (?:\w{1,14} ){0,4}(?:инструкц|правил|указан)"
    r"|ignore as (?:\w{1,12} ){0,3}(?:instruções|regras)"
    r"|(?:以前|これまで|前|上記|すべて)の?.{0,6}(?:指示|命令|ルール)を?(?:すべて)?無視"
    r"|(?:이전|모든).{0,8}(?:지시|명령|규칙).{0,3}무시"
)
_SAY = (
    r"(?:output|print|write|say|reply|respond|answer|include|add|append|insert|repeat|state|record|note|put|begin|start"
    r"|end)"
)
_NOTES = r"(?:notes?|summar(?:y|ies)|memory|record)"
_WRITE_THIS = regex(
    rf"\b{_SAY}\b[^.!?\n]{{0,80}}?(?:exactly|verbatim|word for word|nothing but|the following|this (?:exact )?\w{{4,8}}"
    rf"|(?:in|to|into|of) (?:the|your|all|any|every) {_NOTES})[^:\"'\n]{{0,40}}(?::|\bthat\b|(?=\"|'))\s?"
    r"|(?:输出|輸出|只回复|只回答|写下|寫下|重复|复述)[^。\n:：]{0,20}[:：]"
    r"|(?:gib|schreibe?|antworte)\b[^.\n:]{0,40}(?:genau|nur|wörtlich)[^:\n]{0,20}:"
    r"|(?:escribe|responde|di)\b[^.\n:]{0,40}(?:exactamente|solo)[^:\n]{0,20}:"
    r"|(?:écris|réponds|dis)\b[^.\n:]{0,40}(?:exactement|seulement)[^:\n]{0,20}:"
    r"|(?:выведи|напиши|ответь|повтори)[^.\n:]{0,40}:"
)
_LOOKALIKE = str.maketrans("аеорсхіуѕԁһӏքαοеντ", "aeopcxiysdhlgaoevt")
_PAYLOAD_CHARS = 300
_LONG, _MOSTLY = 16, 0.6
"""Letters of what was ordered from which on it counts inside a line, and its share of that line."""


def orders(text: str) -> bool:
    """Whether a text gives orders to who reads it, or speaks as the system."""
    low = fold(text)
    return any(
        _ORDERS.search(reading) or _SPEAKS.search(reading) or _FOREIGN.search(reading)
        for reading in {low, low.translate(_LOOKALIKE)}
    )


def ordered(text: str) -> Iterator[str]:
    """What a text wants to be written, squeezed."""
    text = fold(text)
    for match in _WRITE_THIS.finditer(text):
        rest = text[match.end() : match.end() + _PAYLOAD_CHARS].partition("\n")[0].strip()
        for payload in {next(quotes(rest), rest), re.split(r"[.!?。](?:\s|$)", rest)[0], rest}:
            tight = squeezed(payload)
            if len(tight) >= 6:
                yield tight


def obeys(text: str, payloads: frozenset[str]) -> bool:
    """Whether a line is, or is mostly, one of these."""
    tight = squeezed(text)
    return tight in payloads or any(len(p) >= max(_LONG, _MOSTLY * len(tight)) and p in tight for p in payloads)
