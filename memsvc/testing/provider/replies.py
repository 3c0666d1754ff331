"""What the server's model says: summaries, chat, tool calls. The same request always gets the same."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import Any

from memsvc.testing.provider.outcome import Answer, Ask, Tool, ToolCall
from memsvc.testing.provider.tokens import dump

_HEADING = re.compile(r"^\s*(#{2,4} +\S.*?)\s*$", re.MULTILINE)
_ASKS = re.compile(r"summar|notes|compact|condense|digest|总结|總結|摘要|要約|요약", re.IGNORECASE)
_RECORD_ENDS = re.compile(r"</(?:transcript|conversation|history|messages|record|log)>", re.IGNORECASE)
_REFERENCE = re.compile(r"<(system_prompt|system)>.*?</\1>", re.IGNORECASE | re.DOTALL)
_LIMIT = re.compile(r"(\d[\d,]*) tokens|at most (\d[\d,]*) words", re.IGNORECASE)
_LABEL = re.compile(r"^\[(\d+)[ ,:]+(\w+)[^\]]*\]:?\s*(.*)$")
_TAGGED = re.compile(r"^<\w+[^>]*\bseq=\"(\d+)\"[^>]*\b(?:from|role)=\"(\w+)\"[^>]*>\s*(.*)$")
_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+|\n+")
_TELLING = re.compile(r"\w*\d[\w.]*|[\w.]+[/_][\w./]+|https?://\S+")
_RULE = re.compile(
    r"\b(?:always|never|must|do not|don't|only)\b|不要|必须|请用|總是|必ず|всегда|никогда", re.IGNORECASE
)
_CONSTRAINTS = re.compile(r"constraint|preference", re.IGNORECASE)
_MOST_RULES = 8
_MOST_POINTS = 24
_MOST_CHARS = 160
_MOST_TOKENS = 600

Tokens = Callable[[str], int]
Asked = tuple[str, list[str], str]
"""Transcript, headings and instruction of a request for a summary."""


def headings_asked_for(ask: Ask) -> Asked | None:
    """(transcript, headings, instruction) of a request for a summary; None for any other.

    The instruction is what follows the transcript in the last user text, or the system prompt.
    """
    said = "\n".join(text for _, text in ask.turns[:-1])
    closes = [m.end() for m in _RECORD_ENDS.finditer(ask.user)]
    at = closes[-1] if closes else 0
    for instruction, transcript in (
        (ask.user[at:], f"{said}\n{ask.user[:at]}" if at else f"{said}\n{_around(ask.user)}"),
        (ask.system, f"{said}\n{ask.user}"),
    ):
        found = _HEADING.findall(instruction)
        if len(found) >= 2 and _ASKS.search(instruction):
            return _REFERENCE.sub("", transcript), list(dict.fromkeys(found)), instruction
    return None


def _around(text: str) -> str:
    """A text without its headings and what stands between them."""
    found = list(_HEADING.finditer(text))
    return f"{text[: found[0].start()]}\n{text[found[-1].end() :]}" if found else text


def plain(ask: Ask, tokens: Tokens) -> Answer:
    """The default answer: a summary where one is asked for, a tool call where one is, else a line of chat."""
    if (asked := headings_asked_for(ask)) is not None:
        return Answer(summary(ask, asked, tokens))
    calls = _calls(ask)
    return Answer("", calls, "tool") if calls else Answer(chat(ask))


def summary(ask: Ask, asked: Asked, tokens: Tokens) -> str:
    """Each heading with a few sentences of the transcript below it."""
    lines: list[str] = []
    for heading, points in sections(ask, asked, tokens):
        lines += [heading, *(f"- {p}" for p in points or ["None"])]
    return "\n".join(lines)


def sections(ask: Ask, asked: Asked, tokens: Tokens) -> list[tuple[str, list[str]]]:
    """Headings with points below them: rules of the user as quotations below one that names constraints, else
    sentences from all over the transcript, in its order."""
    transcript, headings, instruction = asked
    limits = [int((m[1] or m[2]).replace(",", "")) for m in _LIMIT.finditer(instruction)]
    limits += [ask.max_tokens] if ask.max_tokens else []
    room = min([_MOST_TOKENS, ask.tokens // 4, *(n * 4 // 5 for n in limits)])
    used = sum(tokens(h) + 2 for h in headings)
    rules = rules_of(transcript)[:_MOST_RULES]
    used += sum(tokens(rule) + 4 for rule in rules)
    points: list[str] = []
    for point in _telling(transcript):
        cost = tokens(point) + 4
        if used + cost <= room and len(points) < _MOST_POINTS:
            points.append(point)
            used += cost
    points = points or sorted(_telling(transcript), key=len)[:1]
    points.sort(key=lambda point: transcript.find(point.partition("] ")[2] or point))
    others = [h for h in headings if not _CONSTRAINTS.search(h)]
    share = -(-len(points) // max(1, len(others)))
    below = {heading: points[i * share : (i + 1) * share] for i, heading in enumerate(others)}
    return [(heading, below.get(heading, rules)) for heading in headings]


def rules_of(transcript: str) -> list[str]:
    """What users have laid down, quoted behind its label."""
    found = {}
    for label, sentence in labelled_sentences(transcript):
        if label.endswith(" user]") and _RULE.search(sentence) and not sentence.endswith(("?", "…")):
            found[sentence] = f'{label} "{sentence}"'
    return list(found.values())


def _telling(transcript: str) -> list[str]:
    """Sentences of the transcript with their labels, those with most exact values first; of equals not the first
    ones, but some from everywhere."""
    scored = []
    seen: set[str] = set()
    for order, (label, sentence) in enumerate(labelled_sentences(transcript)):
        if sentence in seen or len(sentence) < 8:
            continue
        seen.add(sentence)
        spread = int(f"{order:016b}"[::-1], 2)
        scored.append((-min(len(set(_TELLING.findall(sentence))), 3), spread, f"{label} {sentence}".strip()))
    return [point for _, _, point in sorted(scored)]


def labelled_sentences(transcript: str) -> Iterator[tuple[str, str]]:
    """Sentences of a transcript, each with the label of its message."""
    label = ""
    for line in transcript.splitlines():
        if _HEADING.match(line):
            continue
        bare = line.strip().removeprefix("- ")
        found = _LABEL.match(bare) or _TAGGED.match(bare)
        if found:
            label, line = f"[{found[1]} {found[2]}]", found[3]
        for sentence in _SENTENCE.split(line):
            text = sentence.strip().lstrip("#-*> ").strip()
            if text and not text.startswith("<"):
                yield label, text if len(text) <= _MOST_CHARS else text[: _MOST_CHARS - 1] + "…"


def last_said(ask: Ask) -> str:
    """The last sentence of the conversation, or of the transcript of one."""
    asked = headings_asked_for(ask)
    return ([sentence for _, sentence in labelled_sentences(asked[0] if asked else ask.user)] or ["Go on."])[-1]


def chat(ask: Ask) -> str:
    """A short reply that depends on the request."""
    said = ask.turns[-1][1] if ask.turns else ""
    about = " ".join(said.split())[:60]
    mark = digest(ask)[:6]
    if ask.turns and ask.turns[-1][0] == "tool":
        return f'The tool returned "{about}". Noted as {mark}.'
    return f'You wrote "{about}". Noted as {mark}.'


def digest(ask: Ask) -> str:
    """A hash of the request, for ids; streamed or not makes no difference."""
    body = {k: v for k, v in ask.body.items() if k not in ("stream", "stream_options")}
    return hashlib.sha256(f"{ask.model.name} {dump(body)}".encode("utf-8", "surrogatepass")).hexdigest()


def _calls(ask: Ask) -> tuple[ToolCall, ...]:
    choice = ask.body.get("tool_choice")
    kind = choice.get("type") if isinstance(choice, dict) else choice
    text = ask.user.lower()
    if not ask.tools or kind == "none":
        return ()
    if "use two tools" in text:
        return calls(ask, 2)
    return calls(ask, 1) if "use the tool" in text or kind in ("any", "tool", "required", "function") else ()


def calls(ask: Ask, count: int) -> tuple[ToolCall, ...]:
    """Calls of the first tools, in turn; of a made-up one where the request has none."""
    tools = ask.tools or (Tool("search", {"properties": {"query": {"type": "string"}}, "required": ["query"]}),)
    seed = digest(ask)
    return tuple(
        ToolCall(f"{seed[:16]}{i}", tool.name, arguments(tool.schema, ask.user))
        for i in range(count)
        for tool in [tools[i % len(tools)]]
    )


def arguments(schema: Any, text: str) -> dict[str, Any]:
    """Arguments that a schema asks for; `text` fills the first string."""
    properties = schema.get("properties") or {}
    made: dict[str, Any] = {}
    for name in schema.get("required") or list(properties)[:1]:
        wanted = properties.get(name) or {}
        match wanted.get("type"):
            case _ if wanted.get("enum"):
                made[name] = wanted["enum"][0]
            case "integer" | "number":
                made[name] = 1
            case "boolean":
                made[name] = True
            case "array":
                made[name] = []
            case "object":
                made[name] = arguments(wanted, text)
            case _:
                made[name] = " ".join(text.split())[:40] or name
    return made
