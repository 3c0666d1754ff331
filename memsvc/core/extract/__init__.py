"""The local summarizer's selection: what an older stretch of conversation said, in its own words.

Nothing is written here, only chosen: every line is a verbatim piece of one message (or of the
previous summary), labelled with its seq and who said it, in the order it was said. Facts do not
decay over many summaries because the choice is made anew from the originals each time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from memsvc.core.asking import SummaryRequest
from memsvc.core.extract.select import choose
from memsvc.core.extract.terms import Vocabulary
from memsvc.core.extract.units import CUT, MAX_CHARS, Unit, clip, statements
from memsvc.core.flatten import said

__all__ = ["extract"]

GAP = " … "
"""Between two statements of one message that did not follow each other."""
_LINE = re.compile(r"^\[(\d{1,12}) [^\]\n]{1,80}\] ")
_PREVIOUS = ""  # label of a line taken over from the previous summary: it brings its own
_MAX_PREVIOUS = 400  # lines


def extract(request: SummaryRequest, count: Callable[[str], int]) -> str:
    """The body of a summary: at most `request.budget_tokens` tokens by `count`, "" if nothing was said.

    Deterministic, and linear in the size of the input.
    """
    found = _candidates(request)
    if not found or request.budget_tokens <= 0:
        return ""
    vocabulary = Vocabulary()
    terms = [vocabulary.terms(u.text) for u in found]
    vocabulary.weigh(terms)
    chosen = choose(found, terms, vocabulary, request.budget_tokens, count)
    return _fit(found, chosen, request.budget_tokens, count)


def _candidates(request: SummaryRequest) -> list[Unit]:
    entries = [*request.earlier, *request.entries]
    first = entries[0].seq if entries else 1
    out = list(_previous(request.previous, before=first)) if request.previous and first > 1 else []
    start = len(out)
    for i, entry in enumerate(entries):
        out.extend(statements(start + i, said(entry)))
    latest = {(u.label, u.text): i for i, u in enumerate(out)}
    return [u for i, u in enumerate(out) if latest[u.label, u.text] == i]


def _previous(body: str, before: int) -> Iterable[Unit]:
    """Lines of the previous summary about messages that are not at hand as originals."""
    for i, line in enumerate(body.splitlines()[:_MAX_PREVIOUS]):
        text = line.strip()
        match = _LINE.match(text)
        if not text or text.startswith("#") or (match and int(match.group(1)) >= before):
            continue
        yield Unit(i, 0, 0, _PREVIOUS, text if match else clip(text, 2 * MAX_CHARS), " ", 1.1)


def _fit(found: Sequence[Unit], chosen: list[int], budget: int, count: Callable[[str], int]) -> str:
    """The chosen statements as text; the least wanted are dropped until it fits exactly."""
    while chosen:
        body = _print([found[i] for i in sorted(chosen)])
        over = count(body) - budget
        if over <= 0:
            return body
        chosen = chosen[: -max(1, min(len(chosen) // 8, over // 40))]
    return ""


def _print(chosen: Sequence[Unit]) -> str:
    lines: list[str] = []
    before: Unit | None = None
    for unit in chosen:
        text = unit.text + (CUT if unit.after == CUT else "")
        if before is not None and (before.message, before.label) == (unit.message, unit.label):
            follows = unit.part == before.part + 1 and before.after != CUT
            lines[-1] = lines[-1].removesuffix(CUT) + (before.after if follows else GAP) + text
        else:
            lines.append(f"[{unit.seq} {unit.label}] {text}" if unit.label else text)
        before = unit
    return "\n".join(lines)
