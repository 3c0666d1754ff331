"""How likely a statement holds something that is asked for later, by signs that need no dictionary of topics.

Somebody tells of himself, of people, of a time, in the past tense, in numbers, lists, names or quotations, or
puts a heading in capitals before it ("DEADLINE: ..."): those are facts. Questions, greetings, praise and
remarks on what the other one said are seldom asked for. The weights are the coefficients of a logistic
regression (which of 11,500 statements in ten chats held the evidence of a question; CJK: which of 7,300 clauses
held a labelled fact), rounded and damped.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache

from memsvc.core.extract.wording import unspaced
from memsvc.core.patterns import regex

_WORDS = {
    "time": """yesterday today tomorrow tonight last next ago week weeks weekend month months year years monday tuesday
        wednesday thursday friday saturday sunday january february march april june july august
        september october november december recently since morning evening birthday anniversary gestern
        heute morgen letzte letzten nächste woche monat jahr hier demain semaine mois année ayer hoy
        mañana semana mes año""",
    "self": """i i'm i've i'd i'll my me mine we we're we've we'll we'd our ours ich mein meine meinen mir mich wir
        unser unsere je j'ai mon ma mes nous notre nos yo mi mis nosotros nuestro nuestra eu meu minha
        io mio mia""",
    "other": "you your yours you're you've you'll you'd du dein deine ihr sie tu ton ta tes vous votre vos usted tú",
    "past": """went got was were made took had bought saw found started met gave won lost became began came told said
        left felt heard kept knew taught thought wrote read ran sold sent spent built chose drove grew
        held led paid fell war hatte ging kam war hat haben était avait fui fue era tenía""",
    "number": """two three four five six seven eight nine ten eleven twelve twenty thirty fifty hundred thousand dozen
        once twice couple half zwei drei vier fünf deux trois quatre cinq dos tres cuatro cinco""",
    "people": """mom mum dad mother father sister brother kid kids child children son daughter husband wife friend
        friends family dog cat pet pets grandma grandpa grandmother grandfather partner boyfriend
        girlfriend colleague colleagues boss neighbor neighbour cousin uncle aunt niece nephew roommate
        team doctor teacher mutter vater schwester bruder mère père soeur frère madre padre hermana
        hermano hijo hija""",
    "most": "favorite favourite biggest best main key most only goal dream largest oldest youngest latest current",
    "named": "named called name heißt appelle llama nickname titled",
    "opens": """hey hi hello wow thanks thank yeah yep sure cool awesome great nice congrats absolutely definitely glad
        sounds totally exactly agreed acknowledged noted understood okay ok perfect excellent wonderful""",
    "corrects": """correction corrected changed moved postponed rescheduled cancelled canceled korrektur korrigiert
        stattdessen verschoben geändert abgesagt entschuldigung corrección perdón cambio cambiado
        plutôt pardon changé reporté correzione invece""",
    "health": """allergic allergy allergies vegetarian vegan gluten lactose kosher halal diabetic diabetes pregnant
        asthma epilepsy medication dose allergisch vegetarisch schwanger alérgico alérgica
        vegetariano vegetariana embarazada allergique végétarien végétarienne enceinte allergico
        vegetariana""",
    "vague": "that that's it it's this they those these",
}

_WEIGHTS = {
    **{"time": 0.9, "self": 0.75, "past": 0.6, "number": 0.45, "people": 0.45, "named": 1.0, "other": -0.65},
    **{
        "quote": 0.9,
        "list": 0.9,
        "name": 0.35,
        "digit": 0.5,
        "tells": 0.45,
        "headed": 1.2,
        "most": 0.25,
        "corrects": 0.6,
        "about": 0.5,
        "health": 0.7,
        "first": 0.4,
    },
    **{"question": -0.8, "exclaims": -0.1, "opens": -0.9, "vague": -0.2, "short": -1.1},
}
_DAMPED = 0.55
_BIT = {sign: 1 << place for place, sign in enumerate(sorted(_WEIGHTS))}
"""Signs are kept as bits of a number, since there are several for each of the many words of a conversation."""
PEOPLE = _BIT["people"]
BEYOND_FIRST = ~(_BIT["opens"] | _BIT["vague"])
"""The signs that a word gives behind the first word of a statement, too."""
_CUES: dict[str, int] = {}
for _cue, _listed in _WORDS.items():
    for _word in _listed.split():
        _CUES[_word] = _CUES.get(_word, 0) | _BIT[_cue]
_WEIGHTS_CJK = {
    **{"digit": 0.8, "list": 1.5, "quote": 0.6, "latin": 0.5, "question": -0.8, "polite": -0.5, "negative": -0.3},
    **{"self": -0.2, "short": -1.2, "corrects": 1.0},
}
_DAMPED_CJK = 0.8
_SHORT_WORDS, _SHORT_CHARS = 5, 5

_QUOTE = regex('["\u201c\u201d]\\w')
_LIST = regex(r"\w, [\w ]{1,40},? (?:and|or|und|oder|et|y|e) \w")
HEADED = regex(r"[A-Z][A-Z_/-]{2,30}(?: [A-Z_/-]{2,30}){0,3}: ")
"""A heading in capitals before a statement, which says of what kind it is and not what it is about."""
_DIGIT = regex(r"\d")
_TELLS_OF_OWN = regex(
    r"\b(?:my|our|his|her|their)(?: [\w'\u2019-]+){1,5} (?:is|are|was|were|has|have)\b", re.IGNORECASE
)
_TELLS_OF_SELF = regex(
    r"[Ii\u0130\u0131](?<!\w.)(?i:(?:['\u2019]m| am) (?:an?|the|in|from|\d)\b"
    r"| (?:use|take|drink|eat|play|work|live|run|keep|teach|study|drive|own|manage|host|collect|volunteer|aim|plan)\b)"
)
_VERBS = "is was has had likes loves works lives needs wants hates prefers can't cannot got keeps leads owns"
_ABOUT = regex(
    r"\b(?!This|That|There|What|Here|Which|Who|How|Where|When|The|It|She|He|They|You|We|Everything|Nothing)[A-Z][a-z]{2,20}"
    rf" (?:{_VERBS.replace(' ', '|')})\b"
)
_NAME = regex(r"(?<=[\w,;] )[A-Z][a-z]")
_ASKS = ("?", "\uff1f")
_MAY_TELL_OF_OWN, _MAY_TELL_OF_SELF, _MAY_TELL_ABOUT, _MAY_DECIDE = (1 << len(_BIT) + n for n in range(4))
"""No signs of their own: bits of words of which such a statement cannot do without one."""
_DECISION = regex(
    r"\b(?:decid\w*|agreed?|chose\w*|choos\w+|settled on|go(?:ing)? with|we(?:'ll| will)|let'?s|instead|"
    r"root cause|fix(?:ed)?|because|prefer\w*|must|need(?:s|ed)? to|plan\w*|deadline|confirm\w*|goal|"
    r"requirement\w*|remember|important|actually|no longer|changed?|updated?|correction)\b"
    r"|决定|确认|改为|改成|计划|因为|需要|必须|記住|记住|喜欢|不再|決め|変更",
    re.IGNORECASE,
)
_DECIDERS = """
    agree agreed settled go going we let lets instead root fix fixed because must need needs needed deadline goal
    remember important actually no change changed update updated correction
