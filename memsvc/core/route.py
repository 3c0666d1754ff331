"""Which tier of models a request asks for: a score of its parts, and the chain of models that follows from it.

The scores of the tasks are those of common routing advice; what adds to them was set by hand and can be read
in `TABLE`. Nothing here looks at more than the newest message and a few figures: it runs before every call.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, TypeVar, get_args

from msgspec import Struct, field

from memsvc.core.patterns import regex

Tier = Literal["nano", "standard", "pro"]
TIERS: tuple[Tier, ...] = get_args(Tier)
"""Cheapest first."""
M = TypeVar("M")

LOOKED_AT = 4_000
"""Characters of a text that are looked at, at either end."""


class Table(Struct, frozen=True):
    """What adds up to a score, and the tiers that scores from 0 to 1 stand for.

    Attributes:
        tasks: the base, by the kind of task.
        lengths: (raw tokens, addition), the largest that is reached counts.
        code, tools, language: additions for code, for tools that may be called or were, for a text that is
            mostly in another script than Latin.
        standard, pro: the least score of these tiers; below both it is `nano`.
    """

    tasks: Mapping[str, float] = field(
        default_factory=lambda: {
            "qa": 0.2,
            "translation": 0.2,
            "chat": 0.3,
            "summary": 0.3,
            "code_review": 0.6,
            "reasoning": 0.8,
            "architecture": 0.9,
        }
    )
    lengths: tuple[tuple[int, float], ...] = ((2_000, 0.05), (8_000, 0.1), (32_000, 0.15))
    code: float = 0.15
    tools: float = 0.1
    language: float = 0.05
    standard: float = 0.4
    pro: float = 0.8


TABLE = Table()


class Asked(Struct, frozen=True):
    """A request, as far as its score needs it.

    Attributes:
        text: what is asked: the newest user message, or the turns to be summarized.
        tokens: raw tokens of the whole request.
        task: one of the table's, where the caller says it; None = found in the text.
        tools: tools may be called, or were.
    """

    text: str
    tokens: int
    task: str | None = None
    tools: bool = False


class Score(Struct, frozen=True):
    """A request's score and where it comes from.

    Attributes:
        task: the kind of task, and whether it was `told` by the caller.
        parts: (name, addition), the task's own first.
        value: their sum, at most 1.
    """

    task: str
    told: bool
    parts: tuple[tuple[str, float], ...]
    value: float
    tier: Tier

    def __str__(self) -> str:
        shown = " + ".join(f"{name} {amount:g}" for name, amount in self.parts)
        return f"{self.tier} ({shown} = {self.value:g})"


def score(asked: Asked, table: Table = TABLE) -> Score:
    """The score of a request. A task that the table does not have counts as `chat`."""
    text = asked.text if len(asked.text) <= 2 * LOOKED_AT else f"{asked.text[:LOOKED_AT]}\n{asked.text[-LOOKED_AT:]}"
    told = asked.task in table.tasks
    task = asked.task if asked.task is not None and told else task_of(text)
    parts = [(task, table.tasks.get(task, table.tasks["chat"]))]
    length = max((amount for least, amount in table.lengths if asked.tokens >= least), default=0.0)
    for name, amount, counts in (
        ("length", length, length > 0),
        ("code", table.code, bool(_CODE.search(text))),
        ("tools", table.tools, asked.tools),
        ("language", table.language, other_script(text)),
    ):
        if counts:
            parts.append((name, amount))
    value = min(1.0, round(sum(amount for _, amount in parts), 6))
    tier: Tier = "pro" if value >= table.pro else "standard" if value >= table.standard else "nano"
    return Score(task, told, tuple(parts), value, tier)


def chain(tier: Tier, models: Mapping[Tier, Sequence[M]], *, up: bool = True) -> list[M]:
    """Models to be asked in order: those of the tier, then of cheaper ones; with `up` dearer ones last, so that
    a call is made at all."""
    at = TIERS.index(tier)
    order = [*reversed(TIERS[: at + 1]), *(TIERS[at + 1 :] if up else ())]
    return list(dict.fromkeys(model for name in order for model in models.get(name, ())))


def task_of(text: str) -> str:
    """The kind of task, by the words that people use for it; `chat` where none tells."""
    for task, words in _TASKS:
        if words.search(text):
            return task
    return "qa" if text.rstrip().endswith(("?", "？")) and len(text) <= 400 else "chat"


def other_script(text: str) -> bool:
    """Whether more than a third of the letters are not Latin."""
    letters = sum(map(str.isalpha, text[:LOOKED_AT]))
    other = sum(1 for c in text[:LOOKED_AT] if c > "\u024f" and c.isalpha())
    return other * 3 > letters


_CODE = regex(
    r"```"
    r"|^\s*(?:def|class|func|fn|function|public|private|const|let|var|return|if|for|while)\b.*[;:{(]\s*$"
    r"|^\s*(?:import [\w.]+;?|from [\w.]+ import .+|#include .+|package \w+;?)\s*$"
    r"|^\s*(?:\$|>>>) \w|^[+-]{3} [ab]/|^\s+at [\w.$ ]+\(|Traceback \(most recent"
    r"|\bSELECT\b.+\bFROM\b|</\w+>|\w\(\)[;.{]",
    re.MULTILINE,
)


def _words(*patterns: str) -> re.Pattern[str]:
    return regex("|".join(patterns), re.IGNORECASE)


_TASKS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "translation",
        _words(
            r"\btranslat(?:e|ion)\b",
            r"\binto (?:english|french|german|spanish|chinese|japanese)\b",
            r"\bübersetz",
            r"\btradu(?:is|ire|ce|cir|zir)",
            r"перевед",
            r"翻译|翻譯|译成|翻訳|번역",
        ),
    ),
    (
        "architecture",
        _words(
            r"\barchitect(?:ure|ural)?\b",
            r"\b(?:system|database|schema|api) design\b",
            r"\bdesign (?:a|an|the|our) (?:\w+ ){0,3}(?:system|service|schema|pipeline|platform|protocol|api)\b",
            r"\btrade-?offs?\b",
            r"\bmicroservices?\b",
            r"\bmigration (?:plan|strategy)\b",
            r"\barchitektur",
            r"архитектур",
            r"架构|架構|系统设计|系統設計|アーキテクチャ|設計して|아키텍처",
        ),
    ),
    (
        "code_review",
        _words(
            r"\b(?:code )?review (?:this|my|the|these|our) (?:\w+ ){0,3}(?:code|diff|change|patch|pr|function|class)",
            r"\bcode review\b",
            r"\bpull request\b",
            r"\brefactor",
            r"\b(?:fix|find|debug) (?:this|the|a|my) (?:\w+ ){0,2}(?:bug|error|test|crash|exception)",
            r"\bwhy does (?:this|my) (?:code|function|test|query)",
            r"代码审查|代碼審查|审查代码|重构|重構|コードレビュー|リファクタ|코드 리뷰|ревью кода",
        ),
    ),
    (
        "reasoning",
        _words(
            r"\bprove\b|\bproof\b|\btheorem\b",
            r"\bstep[- ]by[- ]step\b",
            r"\broot cause\b",
            r"\bderive\b",
            r"\b(?:how many|what is the probability|calculate|compute|optimi[sz]e)\b.{0,200}\d",
            r"\blogic(?:al)? puzzle\b",
            r"\bbeweis",
            r"\bdémontre",
            r"докаж",
            r"证明|證明|推理|逐步|証明|증명",
        ),
    ),
    (
        "summary",
        _words(
            r"\bsummari[sz]e\b|\bsummary\b|\btl;?dr\b",
            r"\bzusammenfass|\bfasse?\b.{0,80}\bzusammen\b",
            r"\brésum|\bresum(?:e|en|ir)\b",
            r"кратк|резюмир",
            r"总结|總結|摘要|概括|要約|요약",
        ),
    ),
)
"""Looked for in this order."""
