"""A session's story as lines: its epochs in order, and what of its context a provider keeps in its cache."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from memsvc.cli.terminal import labelled

if TYPE_CHECKING:
    from memsvc.core.model import Session
    from memsvc.service.views import Held

Json = dict[str, Any]
HEAD = "  epoch  when         messages      before   after  why         by"
_INDENT = 15


def in_force(summaries: list[Json], current: int) -> set[int]:
    """Epochs of the current summary and of those that it builds on; others were put aside by an edit."""
    from memsvc.core.lineage import Link, chain

    links = (Link(one["epoch"], one["from"], one["to"]) for one in summaries)
    return {link.epoch for link in chain(links, current)}


def timeline(summaries: list[Json], session: Session) -> list[str]:
    """The epochs, oldest first: `*` the one in force, `.` one that it builds on, `x` one that an edit has put aside. An
    epoch without a summary was begun by an edit, or its summary was erased with a message."""
    if not session.epoch:
        return []
    stands = in_force(summaries, session.summary_epoch)
    by_epoch = {one["epoch"]: one for one in summaries}
    lines = ["", HEAD]
    for epoch in range(min(by_epoch, default=1), session.epoch + 1):
        one = by_epoch.get(epoch)
        if one is None:
            lines.append(f"  {epoch:>5}  an edit, or a summary that was erased with a message")
            continue
        mark = "*" if one["current"] else "." if epoch in stands else "x"
        lines += _epoch(one, mark)
    return lines


def _epoch(one: Json, mark: str) -> list[str]:
    at = datetime.fromtimestamp(one["at"], UTC).strftime("%m-%d %H:%M")
    span = f"{one['from']}-{one['to']}"
    before = "-" if one["replaced_tokens"] is None else f"{one['replaced_tokens']:,}"
    row = f"{mark} {one['epoch']:>5}  {at}  {span:<11} {before:>8} {one['tokens']:>7,}"
    lines = [f"{row}  {one['reason'][:10]:<10}  {one['model'][:20]}".rstrip()]
    said = [f"cost {usd(one['cost_usd'])}"] if one["cost_usd"] else []
    if one["predicted_saving_usd"] is not None:
        said.append(f"was to save {usd(one['predicted_saving_usd'])}")
    if one["actual_saving_usd"] is not None:
        said.append(f"{'has saved' if one['current'] else 'saved'} {usd(one['actual_saving_usd'])}")
    if said:
        lines += labelled("", ", ".join(said), _INDENT)
    for why in one["refused"]:
        lines += labelled("       refused", why, _INDENT)
    return lines


def prefix(held: Held) -> Json:
    """What of the context a provider finds cached at the next call: where the marks are, and the part that no append
    changes. Positions of messages count from 1 in the list as it is sent."""
    told = json.loads(held.render())
    messages = told["messages"]
    lead = int(bool(messages) and messages[0].get("role") in ("system", "developer"))
    opening = json.dumps(messages[lead : lead + 1])
    summary = lead + 1 if "<conversation_summary>" in opening else None
    marks = [n for n, message in enumerate(messages, start=1) if _marked(message)]
    return {
        "format": told["format"],
        "messages": len(messages),
        "stable_prefix": told["stable_prefix"],
        "prefix_change": told["prefix_change"],
        "marked": {
            "tools": _marked(told.get("tools")),
            "system": _marked(told.get("system")) or (lead in marks),
            "summary": summary in marks,
            "tail": [n for n in marks if n > (summary or lead)],
        },
    }


def _marked(part: Any) -> bool:
    """Whether a cache mark of either vendor stands in a part of a context."""
    if isinstance(part, dict):
        return any(name in part for name in ("cache_control", "prompt_cache_breakpoint")) or any(
            _marked(one) for name, one in part.items() if name not in ("input", "arguments")
        )
    return isinstance(part, list) and any(_marked(one) for one in part)


def layout(session: Session, front: Json) -> list[str]:
    """The context in the order of the cache, with its marks, and the cut."""
    marked = front["marked"]
    settings = session.settings
    first, last = session.cut + 1, session.last_seq
    tail = f"messages {first} to {last}, verbatim" if session.tail_tokens else "nothing"
    covers = f"messages 1 to {session.cut}" if session.cut else "none yet"
    rows = [
        ("tools", settings.tools_tokens, marked["tools"], ""),
        ("system", settings.system_tokens, marked["system"], ""),
        ("summary", session.summary_tokens, marked["summary"], covers),
        ("tail", session.tail_tokens, bool(marked["tail"]), tail),
    ]
    lines = ["", f"context, as {front['format']} gets it ({front['messages']:,} messages):"]
    lines += [
        f"  {name:<8}{tokens:>9,}  {'mark' if mark else '    '}  {what}".rstrip() for name, tokens, mark, what in rows
    ]
    stable, change = front["stable_prefix"], front["prefix_change"]
    if stable is not None:
        whole = stable["messages"] == front["messages"]
        kept = "all of it" if whole else f"{stable['messages']:,} messages, the rest waits for results"
        lines += labelled("  stable", f"{stable['tokens']:,} tokens, {kept}", 10)
    if change is not None:
        lines += labelled("  since", f"revision {change['at_revision']}: {change['reason']}", 10)
    return lines


def usd(amount: float) -> str:
    """Dollars, to a hundredth of a cent."""
    return f"${amount:.4f}" if amount >= 0 else f"-${-amount:.4f}"