"""
_DECIDERS_BEGIN = ("decid", "chose", "choos", "prefer", "plan", "confirm", "requirement")
"""The words that the Latin part of it begins with, and how those begin that may go on."""
_MAY: dict[str, int] = {}
for _bit, _listed in (
    (_MAY_TELL_OF_OWN, "my our his her their"),
    (_MAY_TELL_OF_SELF, "i"),
    (_MAY_TELL_ABOUT, _VERBS.replace("'t", "")),
    (_MAY_DECIDE, _DECIDERS),
):
    for _word in _listed.split():
        _MAY[_word] = _MAY.get(_word, 0) | _bit
_MAY_BE_ANY = _MAY_TELL_OF_OWN | _MAY_TELL_OF_SELF | _MAY_TELL_ABOUT | _MAY_DECIDE
_PARTS = regex(r"\w+")
_DECIDES_CJK = regex("决定|确认|改为|改成|计划|因为|需要|必须|記住|记住|喜欢|不再|決め|変更")
_CJK = {
    "digit": _DIGIT,
    "list": regex("、|, |・"),
    "quote": regex("[《「『“(（]"),
    "latin": regex("[A-Za-z]"),
    "question": regex("[吗呢吧啊呀嗎か]$|[？?]$|什么|什麼|哪|多少|怎么|怎麼|几|ですか|ますか"),
    "polite": regex("谢谢|謝謝|你好|您好|好的|嗯|不客气|再见|麻烦|请问|抱歉|不好意思|ありがとう|すみません"),
    "negative": regex("[不没沒]"),
    "self": regex("[我私]"),
    "corrects": regex(
        "其实|其實|更正|改成|改为|改為|改到|不对|不對|应该是|應該是|訂正|実は|やっぱり|じゃなく|ではなく|変更"
    ),
}


def of_word(word: str) -> int:
    """The signs that one word gives, as bits."""
    low = word.lower().replace("\u2019", "'")
    found = _CUES.get(low)
    if found is None:
        found = _CUES["went"] if len(low) > 4 and low.endswith("ed") and low.isascii() else 0
    if not low.isascii():
        return found | _MAY_BE_ANY  # letters may fold to others
    for part in (low,) if low.isalpha() else _PARTS.findall(low):
        found |= _MAY.get(part, 0) | (_MAY_DECIDE if part.startswith(_DECIDERS_BEGIN) else 0)
    return found


def decides(text: str, signs: int) -> bool:
    """Whether a statement tells of a decision, a reason or a need; `signs` are those of its words."""
    if signs & _MAY_DECIDE:
        return _DECISION.search(text) is not None
    return not text.isascii() and _DECIDES_CJK.search(text) is not None


def likelihood(text: str, words: int, signs: int) -> float:
    """A factor for the weight of a statement of so many words (1 = as likely as any)."""
    if unspaced(text):
        return _factor_cjk(text)
    if words < _SHORT_WORDS:
        signs |= _BIT["short"]
    if text.endswith(_ASKS):
        signs |= _BIT["question"]
    elif text.endswith("!"):
        signs |= _BIT["exclaims"]
    return _factor(signs & (_MAY_TELL_OF_OWN - 1) | _signs_of_form(text, signs))


def _signs_of_form(text: str, signs: int) -> int:
    """Signs that no single word gives; `signs` are those of its words."""
    found = 0
    if (signs & _MAY_TELL_OF_OWN and _TELLS_OF_OWN.search(text)) or (
        signs & _MAY_TELL_OF_SELF and _TELLS_OF_SELF.search(text)
    ):
        found |= _BIT["tells"]
    if signs & _MAY_TELL_ABOUT and _ABOUT.search(text):
        found |= _BIT["about"]
    if _DIGIT.search(text):
        found |= _BIT["digit"]
    if _NAME.search(text):
        found |= _BIT["name"]
    if ('"' in text or not text.isascii()) and _QUOTE.search(text):
        found |= _BIT["quote"]
    if ", " in text and _LIST.search(text):
        found |= _BIT["list"]
    return found | _BIT["headed"] if HEADED.match(text) else found


@lru_cache(maxsize=4096)
def _factor(signs: int) -> float:
    return math.exp(_DAMPED * sum(weight for sign, weight in sorted(_WEIGHTS.items()) if signs & _BIT[sign]))


def _factor_cjk(text: str) -> float:
    total = sum(_WEIGHTS_CJK[sign] for sign, pattern in _CJK.items() if pattern.search(text))
    if len(text) < _SHORT_CHARS:
        total += _WEIGHTS_CJK["short"]
    return math.exp(_DAMPED_CJK * total)
