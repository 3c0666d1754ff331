"""What each tool does, over a session's handle or a client, and how its answer reads."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pydantic import BaseModel

from memsvc.client import Client, Session
from memsvc.integrations.recall import NOTHING, Json, Recall, moment
from memsvc.mcp import answers, asked
from memsvc.mcp.reading import in_words
from memsvc.wire.replies import TokenCounts


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool answers.

    Attributes:
        text: what the model reads.
        structured: the same for programs; None = text alone.
        failed: it tells what is wrong.
    """

    text: str
    structured: Json | None = None
    failed: bool = False


async def recalled(handle: Session, given: asked.Recalled) -> Answer:
    """Messages by number or by words."""
    wanted = {"seq": given.seq, "seqs": given.seqs, "query": given.query}
    text = await Recall.of(handle)(wanted)
    return Answer(text, failed=text == NOTHING)


async def searched(handle: Session, given: asked.Searched) -> Answer:
    """Messages that fit."""
    found = await handle.search(given.query, limit=given.limit)
    rows = [
        answers.Found(seq=r.seq, role=r.role, at=moment(r.at), snippet=r.snippet, superseded=r.superseded)
        for r in found.results
    ]
    return _document(answers.FoundAll(session=handle.id, matches=found.matches, results=rows))


async def listed(client: Client, given: asked.Listed) -> Answer:
    """Sessions of the key's tenant."""
    page = await client.list_sessions(prefix=given.prefix, user=given.user, after=given.after, limit=given.limit)
    lines = [
        answers.SessionLine(
            session=one.session,
            user=one.user,
            messages=one.messages,
            tokens=one.tokens.context,
            epoch=one.epoch,
            updated_at=moment(one.updated_at),
        )
        for one in page.sessions
    ]
    return _document(answers.SessionList(sessions=lines, next=page.next))


async def described(handle: Session, _: asked.Nothing) -> Answer:
    """Figures of a session."""
    one = await handle.get()
    names = set(answers.SessionState.model_fields) - {"compaction", "last_error", "created_at", "updated_at", "tokens"}
    state = answers.SessionState(
        **{name: getattr(one, name) for name in names},
        tokens=TokenCounts(**one.tokens.model_dump()),
        compaction=one.compaction.state,
        last_error=one.compaction.last_error,
        created_at=moment(one.created_at),
        updated_at=moment(one.updated_at),
    )
    return _document(state)


async def fetched(handle: Session, given: asked.Fetched) -> Answer:
    """The context, in words or as a request."""
    if given.format == "text":
        told = await in_words(handle, given.max_bytes)
        return Answer(told.text or "", told.model_dump(exclude_none=True))
    context = await handle.context(given.format, max_tokens=given.max_tokens)
    return _document(
        answers.ContextGiven(
            session=handle.id,
            format=context.format,
            epoch=context.epoch,
            revision=context.revision,
            request=context.request,
        ),
        without_null=True,
    )


async def summaries(handle: Session, given: asked.Paged) -> Answer:
    """Summaries with their text."""
    page = await handle.summaries(after=given.after, limit=given.limit)
    lines = [
        answers.SummaryLine(
            epoch=one.epoch,
            first=one.from_seq,
            last=one.to,
            current=one.current,
            model=one.model,
            at=moment(one.at),
            text=one.text,
        )
        for one in page.summaries
    ]
    return _document(answers.SummaryList(session=handle.id, summaries=lines, next=page.next))


async def remembered(handle: Session, given: asked.Remembered) -> Answer:
    """Append messages."""
    messages = [{"role": one.role, "content": one.content} for one in given.messages]
    stored = await handle.append(messages, idempotency_key=given.once)
    return _document(answers.Stored(session=handle.id, seqs=stored.seqs, duplicate=stored.duplicate))


async def pinned(handle: Session, given: asked.Pinned) -> Answer:
    """Pin a message, or take the pin off."""
    await (handle.pin(given.seq) if given.pinned else handle.unpin(given.seq))
    return _document(answers.PinState(session=handle.id, seq=given.seq, pinned=given.pinned))


def _document(said: BaseModel, *, without_null: bool = False) -> Answer:
    document = said.model_dump(mode="json", exclude_none=without_null)
    return Answer(json.dumps(document, ensure_ascii=False), document)
