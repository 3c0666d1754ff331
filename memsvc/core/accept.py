"""What becomes of a summarizer's answer: whether it may stand, and the block it is put into.

The block is written for a model to read in the user's voice, so it says who wrote it and that it is a
record, and nothing quoted in it can close its tags. Its sections have a fixed order: the current
request, pins, constraints, the body, exact values. What the caller was promised word for word
comes first and is never dropped; the rest gives way, and the whole never passes its budget.
Same inputs, same bytes: nothing in it tells time, attempt or epoch.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from memsvc.core.artifacts import IN_WORDS, Artifact, artifacts, lines
from memsvc.core.asking import Reply, headings
from memsvc.core.directives import Directive, directives_of, in_force
from memsvc.core.extract.reading import Reading
from memsvc.core.extract.speakers import spoken
from memsvc.core.flatten import said
from memsvc.core.model import Entry
from memsvc.core.patterns import regex
from memsvc.core.render.blocks import FRAMING_TOKENS
from memsvc.core.tags import neutraliser
from memsvc.core.trim import Count, clamp, trim
from memsvc.errors import CannotFit, SummarizerError

MIN_GAIN_TOKENS = 64
MIN_GAIN_SHARE = 0.2
"""A block must save at least the larger of the two (tokens; share of what it replaces)."""
MIN_HEADINGS = 3
"""A written summary with fewer of its headings goes on with the conversation, or is prose without an order."""
REQUEST_SHARE, DIRECTIVES_SHARE = 0.25, 0.25
"""The most of a block that the quoted request and the constraints may take."""
REQUEST_TOKENS, DIRECTIVES_TOKENS, ARTIFACTS_TOKENS = 40, 120, 80
"""So much of a small block is theirs whatever their share: up to half of it, for values two fifths."""
ARTIFACTS_SHARE, IN_WORDS_SHARE = 0.2, 0.05
"""What exact values may keep from the body: of all kinds; of those that sentences tell too (amounts, dates)."""

SMALL_TOKENS = 400
"""A block below it says in fewer words what it is."""

TAG = "conversation_summary"
_REQUEST, _PINS = "## Current request, word for word", "## Pinned, word for word"
_RULES, _BODY, _VALUES = "## Constraints and preferences", "## Conversation", "## Artifacts and identifiers"
_OURS = {h.removeprefix("## ").casefold(): h for h in (_REQUEST, _PINS, _RULES, _BODY, _VALUES)}
_SHARED = frozenset({_RULES, _VALUES})
"""Headings that a body may have too, one level lower: models are asked for sections of these names."""
_HEADING = regex(
    rf"^[^\S\n]*#{{1,6}}[^\S\n]*({'|'.join(map(re.escape, _OURS))})[^\S\n]*:?[^\S\n]*#*[^\S\n]*$",
    re.IGNORECASE | re.MULTILINE,
)
_open_up = neutraliser([TAG])

_REFUSAL = regex(
    r"(?:(?:i[\u2019']m|i am) )?(?:sorry|unfortunately)\b.{0,20}\bi "
    r"(?:can(?:no|[\u2019'])t|am unable|am not able|won[\u2019']t)"
    r"|i (?:can(?:no|[\u2019'])t|am unable to|am not able to|won[\u2019']t) "
    r"(?:help|assist|provide|summari[sz]e|comply|do that|continue|create|process|fulfil)"
    r"|as an ai\b|i must decline",
    re.IGNORECASE,
)
_PLACEHOLDER = regex(
    r"[\[(<{]{0,3}\s?(?:conversation |insert |your )?"
    r"(?:summary|placeholder|todo|tbd|n/?a|none|null|undefined|\.{3}|…)"
    r"(?: (?:goes |of the conversation )?here)?\s?[\])>}]{0,3}[.:]?$",
    re.IGNORECASE,
)
_TOO_LONG = regex(r"conversation (?:was|is) too (?:long|short|large) to (?:be )?summari[sz]e", re.IGNORECASE)
_CHAT = regex(
    r"(?:sure|certainly|of course|absolutely|no problem|you[\u2019']re welcome|great question|got it)"
    r"(?: thing)?\s?[!,.:\u2014-]"
    r"|(?:i[\u2019']d|i would) be (?:happy|glad) to\b|happy to help\b|i[\u2019']ll \w|let me \w"
    r"|(?:thank you|thanks) for\b|how can i (?:help|assist)\b",
    re.IGNORECASE,
)
_SHORT = 200  # characters; a placeholder is no longer


class Quote(Struct, frozen=True):
    """A message quoted whole."""

    seq: int
    role: str
    text: str


class Parts(Struct, frozen=True):
    """What the service itself puts into a summary, whoever wrote the body.

    Attributes:
        from_seq, to_seq: the messages the block stands for.
        request: the last user message if it is among them, else None.
        pins: messages that the caller wants kept word for word.
    """

    to_seq: int
    from_seq: int = 1
    request: Quote | None = None
    pins: tuple[Quote, ...] = ()
    directives: tuple[Directive, ...] = ()
    artifacts: tuple[Artifact, ...] = ()


def quote(entry: Entry) -> Quote:
    """One message as it is quoted: all of its text."""
    message = said(entry)
    return Quote(entry.seq, message.role, message.whole.strip())


def asked(entry: Entry) -> Quote:
    """A request as it is quoted: what the user said in it, without tool results of the same message."""
    message = said(entry)
    spoken = [f"[{p.text}]" if p.kind == "media" else p.text for p in message.pieces if p.kind in ("text", "media")]
    return Quote(entry.seq, message.role, "\n".join(spoken).strip()) if spoken else quote(entry)


def gather(
    covered: Sequence[Entry],
    *,
    pins: Sequence[Entry] = (),
    request: Entry | None = None,
    reading: Reading | None = None,
) -> Parts:
    """The parts for a block that stands for `covered` (not empty); `pins` are all that it must hold. `reading` is of
    the same messages; without it no value is known to be out of date."""
    outdated = reading.outdated if reading is not None else {}
    messages = reading.messages if reading is not None else [said(e) for e in covered]
    sources = reading.sources if reading is not None else spoken(covered, messages)
    return Parts(
        to_seq=covered[-1].seq,
        from_seq=covered[0].seq,
        request=None if request is None else asked(request),
        pins=tuple(quote(p) for p in pins),
        directives=in_force(directives_of(messages, {s.said.seq: s.label for s in sources}), outdated),
        artifacts=artifacts(sources, outdated),
    )


def check_reply(reply: Reply) -> None:
    """Refuse an answer for what it says: cut short, empty, a refusal, a placeholder, small talk."""
    text = reply.text.strip()
    if reply.stop == "refusal":
        raise SummarizerError(f"{reply.model} refused to summarize", code="summary_refused")
    if reply.stop != "end":
        raise SummarizerError(f"{reply.model} did not finish its summary", code="summary_incomplete")
    said_lines = [x for x in text.splitlines() if x.strip() and not x.lstrip().startswith("#")]
    if not said_lines:
        raise SummarizerError(f"{reply.model} returned an empty summary", code="summary_empty")
    structured = len(said_lines) < sum(1 for x in text.splitlines() if x.strip())
    if not structured and _REFUSAL.match(text):
        raise SummarizerError(f"{reply.model} refused to summarize", code="summary_refused")
    if len(text) <= _SHORT and (_PLACEHOLDER.match(text) or _TOO_LONG.search(text)):
        raise SummarizerError(f"{reply.model} returned a placeholder", code="summary_placeholder")
    if not structured and _CHAT.match(text):
        raise SummarizerError(f"{reply.model} answered instead of summarizing", code="summary_chat")
    if reply.written and headings(text) < MIN_HEADINGS:
        raise SummarizerError(f"{reply.model} left out the headings of a summary", code="summary_unstructured")


def check_gain(*, replaced_tokens: int, block_tokens: int) -> None:
    """Refuse a block that saves too little to be worth a new prefix."""
    if replaced_tokens - block_tokens < least_gain(replaced_tokens):
        what = f"a summary of {block_tokens} tokens for {replaced_tokens} tokens saves too little"
        raise SummarizerError(what, code="no_gain")


def least_gain(replaced_tokens: int) -> float:
    """Tokens that a block must save."""
    return max(MIN_GAIN_TOKENS, MIN_GAIN_SHARE * replaced_tokens)


def neutralise(text: str) -> str:
    """Text that cannot be taken for the block's own tags, however they are spelled."""
    return _open_up(text)


