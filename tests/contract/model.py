"""A store of one session in twenty lines a rule: what the real ones are compared with."""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec.structs import replace

from memsvc.core.model import TOMBSTONE, Draft, Entry, Session, Summary
from memsvc.errors import Conflict, InvalidRequest, NotFound


@dataclass
class Model:
    """One session, or none when `log_revision` is 0."""

    log: list[Entry] = field(default_factory=list)
    summaries: list[Summary] = field(default_factory=list)
    chain: list[Summary] = field(default_factory=list)
    """Summaries that build on each other, the current one last."""
    pins: set[int] = field(default_factory=set)
    answers: dict[str, tuple[bytes | None, tuple[int, ...], int]] = field(default_factory=dict)
    epoch: int = 0
    revision: int = 0
    log_revision: int = 0
    prefix: tuple[str | None, int, int] = (None, 0, 0)
    shadow: bool = False

    @property
    def live(self) -> list[Entry]:
        return [e for e in self.log if not e.superseded]

    @property
    def cut(self) -> int:
        return self.chain[-1].to_seq if self.chain else 0

    @property
    def tail(self) -> list[Entry]:
        return [e for e in self.live if e.seq > self.cut]

    def append(
        self, drafts: list[Draft], key: str | None, digest: bytes, expect: int | None
    ) -> tuple[tuple[int, ...], bool]:
        """(seqs, duplicate)."""
        ids = [d.id for d in drafts if d.id is not None]
        if len(set(ids)) < len(ids):
            raise InvalidRequest("")
        if key in self.answers:
            if self.answers[key][0] not in (digest, None):
                raise Conflict("")
            return self.answers[key][1], True
        if expect is not None and expect != self.log_revision:
            raise Conflict("")
        known = {e.id: e.seq for e in self.log if e.id is not None}
        fresh = [d for d in drafts if d.id is None or d.id not in known]
        duplicate = not fresh and self.log_revision > 0
        if not duplicate:
            self.revision, self.log_revision = self.revision + 1, self.log_revision + 1
        seqs = []
        for d in drafts:
            seqs.append(known[d.id] if d.id in known else len(self.log) + 1)
            if d in fresh:
                place = (len(self.log) + 1, d.raw, d.format, d.tokens, d.at, d.id)
                self.log.append(Entry(*place, self.epoch, self.revision))
        if key is not None:
            self.answers[key] = (digest, tuple(seqs), self.log_revision)
        return tuple(seqs), duplicate

    def commit(self, summary: Summary, epoch: int, cut: int) -> None:
        self.must()
        follows = (summary.epoch, summary.from_seq) == (self.epoch + 1, self.cut + 1)
        if (epoch, cut) != (self.epoch, self.cut) or not follows or not self.cut < summary.to_seq <= len(self.log):
            raise Conflict("")
        self.summaries.append(summary)
        self.chain.append(summary)
        self.epoch, self.revision = self.epoch + 1, self.revision + 1
        self._compacted()

    def _compacted(self) -> None:
        """A new prefix, unless none of it is served."""
        if not self.shadow:
            self.prefix = ("compacted", self.revision, self.revision)

    def truncate(self, after: int) -> None:
        self.must()
        if not any(e.seq > after for e in self.live):
            return
        self.log = [e if e.seq <= after else _superseded(e) for e in self.log]
        self.pins = {p for p in self.pins if p <= after}
        kept = [s for s in self.chain if s.to_seq <= after]
        same = kept == self.chain or self.shadow
        self.epoch, self.revision, self.log_revision = self.epoch + 1, self.revision + 1, self.log_revision + 1
        self.prefix = ("edited", self.revision, self.prefix[2] if same else self.revision)
        self.chain = kept

    def revert(self, epoch: int) -> None:
        self.must()
        if epoch == (self.chain[-1].epoch if self.chain else 0):
            return
        kept = [s for s in self.chain if s.epoch <= epoch]
        if epoch != (kept[-1].epoch if kept else 0):
            raise Conflict("")
        self.chain, self.epoch, self.revision = kept, self.epoch + 1, self.revision + 1
        self._compacted()

    def redact(self, seq: int) -> None:
        self.must()
        found = [e for e in self.log if e.seq == seq]
        if not found:
            raise NotFound("")
        if found[0].redacted:
            return
        was_live = not found[0].superseded
        gone = replace(_superseded(found[0]), raw=TOMBSTONE, tokens=0, redacted=True)
        self.log = [gone if e.seq == seq else e for e in self.log]
        self.pins -= {seq}
        self.answers = {k: (None if seq in a[1] else a[0], *a[1:]) for k, a in self.answers.items()}
        self.summaries = [s for s in self.summaries if s.to_seq < seq]
        kept = [s for s in self.chain if s.to_seq < seq]
        self.epoch, self.revision, self.log_revision = self.epoch + 1, self.revision + 1, self.log_revision + 1
        behind = was_live and any(e.seq > seq for e in self.live)
        other = kept != self.chain and not self.shadow
        self.prefix = ("edited", self.revision, self.revision if behind or other else self.prefix[2])
        self.chain = kept

    def pin(self, seq: int, pinned: bool) -> None:
        self.must()
        if seq not in {e.seq for e in self.live}:
            raise NotFound("")
        self.pins = self.pins | {seq} if pinned else self.pins - {seq}

    def must(self) -> None:
        if not self.log_revision:
            raise NotFound("")

    def shows(self, session: Session) -> None:
        """Check a header against this."""
        now = self.chain[-1] if self.chain else None
        assert (session.epoch, session.cut, session.last_seq) == (self.epoch, self.cut, len(self.log))
        assert (session.revision, session.log_revision) == (self.revision, self.log_revision)
        assert (session.summary_epoch, session.summary_tokens) == ((now.epoch, now.tokens) if now else (0, 0))
        assert (session.prefix_reason, session.prefix_revision, session.bound_revision) == self.prefix
        assert (session.messages, session.live_tokens) == (len(self.live), sum(e.tokens for e in self.live))
        assert session.tail_tokens == sum(e.tokens for e in self.tail)
        assert session.tail_bytes == sum(len(e.raw) for e in self.tail)


def _superseded(e: Entry) -> Entry:
    return replace(e, superseded=True)
