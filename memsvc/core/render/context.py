"""Putting a context together: fixed front, summary, tail, cache marks, figures.

```text
[tools][system ◆A][user: summary ◆B][tail … ◆D … ◆C]
```
A the end of the caller's system prompt (of the tools, where there is none), B the summary,
C the last block that no later message can change, D where C stood at the call before: a
provider looks back only 20 blocks from a mark, and a turn can add more than that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import orjson
from msgspec import Struct

from memsvc.core.model import Entry, Format, Session, Summary
from memsvc.core.patterns import regex
from memsvc.core.render import encoder
from memsvc.core.render.clamp import shown
from memsvc.core.render.fixed import system_blocks, system_message, system_string, text_block, tool_list
from memsvc.core.render.out import Out
from memsvc.core.render.splice import array, obj, string, with_member
from memsvc.core.render.tail import Decode, Tail
from memsvc.core.render.thinking import binds, loop_start

_EPHEMERAL = {"5m": b'"cache_control":{"type":"ephemeral"}', "1h": b'"cache_control":{"type":"ephemeral","ttl":"1h"}'}
_GPT = regex(r"gpt-([0-9]{1,3})(?:\.([0-9]{1,3}))?(?:[.-]|\Z)")


class Style(Struct, frozen=True):
    """How a context is to be written.

    Attributes:
        target: the format.
        mark: the JSON member that marks a block for the provider's cache, or None.
        breakpoint: OpenAI's explicit mark for system prompt and summary, or None.
        system_block: the summary goes into a second system block, not a user message.
        binds: the model refuses thinking whose prefix is gone.
    """

    target: Format
    mark: bytes | None = None
    breakpoint: bytes | None = None
    system_block: bool = False
    binds: bool = True


def style(target: Format, *, marks: bool, model: str | None, ttl: str, placement: str) -> Style:
    """The style for a target, a model and a session's policy."""
    second = placement == "system_block"
    if target == "anthropic":
        return Style(target, _EPHEMERAL[ttl] if marks else None, None, second, binds(model))
    explicit = b'"prompt_cache_breakpoint":{"mode":"explicit"}' if marks and needs_breakpoints(model) else None
    return Style(target, None, explicit, second)


def needs_breakpoints(model: str | None) -> bool:
    """GPT-5.6 and later match their cache only at breakpoints."""
    match = _GPT.match((model or "").rpartition("/")[2])
    return match is not None and (int(match[1]), int(match[2] or 0)) >= (5, 6)


