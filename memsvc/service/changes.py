"""What a PUT does to a session's header: parsed once, applied inside the store's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import orjson
from msgspec import Struct
from msgspec.structs import replace

from memsvc.core import policy as rules
from memsvc.core.limits import Policy, clamped_from
from memsvc.core.model import OFF, OUTGROWN, Key, PrefixReason, Session, Settings, System
from memsvc.core.shadow import aligned
from memsvc.errors import InvalidRequest
from memsvc.service.inbox import Inbox, check_system
from memsvc.service.requests import PutRequest

_PLAIN = ("format", "model", "user")


class Change(Struct, frozen=True):
    """A PUT, ready to be applied.

    Attributes:
        values: new values of `Settings` fields, by name; None = back to the default.
        policy: policy members to set (None = remove); absent policy = empty; `clear_policy`
            forgets all of them first.
    """

    key: Key
    at: float
    values: Mapping[str, Any]
    policy: Mapping[str, Any]
    clear_policy: bool
    defaults: Policy

    def apply(self, stored: Session | None) -> Session:
        """The header after the change; equal to `stored` if it says nothing new. Pure."""
        old = stored or Session(self.key, 0, self.at, self.at)
        settings = replace(old.settings, **self._new_values(old.settings))
        settings = replace(settings, policy=self._policy(old.settings))
        if stored is not None and settings == old.settings:
            return stored
        policy = rules.resolve(self.defaults, orjson.loads(settings.policy or b"{}"), settings.model)
        if settings.policy != old.settings.policy:
            rules.check(policy)
        known = self._known(old, settings)
        clamps = clamped_from(old.clamps, old.last_seq + 1, policy.tool_output_tokens)
        new = replace(known, settings=settings, updated_at=self.at, factor=self._factor(known, settings), clamps=clamps)
        new = _with_prefix(old, new) if _visible(old.settings, settings) or stored is None else new
        applied = rules.effective(policy, new, settings.model)
        if new.shadow == OUTGROWN and (policy.mode != "shadow" or _other_limits(old.settings, settings)):
            new = replace(new, shadow=OFF)  # another time, perhaps
        return rules.marked(aligned(new, applied), applied)

    def _new_values(self, old: Settings) -> dict[str, Any]:
        values = dict(self.values)
        system = values.get("system")
        if system is not None and old.system is not None and old.system.content == system.content:
            values["system"] = old.system  # same text: keeps the role it was adopted with
        return values

    def _policy(self, old: Settings) -> bytes | None:
        before = {} if self.clear_policy else orjson.loads(old.policy or b"{}")
        after = {k: v for k, v in {**before, **self.policy}.items() if v is not None}
        return orjson.dumps(after, option=orjson.OPT_SORT_KEYS) if after else None

    def _known(self, old: Session, settings: Settings) -> Session:
        """What reports have told of `old` that still holds: under another prefix the ratio, not the
        figures; and what is yet reported of contexts that another model or format got, tells nothing."""
        before, after = old.settings, settings
        if (before.model, before.format) != (after.model, after.format):
            return replace(rules.renewed(old), anchor_revision=old.revision + 1)
        if (before.system, before.tools) != (after.system, after.tools):
            return rules.renewed(old)
        return old

    def _factor(self, old: Session, settings: Settings) -> float:
        before = rules.factor_of(old.settings.model, old.settings.format)
        after = rules.factor_of(settings.model, settings.format)
        return old.factor if before == after and old.revision else after


def _visible(old: Settings, new: Settings) -> bool:
    """Whether anything changed that a context shows or is cut by."""
    hidden = {"metadata": None, "user": None}
    return replace(old, **hidden) != replace(new, **hidden)


def _other_limits(old: Settings, new: Settings) -> bool:
    """Whether what fitted before need not fit now, or the other way round."""
    return (old.policy, old.model) != (new.policy, new.model)


def _with_prefix(old: Session, new: Session) -> Session:
    """The new revision; and a new prefix, if messages stand behind a changed one."""
    revision = old.revision + 1
    reason: PrefixReason | None = None
    if old.settings.tools != new.settings.tools:
        reason = "tools_changed"
    elif old.settings.system != new.settings.system:
        reason = "system_changed"
    elif _other_model(old.settings.model, new.settings.model):
        reason = "model_changed"
    if reason is None or not old.last_seq:
        return replace(new, revision=revision)
    return replace(new, revision=revision, prefix_reason=reason, prefix_revision=revision, bound_revision=revision)


def _other_model(old: str | None, new: str | None) -> bool:
    """Whether the conversation moved from one model to another: none reads another's cache, and signed
    thinking does not pass between them. Naming the model that it was all along moves nothing."""
    return old is not None and new is not None and rules.bare(old) != rules.bare(new)


def parse(key: Key, request: PutRequest, inbox: Inbox, defaults: Policy, at: float) -> Change:
    """A PUT's members, checked and counted. Raises InvalidRequest naming the member."""
    fields = {k: msgspec.json.format(v, indent=-1) for k, v in request.fields.items()}  # equal but for spaces = equal
    values: dict[str, Any] = {}
    for name in _PLAIN:
        if name in fields:
            values[name] = orjson.loads(fields[name])
    if "metadata" in fields:
        values["metadata"] = None if fields["metadata"] == b"null" else fields["metadata"]
    if "system" in fields:
        values |= _system(fields["system"], request.system_role, inbox)
    if "tools" in fields:
        values |= _tools(fields["tools"], inbox)
    policy = orjson.loads(fields.get("policy", b"{}"))
    return Change(key, at, values, policy or {}, policy is None, defaults)


def _system(raw: bytes, role: Literal["system", "developer"], inbox: Inbox) -> dict[str, Any]:
    if raw == b"null":
        return {"system": None, "system_tokens": 0}
    check_system(raw, "system")
    return {"system": System(raw, role), "system_tokens": inbox.system_tokens(raw)}


def _tools(raw: bytes, inbox: Inbox) -> dict[str, Any]:
    tools = orjson.loads(raw)
    if not tools:
        return {"tools": None, "tools_tokens": 0}
    for i, tool in enumerate(tools):
        if not isinstance(tool, dict):
            raise InvalidRequest(f"tools[{i}] must be an object", field=f"tools[{i}]")
    return {"tools": raw, "tools_tokens": inbox.json_tokens(raw)}
