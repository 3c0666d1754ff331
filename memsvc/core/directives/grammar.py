"""The grammar of rules that eight languages share: an imperative with "always" or "never", behind "from now on", behind
the occasion that it is for ("before you ..., ask"), or about how the answers are to be. A language gives the words.
"""

from __future__ import annotations

from msgspec import Struct

from memsvc.core.directives.strength import SCOPED, SOFT, STANDING, Graded, joined
from memsvc.core.patterns import regex


class Language(Struct, frozen=True):
    """The words of one language; all but `signs` are patterns.

    Attributes:
        signs: a sentence with none of these words lays down no rule.
        lead: what may stand before the rule itself.
        verb: imperatives, of the things that an assistant is told to do.
        now: "from now on"; `ever`: "always", "never"; `scope`: what begins the clause of an occasion.
        not_rule: what, behind `now` or `ever`, makes it a statement.
        ban: a prohibition; `form`: how answers are to be; `fact`: what is so about the person.
    """

    signs: str
    lead: str
    verb: str
    now: str
    ever: str
    scope: str
    not_rule: str
    ban: str
    form: str
    fact: str

    def patterns(self) -> Graded:
        """What to match from the beginning of a sentence, and how strong a rule it is."""
        it = {name: joined(getattr(self, name)) for name in self.__struct_fields__}
        lead, verb = it["lead"], rf"(?:{it['verb']})(?!\w)"
        table = (
            (rf"(?:{it['now']})\W+(?!(?:{it['not_rule']})\b).{{3}}", STANDING),
            (rf"{verb}.{{0,80}}?(?<!\w)(?:{it['now']})(?!\w)", STANDING),
            (rf"(?:{it['ever']})\W+(?:\S+ ){{0,2}}?{verb}", STANDING),
            (rf"{verb}(?:[^,;]{{0,60}}?\W)(?:{it['ever']})(?!\w)", STANDING),
            (rf"(?:{it['ban']})", STANDING),
            (rf"(?:{it['scope']})[^,]{{0,120}}, ?(?:{lead}\W+)*(?:\S+ )?{verb}", SCOPED),
            (rf"(?:{it['form']})", SCOPED),
            (rf"(?:{it['fact']})", SOFT),
        )
        found: dict[int, list[str]] = {}
        for rule, strength in table:
            found.setdefault(strength, []).append(rule)
        start = rf"\W*(?:(?:{lead})\W+)*"
        return tuple((regex(f"{start}(?:{'|'.join(rules)})"), strength) for strength, rules in found.items())
