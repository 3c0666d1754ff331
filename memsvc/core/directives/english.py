"""English: what lays down a rule, told from a request that is done once and from talk with the same words.

A sentence is looked at in lower case, without what leads up to it ("also, please"). What is left is a rule if
it says so itself ("never", "from now on"), if it is an imperative for a kind of occasion ("when you cite a
study, ..."), or one about how things are to be done. Something definite ("this file", "tomorrow") makes it a
request. A sentence of several clauses is a rule if the last of them is ("I read on my phone, so keep it short").
"""

from __future__ import annotations

import re

from memsvc.core.directives import english_rules as rules
from memsvc.core.directives import english_words as w
from memsvc.core.directives.strength import NONE, SCOPED, SOFT, STANDING, words
from memsvc.core.patterns import regex

_LEAD, _FROM_NOW, _STATES = regex(w.LEAD), regex(w.FROM_NOW), regex(w.STATES)
_ONCE, _ONE_TIME, _GENERIC = regex(w.ONCE), regex(w.ONE_TIME), regex(w.GENERIC)
_ORDER = regex(rf"(?:(?:then|please|just|always|and) )*{w.ORDER}\b")
_CLAUSE = regex(
    rf"(?:[,;:(\u2014\u2013]| -|\b(?:and|but|so|then|also|please)) {{0,2}}(?:(?:please|but|and|also|so"
    rf"|then) )*{w.NEVER}"
)
_SO = regex(r"(?:; ?(?:and |so |also |please )*|, so (?:please )?|\. |, (?=(?:please )?(?:keep|don't|do not)\b))")
_AND_SO = regex(r"(?:; ?(?:and |so |also |please )*|, so (?:please )?)")
_SAID = regex(
    r"\b(?:i|we|you|he|she|they|it|people|who|mom|mum|dad|mother|father|boss|teacher|doctor|manual|spec|law|guy"
    r"|friends?"
    r"|kids?|everyone)(?:'(?:ve|m|d|ll|s|re))?\s(?:\w{1,12}\s){0,3}?(?:always|never|must|said|says|told|tells|wrote"
    r"|thinks?|wants? us)\b"
)
_YOU_MUST = regex(
    r"\byou(?:'re| are| will)? ?(?:must|shall|should (?:always|never|not|only)|may (?:not|only) (?!always|be\b"
    r"|have)|(?:are )?not (?:allowed|to)\b"
    r"|are never|(?:have|need) to always|can(?:no|')t ever|must never|are (?:only|never) (?:allowed|to)"
    r"|always (?:have|need) to)\b(?! (?:be (?:\w+ )?(?:tired|exhausted|happy|proud|excited|so|very|really|joking"
    r"|kidding"
    r"|right|glad|busy|hungry|sad|sick|thrilled|relieved)|have|feel|miss|love|know|enjoy|really|try|come|visit|see|meet"
    r"|check out|taste|watch|read (?:the|this)|go|hear|worry|give up|admit|think|like|hate)\b)"
)
_WISH = regex(r"i(?:'d| would) like (?!to\b)|i (?:want|need|prefer|expect) (?!to\b)")
_ASKS_FOR = regex(rf"{_WISH.pattern}|{w.ORDER}\b|(?:your|all|every\w*|no|only|each|any) |{w.OUT} ")
_LABEL = regex(
    r"\W*(?:[a-z-]+ ){0,2}(?:rules?|constraints?|polic(?:y|ies)|preferences?|restrictions?|prohibitions?"
    r"|standing orders?)"
    r"(?: \d+)?: (?:\S+ ){1,}\S"
)
"""A sentence that is called a rule by whoever says it."""
_MUST = regex(r"\bmust (?:never|not|always|stay|remain)\b(?! (?:have|been|be (?:so|very|easy)))")
_PERSON = regex(r"(?:i|we|he|she|they|people|my (?:boss|mother|father|wife|doctor))\b")
_CAN_YOU = regex(
    r"(?:can|could|would|will) you (?:please )?(?:always|never|only|stop \w+ing|from now on)\b(?! (?:see|hear))"
)
_EVERY_TIME = regex(
    r"(?:whenever|every time|each time|any time|anytime|(?:after|before|for|in|with|at the (?:end|start|top"
    r"|beginning) of) "
    r"(?:every|each|any|all)\b(?=\s\w)(?! action| of (?:us|them|these|those)| honesty)|(?:for|on) every"
    r"|(?:every|each) (?:morning|evening|day|night|week|month|hour|\w+day)\b"
    r"|for (?!these|those|the\b|this|my|our)(?:\w+ )?\w+s$)"
)
_WHEN_YOU = regex(
    r"(?:when|while|if|once|after|before|prior to|where|unless)(?: (?:you|i)(?:'re|'m| are| am|'ve"
    r"| have)? (?:about to |ever "
    r"|have to |must |do |don't |can't |cannot |need to |are |want me to |say |ask )?(?!want|like|can|could|wish"
    r"|would|please"
    r"|get |know|were|was|had|did|left|saw|are free)\w+|,? \w{2,20}ing| in doubt| unsure| uncertain| asked"
    r"| possible)|(?:before|after) \w+s$"
)
_IF_ANY = regex(
    r"if the\b|(?:when|if|once|as soon as|unless|until|while) (?:(?:a|an|any|my|two|something|anything|there(?:'s"
    r"| is| are) (?:any|a"
    r"|more than))\b|\w+s\b)(?! (?:was|were|had))"
)
_GATE = regex(
    r"(?:please )?(?:ask|check with|confirm|wait|warn|show me|tell me|consult|get my|pause|stop and|say so"
    r"|say which|prefer"
    r"|take a backup|back (?:it |everything )?up|make a backup|let me (?:review|see|read|check|approve|confirm"
    r"|know first))\b"
)
_WHEN_THERE = regex(
    r"(?:when|if|where) there(?:'s| is| are) (?:several|multiple|many|more than|different|any|a choice|no)\b"
)
_MANNER, _GERUND = regex(rf"{w.MANNER}\b"), regex(r"(?:when|while|before|after) \w{2,20}ing\b")
_IF_A = regex(r"(?:if|when) (?:an?|any|\w+s) ")
_ADVICE = regex(
    r"(?:suggest|add|note|mention|mark|flag|use|avoid|keep|explain|correct|skip)\b(?!.*\b(?:it|that|this|the)\b)"
)
_NOT_BEFORE = regex(r"\b(?:i|this|it|go|leave|forget|meeting|was|were)\b")
_TRAILING = regex(
    r" (?:whenever|every time|each time|any time)\b (?:you|i|there|something|someone|\w+ing)\b| (?:after|before|for|in"
    r"|at the (?:end|start|top|beginning) of) (?:every|each|any) (?!of\b)\w+"
)
_GATED = regex(
    r"(?:(?:always )?(?:ask|check|confirm|consult|warn|tell|show|wait|clear|get|hold off)\b|let me (?:know (?!if)"
    r"|see|review|read|check|approve|confirm|sign))(?:.{0,40}?) "
    r"(?:before|first|for (?:my|permission|approval|explicit)|whenever|unless|until)\b ?(.*)"
)
_WHILE = regex(
    r" (?:when(?:ever)?|before|after|while|unless|if) (?:you|\w+ing|asked|told|necessary|in doubt|the task)\b.*"
)
_DEFAULT = regex(
    r"\b(?:unless (?:i|asked|told|otherwise|necessary)|by default|on request|(?:where"
    r"|when)(?:ver)? (?:appropriate|relevant"
    r"|necessary|applicable|in doubt)|only (?:if|when|what) (?:i|the user|asked|needed|necessary|blocked|you)"
    r"|if in doubt)\b"
)
_HEADS = frozenset(re.findall(r"[a-z']{2,}", w.MANNER + w.ORDER)) | words(
    """
    i i'm i'd can could would will we we're our your every each all any everything nothing whatever whoever in end
    start begin finish close open conclude sign preface prefix stay communicate converse chat text favor act behave
    play pretend you you're suppose obtain double-check triple-check before after when whenever if while once for
    prior where under until unless from going moving henceforth at without during simply output error function
    prices tables messages responses replies answers commits strictly refrain quit cease ensure remember one my
    let's let max maximum most two three four five ten absolutely hands nobody prioritise organise capitalise
    minimise maximise anonymise italicise summarise apologise direct short brief concise formal terse plain tests
    code docs anytime metric english french german facts with throughout clear hold favour dates times numbers units
    json markdown translate replace scale censor confine respect spaces bullet bullets as
    """
)
_WORDS = words(
    """
    always never don't must shall should only strictly every each whenever forbidden off-limits mandatory onwards
    onward forward henceforth until circumstances exception future rest banned taboo no-go max unless
    """
)
_ABOUT_US = words("i i'm i'd we we're my our you you're it it's a the")
_WISHES = words(
    """
    want need like prefer hate dislike stand eat drink have expect rather love appreciate use fly allergic allergy
    allergies budget limit pronouns spelled pronounced written vegetarian vegan pescatarian intolerant kosher halal
    diabetic celiac coeliac teetotal blind color-blind colour-blind color colour gluten-free gluten lactose dyslexic
    deaf exclusively important diet spend pay afford essential crucial vital key critical may can will to playing
    acting expert strict senior teacher now lactose-intolerant asking keep do gluten-intolerant not
    """
)
_NEVERS = words("never always don't do")
_QUOTED = regex(r"[\"\u201c][^\"\u201c\u201d]{0,300}[\"\u201d]|(?<=: )'(?:[^'\n]|(?<=\w)'(?=\w)){12,300}'(?!\w)")
_WORD = regex(r"[a-z][a-z'-]*")
_TYPOGRAPHY = str.maketrans({"\u2019": "'", "\u2018": "'", "*": None, "`": None, "_": " ", "\u00a0": " "})
_COMMA = regex(r"[,:] ?")
_MOST_CLAUSES, _MOST_COMMAS, _MOST_WORDS = 4, 6, 90


