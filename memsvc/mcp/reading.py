"""A context as an agent reads it: the summary, then as many of the newest messages as fit, each behind its number."""

from __future__ import annotations

from memsvc.client import Session
from memsvc.integrations.recall import NOTE, entry_of, row_of, told
from memsvc.mcp.answers import ContextGiven, Range

MOST_ROWS = 200
"""Messages that are looked at; an agent that wants older ones asks for them by number."""
_SHARE = 4
"""A message takes at most this part of the room, so that one long output does not hide all that was said."""
_LEAST = 400


async def in_words(handle: Session, most_bytes: int) -> ContextGiven:
    """The context of a session in at most about `most_bytes`; its system prompt is not in it."""
    session = await handle.get()
    parts = [NOTE]
    if session.cut is not None:
        summary = _begun(await _in_force(handle, session.epoch), most_bytes // 2)
        parts.append(f"[summary of messages 1-{session.cut}]\n{summary}")
    room = most_bytes - sum(_size(part) for part in parts)
    lines, unshown = await _newest(handle, session.cut or 0, session.last_seq, room)
    left_out = None if unshown is None else Range(first=(session.cut or 0) + 1, last=unshown)
    if left_out is not None:
        parts.append(f"[messages {left_out.first}-{left_out.last} are left out here; memsvc_recall shows them]")
    return ContextGiven(
        session=handle.id,
        format="text",
        epoch=session.epoch,
        revision=session.revision,
        text="\n\n".join([*parts, *lines]),
        summarized=None if session.cut is None else Range(first=1, last=session.cut),
        left_out=left_out,
    )


async def _in_force(handle: Session, epoch: int) -> str:
    """The text of the summary in force, at or before an epoch: edits count as epochs and write none."""
    after = epoch - 1
    while True:
        page = await handle.summaries(after=max(0, after), limit=100)
        current = [one.text for one in page.summaries if one.current]
        if current or after <= 0:
            return current[-1] if current else ""
        after -= 50


async def _newest(handle: Session, cut: int, last: int, room: int) -> tuple[list[str], int | None]:
    """(the newest live messages that fit, oldest first; the number of the newest that does not, None = all do)."""
    after = max(cut, last - MOST_ROWS)
    page = await handle.history(after, MOST_ROWS)
    rows = [row_of(item) for item in page.messages if not item.superseded and not item.redacted]
    share = max(_LEAST, room // _SHARE)
    lines: list[str] = []
    for row in reversed(rows):
        line = told(entry_of(row), "", share)
        if lines and _size(line) > room:
            return lines[::-1], row["seq"]
        room -= _size(line)
        lines.append(line)
    return lines[::-1], after if after > cut else None


def _begun(summary: str, most: int) -> str:
    """A summary, or as much of its beginning as there is room for."""
    raw = summary.encode("utf-8", "surrogatepass")
    if len(raw) <= most:
        return summary
    return raw[:most].decode("utf-8", "ignore") + "\n[the rest is left out here; memsvc_summaries shows it]"


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass")) + 2
