"""A program of the vendors' SDKs sees the same from the gateway, with a session and without, as from the provider
itself: every reply, every event, every error. With a session the prompt has cache marks, so that counts differ."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace

from memsvc.testing.provider import Provider
from tests.edges.gateway_programs import PROGRAMS, At, behave, first_difference, normal
from tests.edges.through import through
from tests.service.world import SMALL

NOW = 1_800_000_000.0
ROOMY = replace(SMALL, threshold_tokens=100_000, keep_tokens=8_000, max_tokens=150_000)


@asynccontextmanager
async def provider() -> AsyncIterator[Provider]:
    """A fresh one: the same programs get the same replies."""
    made = Provider(clock=lambda: NOW, count=lambda text: max(1, len(text) // 4), salt="parity")
    made.behave(behave)
    async with made:
        yield made


def without_echo(seen: Any) -> Any:
    """Replies without what they repeat of the request where that is another with a session: the name of the cache,
    and the system prompt, which models that need marks get as a message."""
    if isinstance(seen, dict):
        return {k: without_echo(v) for k, v in seen.items() if k not in ("instructions", "prompt_cache_key")}
    return [without_echo(one) for one in seen] if isinstance(seen, list) else seen


@pytest.mark.parametrize("name", PROGRAMS)
async def test_a_program_sees_the_same(name: str) -> None:
    async with provider() as one:
        direct = await PROGRAMS[name](At(one.url))
    assert len(direct) >= 1
    for headers in ({}, {"x-memsvc-session": "s"}):
        async with provider() as other, through(ROOMY, stand_in=other) as t:
            seen = await PROGRAMS[name](At(t.api.url, headers))
            exact = not headers  # a session's requests have cache marks
            one_way, other_way = (normal(s if exact else without_echo(s), usage=exact) for s in (direct, seen))
            assert first_difference(one_way, other_way) is None
            assert [c.status for c in one.calls] == [c.status for c in other.calls]


async def test_a_provider_like_it_says_the_same_with_the_same_ids() -> None:
    async with provider() as one, provider() as other:
        for name in ("messages_thinking_stream", "chat_raw_streams", "responses_tools"):
            assert await PROGRAMS[name](At(one.url)) == await PROGRAMS[name](At(other.url))


SEEN: list[Any] = [{"id": "a", "usage": {"n": 1}, "text": "x"}, {"item_id": "a"}, {"id": "b"}]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda s: [*s, {}], "seen[3]: 'nothing' is not {}"),
        (lambda s: s[:-1], "seen[2]: {'id': '#1'} is not 'nothing'"),
        (lambda s: [{**s[0], "text": "y"}, *s[1:]], "seen[0].text: 'x' is not 'y'"),
        (lambda s: [{**s[0], "more": None}, *s[1:]], "seen[0].more: 'nothing' is not None"),
        (lambda s: [s[0], {"item_id": "c"}, s[2]], "seen[1].item_id: '#0' is not '#1'"),
        (lambda s: [{**s[0], "usage": {"n": 2}}, *s[1:]], "seen[0].usage.n: 1 is not 2"),
        (lambda s: [{**s[0], "id": "z"}, {"item_id": "z"}, s[2]], None),
    ],
)
def test_differences_are_found(change: Callable[[Any], Any], where: str | None) -> None:
    assert first_difference(normal(SEEN), normal(change(SEEN))) == where


def test_counts_may_be_left_out_of_the_comparison() -> None:
    other = [{**SEEN[0], "usage": {"n": 2}}, *SEEN[1:]]
    assert first_difference(normal(SEEN, usage=False), normal(other, usage=False)) is None
