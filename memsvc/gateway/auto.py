"""`model: "auto"`: the model that a request asks for, by its complexity; a session stays where its cache is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from memsvc.core.model import Session
from memsvc.core.render import decode, readable
from memsvc.core.route import LOOKED_AT, TIERS, Asked, Tier, chain, score
from memsvc.core.vendor_calls import AUTO, VendorCall
from memsvc.errors import InvalidRequest, MemsvcError

Vendor = Literal["anthropic", "openai"]
DEFAULTS: Mapping[Vendor, Mapping[Tier, tuple[str, ...]]] = {
    "anthropic": {
        "nano": ("claude-haiku-5-5",),
        "standard": ("claude-sonnet-5-5",),
        "pro": ("claude-opus-5-5",),
    },
    "openai": {"nano": ("gpt-6-luna",), "standard": ("gpt-6.1-terra",), "pro": ("gpt-6.1-sol",)},
}
"""The vendors' models at the time of this release, for whoever names none."""
BYTES_PER_TOKEN = 4
TASK = "x-memsvc-task"


class Router:
    """Chooses models.

    Args:
        models: by tier, as the settings name them (`vendor:model`); a vendor that none is of has the defaults.
        clock: unix seconds.
    """

    def __init__(self, models: Mapping[Tier, Sequence[str]], *, clock: Callable[[], float]) -> None:
        self._models = {vendor: _of(vendor, models) or DEFAULTS[vendor] for vendor in DEFAULTS}
        self._clock = clock

    def order(self, call: VendorCall, vendor: Vendor, head: Session | None, ttl_s: float) -> list[str]:
        """Models to be asked, the best fit first and cheaper ones after it, for budgets that do not reach.

        In a session a dearer model is chosen where a request asks for it; a cheaper one only once the provider's
        cache, which no other model reads, has expired: after `ttl_s`."""
        if call.model != AUTO:
            return [call.model]
        models = self._models[vendor]
        tier = score(_asked(call)).tier
        present = head.settings.model if head is not None else None
        held = next((t for t in TIERS if present in models.get(t, ())), None)
        if present is None or held is None or head is None:
            return chain(tier, models)
        warm = self._clock() - head.updated_at < ttl_s
        if TIERS.index(held) == TIERS.index(tier) or (warm and TIERS.index(held) > TIERS.index(tier)):
            return list(dict.fromkeys([present, *chain(held, models)]))
        return chain(tier, models)


def _of(vendor: Vendor, models: Mapping[Tier, Sequence[str]]) -> dict[Tier, tuple[str, ...]]:
    found: dict[Tier, tuple[str, ...]] = {}
    for tier, names in models.items():
        parts = [name.partition(":") for name in names]
        if own := tuple(model for by, _, model in parts if by == vendor and model):
            found[tier] = own
    return found


def _asked(call: VendorCall) -> Asked:
    """A call as far as its score needs it: its newest user message, and what there is beside."""
    text = ""
    for raw in reversed(call.messages):
        try:
            message = decode(raw, call.format)
        except MemsvcError:
            raise InvalidRequest("The newest message is none that the vendor's API takes.", field="messages") from None
        if message.role == "user" and (texts := readable(message)):
            text = "\n".join(texts)[: 2 * LOOKED_AT]
            break
    return Asked(text, sum(map(len, call.messages)) // BYTES_PER_TOKEN, tools=call.tools is not None)
