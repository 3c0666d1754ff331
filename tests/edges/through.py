"""A gateway before the stand-in provider, and the vendors' SDKs pointed at it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from memsvc.core.limits import Policy
from memsvc.gateway import Gateway, Outside, Upstream, Ways, open_gateway
from memsvc.observe import Event
from memsvc.prices import GenaiPrices
from memsvc.service.vault import Vault
from memsvc.testing.provider import Provider
from tests.edges.api import Api, serving
from tests.service.world import World, the_counter, world

Json = dict[str, Any]
PRICES = GenaiPrices()
MODEL, GPT = "claude-sonnet-5-5", "gpt-6-luna"


@dataclass
class Through:
    """Everything there is between an SDK and its provider."""

    world: World
    api: Api
    gateway: Gateway
    provider: Provider
    events: list[Event] = field(default_factory=list)
    clients: list[AsyncAnthropic | AsyncOpenAI] = field(default_factory=list)

    async def close(self) -> None:
        """Close the clients that were made."""
        for client in self.clients:
            await client.close()

    def anthropic(self, session: str | None = "s", **headers: str) -> AsyncAnthropic:
        """An SDK client of the gateway."""
        told = _headers(session, headers)
        client = AsyncAnthropic(api_key="any", base_url=self.api.url, default_headers=told, max_retries=0)
        self.clients.append(client)
        return client

    def openai(self, session: str | None = "s", **headers: str) -> AsyncOpenAI:
        """An SDK client of the gateway."""
        told = _headers(session, headers)
        client = AsyncOpenAI(api_key="any", base_url=f"{self.api.url}/v1", default_headers=told, max_retries=0)
        self.clients.append(client)
        return client

    async def post(self, path: str, body: Json, session: str | None = "s", **headers: str) -> Any:
        """A request by hand; gives the answer whatever its status."""
        sent = {"authorization": "Bearer any", "anthropic-version": "2026-10-21", **_headers(session, headers)}
        return await self.api.call("POST", path, body, headers=sent)

    async def said(self, session: str = "s") -> list[Json]:
        """The live messages of a session's log."""
        rows = await self.api.messages(session)
        return [row["message"] for row in rows if not row["superseded"]]

    async def spent(self) -> list[Json]:
        """The books, by day, feature and model."""
        found: list[Json] = (await self.api.ok("GET", "/v1/spend"))["rows"]
        return found


def _headers(session: str | None, more: Mapping[str, str]) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in more.items()}
    return named if session is None else {"x-memsvc-session": session, **named}


@contextlib.asynccontextmanager
async def through(
    policy: Policy | None = None,
    *,
    priced: bool = True,
    caps: Mapping[str, int] | None = None,
    vault_key: bytes | None = None,
    upstream: str | None = None,
    stand_in: Provider | None = None,
    around: World | None = None,
    idle_s: float = 30.0,
    **options: Any,
) -> AsyncIterator[Through]:
    """A service with a gateway. `priced`: the stand-in counts as the vendors, whose prices are known; `upstream`: an
    address to call instead of the stand-in's."""
    events: list[Event] = []
    async with contextlib.AsyncExitStack() as stack:
        provider = await stack.enter_async_context(stand_in or Provider())
        more = {} if policy is None else {"policy": policy}
        if around is None:
            around = await stack.enter_async_context(world(prices=PRICES, **more))
        ways = Ways(
            Upstream(
                "anthropic", upstream or provider.anthropic_url, "anthropic" if priced else "local", own=not priced
            ),
            Upstream("openai", f"{upstream or provider.url}/v1", "openai" if priced else "local", own=not priced),
            caps or {},
        )
        gateway = open_gateway(
            around.memory,
            around.store,
            Outside(the_counter(), PRICES, around.clock, events.append),
            ways,
            models={},
            idle_s=idle_s,
            vault=Vault(around.store, vault_key) if vault_key else None,
        )
        stack.push_async_callback(gateway.close)
        api = await stack.enter_async_context(serving(around.memory, gateway=gateway, **options))
        t = Through(around, api, gateway, provider, events)
        stack.push_async_callback(t.close)
        yield t


def text_of(message: Json) -> str:
    """The text of a message in any format."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(block.get("text", "") for block in content)


def sent(provider: Provider, number: int = -1) -> Json:
    """The body of a request that the provider got."""
    body = provider.calls[number].body
    assert isinstance(body, dict)
    return json.loads(json.dumps(body))  # type: ignore[no-any-return]
