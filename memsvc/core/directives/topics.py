"""What a rule is about: whether a later sentence says the same again, replaces it or takes it back.

Cautious on purpose: a rule that is dropped by mistake is worse than two that contradict each other, of which
the reader sees which is newer. So all of the words that carry meaning have to agree.
"""

from __future__ import annotations

import re

from msgspec import Struct

from memsvc.core.directives.strength import patterns, words
from memsvc.core.patterns import regex

_LANGUAGES = (
    r"(?:english|german|french|spanish|portuguese|italian|dutch|polish|russian|turkish|arabic|hindi|chinese"
    r"|japanese|korean|latin|swedish|danish|greek"
    r"|mandarin|ukrainian|czech|norwegian|finnish|hebrew|deutsch|englisch|französisch|spanisch|italienisch"
    r"|français|anglais|allemand|espagnol|español"
    r"|inglés|francés|alemán|inglês|português|espanhol|italiano|inglese|nederlands|engels)"
)
_SLOTS = (
    (
        "language of answers",
        patterns(
            r"""
        (?:(?:please|always|only|just|from now on|now|again|bitte|ab jetzt|wieder|immer|toujours|siempre|desde ahora
            |a partir de ahora|désormais|sempre)[, ]{1,2})*(?:answer|reply|respond|speak|write|talk|antworte|schreib
            |sprich|rede|réponds|répondez|parle|écris|responde|contesta|habla|responda|rispondi
            |antwoord)(?:-moi)?(?: to me| with me| me| mir| mit mir)?(?: only| always| again| bitte| immer| wieder
            | nur| toujours| siempre| sempre)* (?:in |auf |en |em |in het )?<LANGUAGES>(?: only| again| please
            | from now on| instead| bitte| now|,)*(?: from now on| instead)?[.! ]*$
        (?:请|請|以后|以後|从现在起|從現在起|从现在开始|改|都|只|还是|，|,)*(?:用|使用)(?:中文|英文|英语|英語|日文
            |日语|法语|德语|繁体中文|繁體中文|简体中文)(?:来|來)?(?:回答|回复|回覆|交流|说|写)?(?:我)?(?:吧)?[。！]?$
        (?:これからは|今後は|必ず|、)*(?:日本語|英語|中国語|韓国語)で(?:答えて|返事して|返信して|回答して
            |話して)(?:ください)?[。！]?$
        (?:앞으로는 |이제부터 |항상 )*(?:한국어|영어|일본어|중국어)로 (?:대답|답|말|답변)해 ?(?:주세요|줘)[.!]?$
        """,
            {"LANGUAGES": _LANGUAGES},
        ),
    ),
    (
        "name",
        patterns(
            r"""
        (?:please |also,? |and |from now on,? |now )*call me \w{1,30}(?:[ .]{1,2}\w{1,30}){0,3} ?
            (?:from now on|instead|please)?[.! ]*$
            |nenn(?:e)? mich \w+[.! ]*$|appelle-moi \w+[.! ]*$|ll[áa]mame \w+[.! ]*$
        (?:请|以后|从现在起|都|，)*(?:叫|称呼)我[^，。！]{1,8}[。！]?$
        """,
            {"LANGUAGES": _LANGUAGES},
        ),
    ),
    (
        "budget",
        patterns(
            r"""
        (?:my|our|the) (?:\w+ )?budget (?:is|has)(?: now)?(?: at most| up to| around
            | about)? \W?\d[\d.,]*k?(?: ?\w{1,8})?(?: now| instead)?[.! ]*$|我?的?预算(?:是|不超过
            |最多)\d+[元块]?[。！]?$
        """,
            {"LANGUAGES": _LANGUAGES},
        ),
    ),
    (
        "length",
        patterns(
            r"""
        (?:please |from now on,? )*(?:keep|limit) (?:your |all |the )?(?:answers|replies|responses|messages
            |it) (?:under|below|to|within|at)(?: at most)? \w+ (?:words?|sentences?|lines?|paragraphs?
            |characters)(?: from now on| instead)?[.! ]*$
        """,
            {"LANGUAGES": _LANGUAGES},
        ),
    ),
)
_FORGET = patterns(
    r"""
    (?:forget|ignore|disregard|drop|cancel|scrap|discard|revoke|lift|undo)(?: about)? (?:what i (?:said|told you
        |asked)|(?:my|the|that|your) (?P<which>(?:\w+ ){0,2}?)(?:rules?|instructions?|constraints?|requests?
        |requirements?|preferences?|ban|restrictions?|limit
        |thing))(?: (?:about|on|of|for|regarding|with|concerning))?\b(?P<what>.*)
    (?:(?:my|the|that) (?:\w+ ){0,2}?(?:rule|instruction|constraint|ban|restriction)) (?:about|on|against|for
        |of) (?P<what>.{2,60}?) (?:no longer (?:applies|holds)|is (?:off|lifted|void|gone|over)|does(?: not
        |n[\u2019']t) apply)
    (?:vergiss|ignoriere|streich)(?: bitte)? (?:was ich|meine regel|die regel|die anweisung)(?: \w+){0,2}? (?:über|zu
        |zum|mit|wegen|von)\b(?P<what>.*)
    (?:oublie|ignore)[zr]? (?:ce que j'ai dit|ma (?:règle|consigne)) (?:sur|à propos de|concernant)\b(?P<what>.*)
    olvida (?:lo que dije|mi regla|la regla) (?:sobre|de)\b(?P<what>.*)
    (?:忘掉|忘记|忽略|取消|作废)(?:我)?(?:之前|刚才|前面|上次)?(?:说的|说过的|的)?(?P<what>[^，。！？]{1,20}?)(?:的)?(?:规则|要求|限制|规定|话)
    """
)
"""A rule of whatever kind no longer holds."""
_ALLOW = patterns(
    r"""
    you (?:can|may|are allowed to|[\u2019']?re allowed to)(?: now)? (?:start )?(?P<what>.{2,80}?) again\b
    (?P<what>[\w -]{2,40}) (?:are|is) (?:fine|ok|okay|allowed|welcome|permitted) again\b
    (?:du (?:kannst|darfst)|sie (?:können|dürfen)|ab (?:jetzt|sofort)) (?P<what>.{0,40}?)\s?\bwieder\b(?P<more>.{0,40})
    (?:tu peux|vous pouvez) (?:à nouveau|de nouveau) (?P<what>.{2,60})
    (?:ya )?puedes (?:volver a (?P<more>.{2,60})|(?P<what>.{2,60}?) (?:de nuevo|otra vez)\b)
    (?:可以|又可以|现在可以)(?:重新|再次|又|再)(?P<what>[^，。！？]{1,30})
    また(?P<what>[^。、]{1,30}?)(?:ても?いい|て大丈夫)
    다시 (?P<what>.{1,30}?)(?:도 돼|도 됩니다|도 괜찮)
    """
)
"""What was forbidden is allowed."""
_RELEASE = patterns(
    r"""
    (?:there(?:[\u2019']s| is) )?(?:you )?(?:no (?:longer )?need|no need|don[\u2019']t (?:need|have)|do not (?:need
        |have)|needn[\u2019']t|no longer (?:need|have))(?: for you)? to (?P<what>.{2,80}?)(?: any ?more| any longer
        | from now on)\b
    you no longer (?:need|have) to (?P<what>.{2,80})
    du (?:musst|brauchst) (?P<what>.{2,60}?) (?:nicht mehr|keine?n? mehr)\b(?P<more>.{0,40})
    (?:不用|不必|无需|無需|不需要)再?(?P<what>[^，。！？]{1,30}?)了[。！]?$|(?:不用|不必
        |无需)再(?P<more>[^，。！？]{1,30})
    もう(?P<what>[^。、]{1,30}?)(?:なくて(?:も)?(?:いい|大丈夫)|必要はありません)
    (?:이제|더 이상|더는) (?P<what>.{1,30}?)지 않아도 (?:돼|됩니다|괜찮)
    """
)
"""What was asked for need not be done."""
_SWITCH = patterns(
    r"""
    (?:(?:ok|okay|alright|so|and|please|now|then|you can|you may|let[\u2019']?s|we can)[, ]{1,2})*
        (?:switch|change|go|come)\s
        back (?:to|into) <LANGUAGES>(?: now| again| please| from now on|,)*[.! ]*$
    """,
    {"LANGUAGES": _LANGUAGES},
)
"""The language of answers is again what it was."""
_EMPTY = words(
    """
    a an the and or but so then also please kindly just only always never not no do don't dont does doing did be is
    are was were will would should shall must can could may might from now on here onwards onward forward going
    again any more anymore longer instead in to of for with at by as it its this that these those i me my mine we us
    our you your yours all each every ever when whenever if use using used rule rules important constraint rest
    session chat conversation make sure stop avoid without ok okay yes well actually want need like about what said
    told earlier previous reply replies answer answers response responses start allowed there have has had them they
    one time ab jetzt sofort bitte nicht keine kein keinen immer nie niemals wieder mehr du kannst darfst die der
    das den ein eine und oder zu auf mit verwende verwenden benutze benutzen nutzen ne pas plus jamais toujours de
    des les la le tu peux à nouveau désormais utiliser utilise utilisez nunca siempre puedes usar uses ya el los las
    ahora
    """
)
_NEGATIVE = regex(
    r"\b(?:no|not|never|don['\u2019]t|do not|stop|avoid|without|refrain|nie|niemals|keine?n?|nicht|jamais|pas"
    r"|nunca|jamás|não|mai|non|nooit|geen|nigdy|никогда|не|без)\b"
    r"|不|别|禁止|勿|ないで|禁止|지 ?마",
    re.IGNORECASE,
)
_WORD = regex(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?|\d+")
_CJK = regex(r"[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3]+")
_CJK_EMPTY = regex(
    r"从现在(?:起|开始)|從現在(?:起|開始)|以后|以後|今后|请|請|不要|不准|禁止|别|不用|不必|一律|总是|永远|必须|一定要?|都|再|了|使用|用|的|我|你|可以|在|里|中|时|回答|回复"
    r"|これからは|今後は|必ず|絶対に?|ください|しないで|ないで|使わ|使っ|使|て|は|を|が|に|も|で|앞으로는?|항상|절대로?|세요|주세요|마세요|해|하지|지|쓰|사용|을|를|은|는|이|가|도"
    r"|[\s。！.!]"
)
_SIGNS = words(
    """
    again back forget ignore disregard drop cancel scrap discard revoke lift undo longer more anymore on rule ban wieder
    vergiss ignoriere streich mehr nouveau oublie oubliez ignorez puedes olvida
    """
)
_SIGNS_CJK = (
    "不用",
    "不必",
    "无需",
    "無需",
    "不需要",
    "可以",
    "忘",
    "忽略",
    "取消",
    "作废",
    "もう",
    "また",
    "이제",
    "더 이상",
    "더는",
    "다시",
)
"""A sentence with none of these takes nothing back."""
_NOT_TAKEN_BACK = regex(
    r"\b(?:not|never|if|when|whenever|until|unless|once|before|said|says|told|tells?|thinks?|thought|claims?|wrote|wish"
    r"|pretend|suppose|wenn|falls|nie|nicht|si|quand|nunca|cuando)\b|n['\u2019]t\b|如果|要是|没说|没有说|不是|もし"
)
"""What makes of a sentence that takes a rule back a report, a condition or the contrary."""
_LONGEST, _LEAST_SHARE = 200, 0.5
_S = regex(r"(?:ies|es|s|ing|ed)$")


class Topic(Struct, frozen=True):
    """What a rule is about.

    Attributes:
        words: the stems that carry meaning.
        negative: whether it forbids.
        slot: the one setting that it sets and says nothing beside, "" if there is none.
    """

    words: frozenset[str]
    negative: bool
    slot: str

    def same_as(self, other: Topic) -> bool:
        """Whether both say the same."""
        return bool(self.words) and self.words == other.words and self.negative == other.negative


def topic(text: str) -> Topic:
    """What a sentence is about."""
    bare = text.strip().strip("*-•> ").lower()
    slot = next((name for name, slot_patterns in _SLOTS if any(p.match(bare) for p in slot_patterns)), "")
    return Topic(_stems(text), _NEGATIVE.search(text) is not None, slot)


class Revocation(Struct, frozen=True):
    """What a sentence says no longer holds.

    Attributes:
        only: it takes back only what forbids (True) or only what asks for something (False).
        definite: it speaks of the one rule there is of that kind ("the layover rule").
    """

    topic: Topic
    only: bool | None
    definite: bool = False

    def covers(self, old: Topic) -> bool:
        """Whether it takes that rule back: it has to be about nothing that the rule is not about, and the rule about
        little else."""
        mine = self.topic.words
        if self.topic.slot:
            return self.topic.slot == old.slot
        about = bool(mine) and mine <= old.words and len(mine) >= _LEAST_SHARE * len(old.words)
        return about and (self.only is None or self.only == old.negative)

    def mentions(self, old: Topic) -> bool:
        """Whether it may speak of that rule among others."""
        return bool(self.topic.words) and self.topic.words <= old.words


def revocation(text: str) -> Revocation | None:
    """What a sentence takes back; None if it says nothing of the kind."""
    if len(text) > _LONGEST or text.endswith(("?", "？")):
        return None
    low = text.lower()
    signs = not _SIGNS.isdisjoint(low.replace(",", " ").rstrip(".! ").split())
    if not signs and (low.isascii() or not any(sign in low for sign in _SIGNS_CJK)):
        return None
    if any(p.match(low) for p in _SWITCH):
        return Revocation(Topic(frozenset(), False, _SLOTS[0][0]), None)
    for block, only in ((_FORGET, None), (_ALLOW, True), (_RELEASE, False)):
        for pattern in block:
            found = pattern.search(low)
            if found is not None and not _NOT_TAKEN_BACK.search(low, 0, found.start()):
                said = found.groupdict()
                which = _stems(said.pop("which", None) or "")
                if which:
                    return Revocation(Topic(which, False, ""), only, definite=True)
                what = " ".join(x for x in said.values() if x)
                return Revocation(Topic(_stems(what), False, ""), only)
    return None


def _stems(text: str) -> frozenset[str]:
    found: set[str] = set()
    for word in _WORD.findall(text.lower().replace("\u2019", "'")):
        if _CJK.match(word):
            rest = _CJK_EMPTY.sub("", word)
            found.update(rest[i : i + 2] for i in range(max(1, len(rest) - 1)) if rest)
        elif word not in _EMPTY:
            found.add(_S.sub("", word) if len(word) > 4 else word)
    return frozenset(found)