def strength(sentence: str) -> int:
    """How firm a rule an English sentence lays down; 0 for none."""
    low = sentence.translate(_TYPOGRAPHY).lower()
    if '"' in low or "'" in low or not low.isascii():
        low = _QUOTED.sub('""', low)
    found = _WORD.findall(low)
    if len(found) < 2 or len(found) > _MOST_WORDS or not _may(low, found):
        return NONE
    low = " ".join(low.split())
    if low.endswith("?"):
        return STANDING if _CAN_YOU.match(_bare(low)) else NONE
    rated = STANDING if _LABEL.match(low) else _rated(low)
    clauses = (_SO if _STATES.match(low) else _AND_SO).split(low, maxsplit=_MOST_CLAUSES)
    return max([rated, *(_rated(c) for c in clauses[1:])]) if rated < STANDING and len(clauses) > 1 else rated


def _may(low: str, found: list[str]) -> bool:
    """A cheap first look: whether there is a word that a rule needs."""
    if (
        not _WORDS.isdisjoint(found)
        or ": " in low[:40]
        or ", so " in low
        or "; " in low
        or (", not " in low and len(found) < 6)
    ):
        return True
    first = (_WORD.findall(_bare(low), 0, 40) or found)[0]
    if first in _ABOUT_US:
        return not _WISHES.isdisjoint(found)
    return first in _HEADS or "first, then" in low


