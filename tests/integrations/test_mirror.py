"""What the adapters share: a session kept level with a list of messages, handles, and coroutines that never wait."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from memsvc.client import BlockingClient, Client
from memsvc.errors import Conflict
from memsvc.integrations.handles import Asked, finished, handle_of
from memsvc.integrations.mirror import Front, Mirror, Unit
from tests.integrations.kit import SUMMARY, settled


def unit(name: str, words: str | None = None) -> Unit:
    return Unit(name, {"role": "user", "content": words or f"Message {name}."})


def mirror_of(source: Any, name: str) -> Mirror:
    return Mirror(Asked(handle_of(source, name)), "openai")


async def live(client: Client, name: str) -> list[str | None]:
    return [row.id for row in (await client.session(name).history()).messages if not row.superseded]


async def test_what_is_sent_is_what_was_given_or_a_message(client: Client) -> None:
    mirror, units = mirror_of(client, "sent"), [unit(str(i), f"Parcel {i} is late. " * 20) for i in range(8)]
    sent = await mirror.send(units[:2], Front("Be kind."))
    assert (sent.messages, sent.before_epoch) == ([0, 1], frozenset())
    await mirror.add(units)
    await settled(client.session("sent"))
    sent = await mirror.send(units, Front("Be kind."))
    first, *rest = sent.messages
    assert SUMMARY in str(first)
    assert rest == list(range(8 - len(rest), 8))
    assert sent.before_epoch == frozenset(range(8))
    sent = await mirror.send([unit("8")], Front("Be kind."))
    assert sent.messages[-2:] == [units[7].wire, 0], "a past that was not given comes as it is stored"


async def test_two_that_write_to_one_session(client: Client) -> None:
    """As two processes behind one store of states do: neither has what the other has done since."""
    one, other = mirror_of(client, "two"), mirror_of(client, "two")
    units = [unit(name) for name in "abcd"]
    await one.send(units[:2], Front())
    await other.send(units[:3], Front())
    assert (await one.send(units[:3], Front())).messages == [0, 1, 2]
    await other.send([*units[:2], unit("x")], Front())
    assert await live(client, "two") == ["a", "b", "x"]
    await one.add([units[3]])
    assert await live(client, "two") == ["a", "b", "x", "d"]
    assert (await one.send(units, Front())).messages == [0, 1, 2, 3]
    assert await live(client, "two") == ["a", "b", "c~again2", "d~again2"]
    assert (await other.send(units, Front())).messages == [0, 1, 2, 3]


async def test_one_that_is_never_alone_gives_up(client: Client) -> None:
    session = client.session("busy")

    class Busy(Asked):
        async def __call__(self, name: str, *given: Any, **options: Any) -> Any:
            if name == "append":
                await session.append({"role": "user", "content": "me first"})
            return await super().__call__(name, *given, **options)

    with pytest.raises(Conflict):
        await Mirror(Busy(session), "openai").add([unit("a")])


async def test_a_report_that_is_refused_is_logged(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    mirror = mirror_of(client, "report")
    sent = await mirror.send([unit("a")], Front())
    with caplog.at_level(logging.WARNING, logger="memsvc"):
        await mirror.report(sent, {"id": "r", "provider": "openai", "model": "gpt-5.2", "usage": {"prompt_tokens": -1}})
    assert "usage of r was not booked" in caplog.text


def test_a_coroutine_that_never_waits(blocking: BlockingClient) -> None:
    asked = Asked(blocking.session("never-waits"), here=True)
    finished(Mirror(asked, "openai").add([unit("a")]))
    assert blocking.session("never-waits").get().messages == 1
    with pytest.raises(RuntimeError, match="waited"):
        finished(asyncio.sleep(0))