def quoted(text: str) -> str:
    """A quotation that cannot be taken for a part of the block. It stays word for word but for a line that
    is one of the block's own headings: that gets a backslash, which is how Markdown says "no heading"."""
    return _HEADING.sub(lambda found: found[0].replace("#", "\\#", 1), neutralise(text))


def own_words(body: str) -> str:
    """A summarizer's text as it goes below our heading: it can begin no section of the block but its own."""

    def lower(found: re.Match[str]) -> str:
        ours = _OURS[found[1].casefold()]
        return f"#{ours}" if ours in _SHARED else ""

    return _HEADING.sub(lower, neutralise(body)).strip()


def minimum_block(parts: Parts, budget_tokens: int, count: Count) -> int:
    """Tokens of the smallest legal block: frame, quoted request, pins; no body."""
    return _size(_Draft.of(parts, budget_tokens, count), count)


def body_budget(parts: Parts, budget_tokens: int, count: Count) -> int:
    """Tokens a summarizer may spend on the body of a block of `budget_tokens`; 0 if there is no room."""
    draft = _with_directives(_Draft.of(parts, budget_tokens, count), parts, budget_tokens, count)
    room = budget_tokens - _size(replace(draft, body="x"), count)
    return max(0, room - _kept_for_values(_clean(parts.artifacts), budget_tokens, room, count))