def orders(sentence: str) -> bool:
    """Whether it begins like an order: what stands behind "from now on" or "a rule:" has to."""
    low = _bare(" ".join(sentence.translate(_TYPOGRAPHY).lower().split()))
    return len(low) > 5 and low[0].isalpha() and not low.endswith("?") and not _STATES.match(low)


def _bare(low: str) -> str:
    found = _LEAD.match(low)
    rest = low[found.end() if found else 0 :]
    return low if low.startswith("no ") and not rest.startswith("no ") else rest


def _rated(low: str) -> int:
    rest = _bare(low)
    standing = _FROM_NOW.search(rest)
    if standing is not None and not standing.start():
        rest = _bare(rest[standing.end() :].lstrip(" ,:;.-\u2014"))
    elif standing is not None and (len(rest) - standing.end() > 2 or not _ASKS_FOR.match(rest)):
        standing = None
    if not rest:
        return NONE
    states = _STATES.match(rest) is not None
    if rules.SAYS_SO.match(rest) or (standing and (not states or _WISH.match(rest))):
        return STANDING
    if (not states or rest.startswith("you ")) and _YOU_MUST.search(rest):
        return STANDING
    if not states and not rest.startswith("if i ") and not _SAID.search(rest) and _CLAUSE.search(rest):
        return STANDING
    if _ONCE.search(rest):
        return NONE
    if _impersonal(rest) or _occasion(rest) or rules.SCOPED.match(rest) or rules.VERBLESS.match(rest):
        return SCOPED
    return SOFT if rules.SOFT.match(rest) else NONE


def _impersonal(rest: str) -> bool:
    return _MUST.search(rest) is not None and not _SAID.search(rest) and not _PERSON.match(rest)


def _occasion(rest: str) -> bool:
    """Whether it tells what to do on every occasion of a kind."""
    for i, found in enumerate(_COMMA.finditer(rest)):
        if i < _MOST_COMMAS and _applies(_GENERIC.sub("a task", rest[: found.start()]), rest[found.end() :], not i):
            return True
    if _STATES.match(rest) or not _ORDER.match(rest):
        return False
    if _DEFAULT.search(rest) or (_TRAILING.search(rest) and not rest.startswith(("use my", "call", "i "))):
        return True
    gated = _GATED.match(rest)
    if gated is not None and not _ONE_TIME.search(_GENERIC.sub("a task", gated[1])):
        return True
    when = _WHILE.search(rest)
    return (
        when is not None
        and not _ONE_TIME.search(_GENERIC.sub("a task", rest))
        and not rest.startswith(("call", "let", "say"))
    )


def _applies(scope: str, then: str, first: bool) -> bool:
    if not _ORDER.match(then) and not (first and _WHEN_YOU.match(scope) and orders(then)):
        return False
    if _EVERY_TIME.match(scope) or _WHEN_THERE.match(scope):
        return True
    gate = _GATE.match(then) is not None or (_IF_A.match(scope) is not None and _ADVICE.match(then) is not None)
    if _WHEN_YOU.match(scope):
        if _MANNER.match(then) and _GERUND.match(scope):
            return not re.match(r"use (?:my|the|this|that)\b(?! \w+ \w+)", then)
        return not _ONE_TIME.search(scope) or (gate and scope.startswith("before") and not _NOT_BEFORE.search(scope))
    return gate and _IF_ANY.match(scope) is not None and not re.search(r"\b(?:was|were|had|he|she|it)\b", scope)
