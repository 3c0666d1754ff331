"""A stand-in provider on a real socket, and the vendors' own SDKs as its clients."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anthropic
import httpx2
import openai
import pytest

from memsvc.testing.provider import Provider
from memsvc.testing.provider.models import KNOWN
from tests.provider.kit import Clock, count


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def provider(clock: Clock) -> AsyncIterator[Provider]:
    """Counts spaces, so that loading a vocabulary is left to the tests that need it."""
    plain = dict.fromkeys([*KNOWN["anthropic"], "claude-opus-4-7"], 1.0)
    made = Provider(clock=clock, count=count, windows={"tiny": 300}, tokens_per_raw=plain)
    async with made:
        yield made


@pytest.fixture
async def claude(provider: Provider) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with (
        httpx2.AsyncClient(verify=False) as http,
        anthropic.AsyncAnthropic(
            api_key="any", base_url=provider.anthropic_url, max_retries=0, http_client=http
        ) as client,
    ):
        yield client


@pytest.fixture
async def gpt(provider: Provider) -> AsyncIterator[openai.AsyncOpenAI]:
    async with (
        httpx2.AsyncClient(verify=False) as http,
        openai.AsyncOpenAI(api_key="any", base_url=provider.openai_url, max_retries=0, http_client=http) as client,
    ):
        yield client