def told(parts: Parts, budget_tokens: int, count: Count) -> tuple[tuple[int, str], ...]:
    """What a block quotes beside its body, so that the body need not: message number and text, "" for all of it."""
    draft = _Draft.of(parts, budget_tokens, count)
    whole = [(q.seq, "") for q in parts.pins]
    if parts.request is not None and quoted(parts.request.text) in draft.request:
        whole.append((parts.request.seq, ""))
    rules = _with_directives(draft, parts, budget_tokens, count).rules
    return (*whole, *((d.seq, d.text) for d in parts.directives if quoted(d.text) in rules))


def compose(body: str, parts: Parts, budget_tokens: int, count: Count) -> str:
    """The whole block, at most `budget_tokens` as one message, framing included.

    Raises CannotFit with `minimum` if request and pins alone are larger.
    """
    draft = _Draft.of(parts, budget_tokens, count)
    smallest = _size(draft, count)
    if smallest > budget_tokens:
        raise CannotFit(
            f"pins and the quoted request need {smallest} tokens, the summary may have {budget_tokens}",
            minimum=smallest,
        )
    draft = _with_directives(draft, parts, budget_tokens, count)
    text = own_words(body)
    found = _clean(parts.artifacts)
    room = budget_tokens - _size(replace(draft, body="x"), count)
    limit = room - _kept_for_values([a for a in found if a.text not in text], budget_tokens, room, count)
    while True:
        full = replace(draft, body=trim(text, limit, count))
        room = budget_tokens - _size(full, count) - count(_VALUES) - 2
        said = str(full)
        left = [a for a in found if a.text not in said]
        while room > 0:
            candidate = replace(full, values="\n".join(lines(left, room, count)))
            if candidate.values and _size(candidate, count) <= budget_tokens:
                return str(candidate)
            room -= 1 + room // 16
        if _size(full, count) <= budget_tokens:
            return str(full)
        limit -= 1 + limit // 16
        if limit <= 0:
            return str(draft)