class View:
    """One session rendered in one style; grows with its log, rebuilt when its prefix changes.

    Attributes:
        repeated: bytes of the newest `body` that only say its messages a second time.
    """

    def __init__(self, session: Session, summary: Summary | None, chosen: Style, decode: Decode) -> None:
        self.session = session
        self.style = chosen
        self.repeated = 0
        self._summary = summary
        self._decode = lambda entry: decode(shown(entry, self.session.clamps))
        in_messages = summary is not None and not self._beside()
        encode = encoder(chosen.target, plain_strings=chosen.mark is None)
        self.tail = Tail(encode, self._decode, bound_revision=session.bound_revision, leading=not in_messages)
        self._write_front()

    def extend(self, session: Session, entries: Iterable[Entry]) -> None:
        """Take in what was appended since; `session` is the header they came with."""
        old, new = self.session.settings, session.settings
        self.session = session
        if (old.system, old.tools) != (new.system, new.tools):
            self._write_front()  # while there are no messages this is no new prefix
        if self.tail.last_seq == 0 and session.bound_revision and not self.style.binds:
            entries = list(entries)  # the first come all at once: a view begins with its prefix
            self.tail.spared_from = loop_start(entries, self._decode, session.bound_revision)
        self.tail.extend(entries)

    def empty(self) -> bool:
        """Whether there is nothing yet that a model could answer."""
        spoken = self._summary is not None and not self.style.system_block
        return not (spoken or self.tail.outs or self.tail.provisional())

    def body(self) -> bytes:
        """The context document of the API as JSON."""
        session = self.session
        system, tools = self._system_json(), self._tools_json()
        messages = b",".join(self._messages())
        again = (b',"input":[', messages, b"]") if self.style.target == "responses" else ()
        self.repeated = sum(map(len, again))
        covers = b'{"from":1,"to":%d}' % session.cut if session.cut else b"null"
        counts = (session.epoch, session.revision, session.log_revision)
        pieces = [
            b'{"format":' + string(self.style.target),
            *((b',"system":', system) if system else ()),
            b',"messages":[',
            messages,
            b"]",
            *again,
            *((b',"tools":', tools) if tools else ()),
            b',"epoch":%d,"revision":%d,"log_revision":%d' % counts,
            b',"covers":' + covers,
            b',"tokens":' + orjson.dumps(token_figures(session)),
            b',"stable_prefix":' + self._stable_prefix(),
            b',"prefix_change":' + prefix_change(session),
            b',"thinking_stripped":' + (b"true}" if self.tail.stripped else b"false}"),
        ]
        return b"".join(pieces)

    # --- the front -----------------------------------------------------------

    def _beside(self) -> bool:
        """Whether a summary stands beside the messages, in the system prompt."""
        return self.style.target == "anthropic" and self.style.system_block

    def _write_front(self) -> None:
        """All that stands before the tail, and the hash that begins with it."""
        chosen, settings = self.style, self.session.settings
        self._tools = tool_list(settings.tools, chosen.target)
        self._system: list[bytes] = []
        self._front: list[Out] = []
        if chosen.target == "anthropic":
            self._system = system_blocks(settings.system, chosen.target)
        elif (message := system_message(settings.system, chosen.target, chosen.breakpoint)) is not None:
            self._front.append(Out("system", message))
        extra = b""
        if self._summary is not None:
            out = self._summary_out(self._summary.text)
            extra = out.json
            self._front += [] if self._beside() else [out]
        self._hash = hashlib.sha256()
        self._hashed = 0
        for part in (*self._tools, b"", *self._system, extra, *(o.json for o in self._front)):
            self._hash.update(part + b"\n")

    def _summary_out(self, text: str) -> Out:
        target, mark = self.style.target, self.style.breakpoint
        block = text_block(string(text), target)
        if target == "anthropic" and self.style.mark is not None:
            return Out.of_blocks("user", [block])
        items = target == "responses"
        content = array([block if mark is None else with_member(block, mark)])
        if mark is None and not items:
            content = string(text)
        instructing = b'"developer"' if items else b'"system"'
        role = instructing if target != "anthropic" and self.style.system_block else b'"user"'
        typed = [("type", b'"message"')] if items else []
        return Out("user", obj([*typed, ("role", role), ("content", content)]))

    def _system_json(self) -> bytes:
        """The `system` member; b"" = none (other formats have it among the messages)."""
        mark, blocks = self.style.mark, list(self._system)
        if mark is not None and blocks:
            blocks[-1] = with_member(blocks[-1], mark)
        if self._summary is not None and self._beside():
            extra = text_block(string(self._summary.text), "anthropic")
            blocks.append(with_member(extra, mark) if mark is not None else extra)
        if not blocks:
            return b""
        whole = system_string(self.session.settings.system)
        # Always blocks where a summary may join later: the caller's part must not change then.
        return whole if whole is not None and mark is None and not self._beside() else array(blocks)

    def _tools_json(self) -> bytes:
        mark, tools = self.style.mark, list(self._tools)
        if tools and mark is not None and not self._system:
            tools[-1] = with_member(tools[-1], mark)
        return array(tools) if tools else b""

    # --- the messages --------------------------------------------------------

    def _messages(self) -> list[bytes]:
        front, outs, mark = self._front, self.tail.outs, self.style.mark
        rendered = [o.json for o in outs]
        if mark is not None:
            at = {_last_markable(outs, len(outs)), _last_markable(outs, self.tail.last_run)}
            for i in at - {-1}:
                rendered[i] = outs[i].marked(mark)
        first = [o.json if mark is None else o.marked(mark) for o in front]
        return first + rendered + [o.json for o in self.tail.provisional()]

    def _stable_prefix(self) -> bytes:
        for out in self.tail.outs[self._hashed :]:
            self._hash.update(out.json)
            self._hash.update(b"\n")
        self._hashed = len(self.tail.outs)
        session = self.session
        figures = {
            "messages": len(self._front) + self._hashed,
            "tokens": session.fixed_tokens + session.summary_tokens + self.tail.settled_tokens,
            "sha256": self._hash.hexdigest(),
        }
        return orjson.dumps(figures)


def _last_markable(outs: list[Out], before: int) -> int:
    return next((i for i in range(before - 1, -1, -1) if outs[i].mark_at >= 0), -1)


def token_figures(session: Session) -> dict[str, float]:
    """The `tokens` member of the API: raw counts, and context / full."""
    full = session.full_tokens
    return {
        "full": full,
        "context": session.context_tokens,
        "system": session.settings.system_tokens,
        "tools": session.settings.tools_tokens,
        "summary": session.summary_tokens,
        "tail": session.tail_tokens,
        "ratio": round(session.context_tokens / full, 4) if full else 1.0,
    }


def prefix_change(session: Session) -> bytes:
    """The `prefix_change` member: why the present prefix began, or null for a first one."""
    if session.prefix_reason is None:
        return b"null"
    return orjson.dumps({"reason": session.prefix_reason, "at_revision": session.prefix_revision})
