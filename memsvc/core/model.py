"""The nouns of the service: frozen values that travel between core, stores and faces.

Token figures are raw o200k counts with framing, unless a name says otherwise. Times are
unix seconds (float, UTC). A `seq` starts at 1 and is never used twice in a session.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

Format = Literal["anthropic", "openai", "responses"]
"""How a message is written: Messages API, Chat Completions, or Responses API items."""

FORMATS: tuple[Format, ...] = ("anthropic", "openai", "responses")
DEFAULT_TENANT = "default"

OFF, ON, OUTGROWN = 0, 1, 2
"""Values of `Session.shadow` (see `core.shadow`)."""

TOMBSTONE = b'{"type":"redacted"}'
"""What history shows in the place of a redacted message."""

PrefixReason = Literal["compacted", "system_changed", "tools_changed", "model_changed", "edited"]
State = Literal["idle", "queued", "running", "backoff", "failed"]


class Key(Struct, frozen=True):
    """Names one session. The tenant comes from the credential, never from path or body."""

    tenant: str
    session: str


class Draft(Struct, frozen=True):
    """A message on its way into the log.

    Attributes:
        raw: the JSON object exactly as received; history gives these bytes back.
        tokens: raw count of the message, framing included.
        at: when it was said; the server's clock unless the caller gave a time.
        id: the caller's id (unique per session), or None.
    """

    raw: bytes
    format: Format
    tokens: int
    at: float
    id: str | None = None


class Entry(Struct, frozen=True):
    """A message in the log.

    Attributes:
        epoch: the session's epoch when the message was appended.
        revision: the session's revision right after that append. A message with
            `revision <= Session.bound_revision` was written under another prefix.
        superseded: an edit cut it off; it stays in history but left the context.
        redacted: its text is gone for good; `raw` is TOMBSTONE, and it counts as superseded.
    """

    seq: int
    raw: bytes
    format: Format
    tokens: int
    at: float
    id: str | None
    epoch: int
    revision: int
    superseded: bool = False
    redacted: bool = False


class System(Struct, frozen=True):
    """The caller's system prompt as given.

    Attributes:
        content: JSON text of a string or of a list of blocks, byte for byte as received.
        role: `system` or `developer`.
    """

    content: bytes
    role: Literal["system", "developer"] = "system"


class Settings(Struct, frozen=True):
    """What a caller may set on a session; every field None = not set.

    Attributes:
        tools: JSON text of the tool list as given.
        policy: JSON text of the caller's sparse policy overrides.
        metadata: JSON text of a free object.
        user: the tag by which all sessions of one person can be deleted.
        system_tokens, tools_tokens: raw counts of `system` and `tools`.
    """

    format: Format | None = None
    model: str | None = None
    system: System | None = None
    tools: bytes | None = None
    policy: bytes | None = None
    metadata: bytes | None = None
    user: str | None = None
    system_tokens: int = 0
    tools_tokens: int = 0


class Session(Struct, frozen=True):
    """The header of a session: everything about it but its messages. One row, one trip.

    Attributes:
        uid: internal identity; a session deleted and created again gets another one.
        revision: count of changes visible in the context.
        log_revision: count of changes of the log (appends, truncations); what If-Match compares.
        epoch: count of committed compactions (and of edits).
        cut: last seq the current summary stands for; 0 = none.
        summary_epoch: epoch of the current summary's row; 0 = none.
        last_seq: highest seq ever given.
        messages: live messages (not superseded).
        live_tokens: sum over live messages; tail_tokens, tail_bytes: over those with seq > cut.
        soft_tokens: raw size of the whole context above which a compaction is due (None = never, e.g.
            manual mode). In the header so that an append can enqueue its job in its own transaction.
        prefix_reason, prefix_revision: why and when the present prefix began; None and 0 in a fresh session.
        bound_revision: revision at which what stands before the tail last changed;
            signed thinking written at or before it no longer matches its prefix.
        factor: provider tokens per raw token; frozen per epoch, applied to limits.
        anchor_tokens, anchor_raw: the provider's own count of a context of this epoch, and its raw tokens; 0 = none.
        anchor_revision: the revision of that context; what is reported of an older one changes nothing.
        missed_tokens: raw tokens of this epoch that a reported call should have found cached, and did not.
        renderer: version of the renderer that this epoch began with.
        shadow: 1 = the full history is served, although there may be a summary (`core.shadow`); 2 = it was, until
            it no longer fitted; 0 = neither.
        clamps: how much of a tool's output is shown, from which message on (`core.limits`); None = all of it.
        state .. last_reason: the compaction's state as shown to the caller; due_at is None
            when nothing is queued.
    """

    key: Key
    uid: int
    created_at: float
    updated_at: float
    settings: Settings = field(default_factory=Settings)
    revision: int = 0
    log_revision: int = 0
    epoch: int = 0
    cut: int = 0
    summary_epoch: int = 0
    summary_tokens: int = 0
    last_seq: int = 0
    messages: int = 0
    live_tokens: int = 0
    tail_tokens: int = 0
    tail_bytes: int = 0
    soft_tokens: int | None = None
    prefix_reason: PrefixReason | None = None
    prefix_revision: int = 0
    bound_revision: int = 0
    factor: float = 1.0
    anchor_tokens: int = 0
    anchor_raw: int = 0
    anchor_revision: int = 0
    missed_tokens: int = 0
    renderer: int = 1
    clamps: str | None = None
    shadow: int = 0
    state: State = "idle"
    due_at: float | None = None
    last_error: str | None = None
    last_reason: str | None = None

    @property
    def fixed_tokens(self) -> int:
        """Raw tokens of what stands before the summary: system prompt and tools."""
        return self.settings.system_tokens + self.settings.tools_tokens

    @property
    def context_tokens(self) -> int:
        """Raw tokens of the whole context: system + tools + summary + tail."""
        return self.fixed_tokens + self.summary_tokens + self.tail_tokens

    @property
    def full_tokens(self) -> int:
        """Raw tokens of the same conversation with no compaction."""
        return self.fixed_tokens + self.live_tokens


class Summary(Struct, frozen=True):
    """A committed summary. It stands for every live message with seq <= `to_seq`.

    Attributes:
        epoch: the epoch its commit began.
        from_seq: first seq newly covered: the previous summary's `to_seq` + 1.
        text: the whole block as the model will read it, tags and provenance included.
        tokens: raw count of `text` with framing.
        model: who wrote it (`local`, or a model name).
        reason: why (`threshold`, `forced`, `hard`, ...).
        attempts: summarizer calls made until it was accepted.
        request_seq: the user message quoted in it as the current request, None if none was.
        replaced_tokens: raw tokens that left the context for it, those of the summary before among them.
        predecessor_saving_usd: what the compaction before had saved by then, itself paid; None = unknown.
        refused: answers that were not taken on the way and why, in order (`core.asking.refusals`).
    """

    epoch: int
    from_seq: int
    to_seq: int
    text: str
    tokens: int
    model: str
    reason: str
    at: float
    attempts: int = 1
    cost_usd: float = 0.0
    predicted_saving_usd: float | None = None
    request_seq: int | None = None
    replaced_tokens: int | None = None
    predecessor_saving_usd: float | None = None
    refused: tuple[str, ...] = ()


class Part(Struct, frozen=True):
    """A piece of a session that is being put together out of sight.

    Attributes:
        after: seq of the last message of the parts before; 0 = none yet.
        entries: messages that follow, in seq order, as they are in the log they come from.
    """

    after: int = 0
    entries: tuple[Entry, ...] = ()
    summaries: tuple[Summary, ...] = ()
    pins: tuple[int, ...] = ()


class Window(Struct, frozen=True):
    """What a context is made of: header, current summary, tail; one consistent reading.

    Attributes:
        entries: live messages with seq > cut; when `partial` only those that the reader had not yet.
        mark: for `Known.mark`; empty where the engine never forgets what it acknowledged.
    """

    session: Session
    summary: Summary | None
    entries: tuple[Entry, ...]
    partial: bool = False
    mark: bytes = b""


class Known(Struct, frozen=True):
    """What a reader holds already, so that a load brings only what is new.

    A load is partial when `uid` and `prefix_revision` still are the session's.

    Attributes:
        session: the header it holds; a store may hand it back when its revision still is the
            session's (what a context does not show, such as the job's state, may be older then).
        mark: of the window that brought it up to `last_seq`. An engine that may forget what it acknowledged
            (a fail-over) tells by it whether these messages still are the log's.
    """

    uid: int
    prefix_revision: int
    last_seq: int
    session: Session | None = None
    mark: bytes = b""


class Batch(Struct, frozen=True):
    """One append: all of it is stored or none.

    Attributes:
        system: a leading system message, adopted only while the session has no messages.
        system_draft: the same message as an ordinary one: it takes a seq when the session is
            past its beginning and its text is not the system prompt's.
        idempotency_key: None = no replay protection beyond `Draft.id`.
        digest: hash of the request's content; the same key with another digest is a Conflict.
        if_log_revision: refuse with Conflict unless the log is at this revision.
    """

    drafts: tuple[Draft, ...]
    at: float
    system: System | None = None
    system_tokens: int = 0
    system_draft: Draft | None = None
    format: Format | None = None
    soft_tokens: int | None = None
    soft_tokens_with_system: int | None = None
    factor: float = 1.0
    clamps: str | None = None
    idempotency_key: str | None = None
    digest: bytes = b""
    if_log_revision: int | None = None


class Appended(Struct, frozen=True):
    """What an append did.

    Attributes:
        session: the header right after the append (of the original one for a repeated key).
        seqs: one per message that has a seq, in the order given; those whose id was stored already keep theirs.
        tokens: raw tokens of the messages of this request.
        duplicate: nothing was written because all of it was there already. due: a compaction is due since then.
    """

    session: Session
    seqs: tuple[int, ...]
    tokens: int
    duplicate: bool = False
    due: bool = False


class Job(Struct, frozen=True):
    """A claimed compaction. `lease` (unix seconds, when it ended as it was claimed) is the proof of ownership."""

    key: Key
    lease: float
    attempts: int
    note: str = ""


class Backlog(Struct, frozen=True):
    """Compactions that wait: `due` now and claimed by nobody, `jobs` all of them; `oldest_s`: for how many seconds the
    oldest of those due has been due, 0 = none is."""

    due: int
    jobs: int
    oldest_s: float
