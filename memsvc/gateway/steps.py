"""Calls of models as steps of traces: what the conventions for generative AI ask for, and nothing of what is said."""

from __future__ import annotations

from urllib.parse import urlsplit

from memsvc.core.stream import Heard
from memsvc.gateway.order import Order
from memsvc.ports import Attribute, call_used, calling
from memsvc.service.requests import UsageRequest


def asked(order: Order) -> dict[str, Attribute]:
    """What is known before the call."""
    told = calling(order.upstream.provider, order.model, order.limit)
    told["server.address"] = urlsplit(order.upstream.url).hostname or ""
    told["gen_ai.request.stream"] = order.call.stream
    told["memsvc.tenant"] = order.tenant
    if order.session:
        told["gen_ai.conversation.id"] = order.session
    if order.turn is not None:
        told["gen_ai.conversation.compacted"] = order.turn.epoch > 0
    return told


def answered(order: Order, heard: Heard, report: UsageRequest | None, usd: float | None) -> None:
    """What is known after it; `report` None = nothing of what it used."""
    if order.span is None:
        return
    used = report.read.usage if report is not None and report.read is not None else None
    told = call_used(heard.model, heard.stop, used)
    if heard.id is not None:
        told["gen_ai.response.id"] = heard.id
    if usd is not None:
        told["memsvc.cost_usd"] = usd
    order.span.note(told)
    if not heard.complete:
        order.span.fail("incomplete")