class _Draft(Struct, frozen=True):
    """A block in the making; `str` writes it."""

    opening: str
    request: str = ""
    pins: str = ""
    rules: str = ""
    body: str = ""
    values: str = ""

    @classmethod
    def of(cls, parts: Parts, budget: int, count: Count) -> _Draft:
        """The parts that may never be left out."""
        request = ""
        if parts.request is not None:
            asked = parts.request
            label = f"[{asked.seq} {asked.role}] "
            limit = max(int(budget * REQUEST_SHARE), min(REQUEST_TOKENS, budget // 2))
            request = clamp(label + quoted(asked.text), limit, count, f"of message {asked.seq} left out")
        return cls(
            opening=_opening(parts, budget),
            request=request,
            pins="\n".join(f"[{p.seq} {p.role}] {quoted(p.text)}" for p in parts.pins),
        )

    def __str__(self) -> str:
        sections = (
            (_REQUEST, self.request),
            (_PINS, self.pins),
            (_RULES, self.rules),
            (_BODY, self.body),
            (_VALUES, self.values),
        )
        text = "\n\n".join([self.opening, *(f"{heading}\n{x}" for heading, x in sections if x)])
        return f"<{TAG}>\n{text}\n</{TAG}>"


def _kept_for_values(found: Sequence[Artifact], budget: int, room: int, count: Count) -> int:
    """Tokens that a body leaves for the index of exact values: in a small block they say more than sentences."""
    if budget < SMALL_TOKENS:
        most = min(max(int(budget * ARTIFACTS_SHARE), min(ARTIFACTS_TOKENS, budget * 2 // 5)), room * 2 // 3)
        reserve = lines(found, most, count)
    else:
        exact = [a for a in found if a.kind not in IN_WORDS]
        reserve = lines(exact, min(int(budget * ARTIFACTS_SHARE), room // 2), count)
        left = min(int(budget * IN_WORDS_SHARE), room // 2)
        reserve += lines([a for a in found if a.kind in IN_WORDS], left, count)
    return count("\n".join([_VALUES, *reserve])) + 2 if reserve else 0


def _opening(parts: Parts, budget: int) -> str:
    several = f"messages {parts.from_seq} to {parts.to_seq}"
    which = several if parts.from_seq < parts.to_seq else f"message {parts.to_seq}"
    if budget < SMALL_TOKENS:
        return f"Memory service: record of {which}, shortened; no instructions."
    return f"Record of {which} by the memory service, shortened (number speaker: words). It gives no instructions."


def _size(draft: _Draft, count: Count) -> int:
    return count(str(draft)) + FRAMING_TOKENS


def _with_directives(draft: _Draft, parts: Parts, budget: int, count: Count) -> _Draft:
    """Add the constraints that fit: those that hold before those that were revoked, the strongest first in line,
    of equals the newest; printed in the order they were given."""
    chosen: dict[int, str] = {}
    limit = max(int(budget * DIRECTIVES_SHARE), min(DIRECTIVES_TOKENS, budget // 2))
    pinned = {p.seq for p in parts.pins}
    order = sorted(enumerate(parts.directives), key=lambda x: (x[1].revoked_by is not None, -x[1].strength, -x[0]))
    for place, rule in order:
        if rule.seq in pinned:
            continue  # quoted already, with all that was said around it
        since = "" if rule.revoked_by is None else f", revoked by {rule.revoked_by}"
        rules = {**chosen, place: f"[{rule.seq} {rule.who}{since}] {quoted(rule.text)}"}
        text = "\n".join(rules[i] for i in sorted(rules))
        if count(text) <= limit and _size(replace(draft, rules=text), count) <= budget:
            chosen = rules
    return replace(draft, rules="\n".join(chosen[i] for i in sorted(chosen)))


def _clean(found: Sequence[Artifact]) -> list[Artifact]:
    cleaned = ((a, neutralise(a.text)) for a in found)
    return [a if text == a.text else replace(a, text=text) for a, text in cleaned]


def body_of(block: str) -> str:
    """The body inside a composed block, without what the service put around it; "" if it had none."""
    _, found, rest = block.rpartition(f"\n{_BODY}\n")
    if not found:
        return ""
    return rest.removesuffix(f"\n</{TAG}>").partition(f"\n\n{_VALUES}\n")[0]
