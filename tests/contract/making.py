"""Short ways to say what a store test does."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from memsvc.core.model import Appended, Batch, Draft, Entry, Key, Session, Summary, System
from memsvc.core.money import OWN, Line, Usage
from memsvc.ports import Store

KEY = Key("acme", "chat")
OTHER = Key("other", "chat")


def draft(text: str = "hello", *, tokens: int = 10, id: str | None = None, at: float = 1.0) -> Draft:
    """A message whose bytes hold `text`."""
    return Draft(b'{"role":"user","content":"%b"}' % text.encode(), "openai", tokens, at, id)


def batch(*drafts: Draft, at: float = 1.0, **fields: Any) -> Batch:
    """An append; fields are those of `Batch`."""
    return Batch(drafts, at, **fields)


def texts(number: int, *, first: int = 1, tokens: int = 10) -> tuple[Draft, ...]:
    """`number` messages that tell which one they are."""
    return tuple(draft(f"m{n}", tokens=tokens) for n in range(first, first + number))


def system(text: str, *, tokens: int = 7, role: Any = "system") -> dict[str, Any]:
    """The fields of a batch that begins with a system message."""
    content = b'"%b"' % text.encode()
    as_message = Draft(b'{"role":"system","content":%b}' % content, "openai", tokens + 1, 1.0)
    return {"system": System(content, role), "system_tokens": tokens, "system_draft": as_message}


def summary(session: Session, to: int, *, tokens: int = 5, text: str = "what was said") -> Summary:
    """The next summary of `session`, over everything new up to `to`."""
    return Summary(session.epoch + 1, session.cut + 1, to, text, tokens, "local", "threshold", 2.0)


def line(id: str = "a", micros: int | None = 100, *, key: Key = KEY, **fields: Any) -> Line:
    """A line of the ledger, of a call that the service made itself; fields are those of `Line`."""
    given: dict[str, Any] = {"at": 10.0, "feature": "summary", "provider": "anthropic", "model": "claude", **fields}
    return Line(OWN + id, key, usage=given.pop("usage", Usage(10, 5)), micros=micros, **given)


async def must(store: Store, key: Key = KEY) -> Session:
    """The header of a session that is there."""
    session = await store.head(key)
    assert session is not None
    return session


async def say(store: Store, number: int = 1, *, key: Key = KEY, tokens: int = 10, **fields: Any) -> Appended:
    """Append `number` messages."""
    head = await store.head(key)
    first = head.last_seq + 1 if head else 1
    return await store.append(key, batch(*texts(number, first=first, tokens=tokens), **fields))


async def compact(store: Store, to: int, *, key: Key = KEY, **fields: Any) -> Session:
    """Commit a summary that stands for everything up to `to`."""
    session = await must(store, key)
    return await commit(store, session, summary(session, to, **fields))


async def commit(store: Store, seen: Session, made: Summary, **changed: Any) -> Session:
    """Commit `made` by one who saw the session as `seen`."""
    fields = {"soft_tokens": seen.soft_tokens, "factor": seen.factor, "renderer": seen.renderer, **changed}
    return await store.commit(seen.key, made, expect_epoch=seen.epoch, expect_cut=seen.cut, **fields)


async def log(store: Store, key: Key = KEY) -> list[Entry]:
    """The whole log, superseded messages too."""
    return await store.entries(key, after=0, limit=100_000)


async def recounted(store: Store, key: Key = KEY) -> Session:
    """The header as it must be by counting the log again."""
    session = await must(store, key)
    live = [e for e in await log(store, key) if not e.superseded]
    tail = [e for e in live if e.seq > session.cut]
    current = [s for s in await store.summaries(key) if s.epoch == session.summary_epoch]
    return replace(
        session,
        messages=len(live),
        live_tokens=sum(e.tokens for e in live),
        tail_tokens=sum(e.tokens for e in tail),
        tail_bytes=sum(len(e.raw) for e in tail),
        summary_tokens=current[0].tokens if current else 0,
        cut=current[0].to_seq if current else 0,
    )


async def sound(store: Store, key: Key = KEY) -> Session:
    """Check that header and log agree; gives the header."""
    session = await must(store, key)
    assert session == await recounted(store, key)
    window = await store.load(key)
    assert window.session == session
    assert [e for e in await log(store, key) if not e.superseded and e.seq > session.cut] == list(window.entries)
    assert (window.summary.to_seq if window.summary else 0) == session.cut
    fixed = session.settings.system_tokens + session.settings.tools_tokens
    assert session.context_tokens == fixed + session.summary_tokens + session.tail_tokens
    return session
