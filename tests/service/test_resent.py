"""What is kept of a session's last call: the same reading as anew, whatever comes next."""

from __future__ import annotations

import json
from typing import Any

import pytest

from memsvc.core import vendor_calls
from memsvc.core.alike import fingerprint
from memsvc.core.model import Key
from memsvc.core.render.splice import items
from memsvc.gateway.resent import NOTHING, Recent

KEY = Key("acme", "s1")


def parts(messages: list[Any], separators: tuple[str, str] = (",", ":")) -> dict[str, bytes]:
    return {"model": b'"m"', "messages": json.dumps(messages, separators=separators).encode()}


def talk(number: int, api: str = "messages") -> list[Any]:
    front = [{"role": "system", "content": "Be kind."}] if api == "chat" else []
    said = [{"role": ("user", "assistant")[n % 2], "content": f"{n}: " + "words, " * 40} for n in range(number)]
    return front + said


def kept(recent: Recent, found: dict[str, bytes], api: vendor_calls.Api = "messages") -> vendor_calls.VendorCall:
    call = vendor_calls.read(api, found)
    recent.keep(KEY, call, [fingerprint(call.format, raw) for raw in call.messages])
    return call


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" ,\n  ", ":")])
@pytest.mark.parametrize("api", ["messages", "chat"])
def test_a_history_that_is_sent_again_is_read_as_anew(api: vendor_calls.Api, separators: tuple[str, str]) -> None:
    recent = Recent()
    kept(recent, parts(talk(31, api), separators), api)
    longer = parts(talk(33, api), separators)
    begun = recent.get(KEY, api)
    listed = begun.of(longer["messages"])
    assert listed == tuple(items(longer["messages"]))
    known = vendor_calls.read(api, longer, listed, unmarked=begun.unmarked)
    anew = vendor_calls.read(api, longer)
    assert (known.messages, known.system) == (anew.messages, anew.system)
    prints = [fingerprint(anew.format, raw) for raw in anew.messages]
    assert 0 < len(begun.prints) < len(prints)
    assert prints[: len(begun.prints)] == list(begun.prints)


def test_another_list_is_not_taken_for_it() -> None:
    recent = Recent()
    kept(recent, parts(talk(31)))
    begun = recent.get(KEY, "messages")
    other = talk(31)
    other[3]["content"] += "!"
    cut = begun.opening + begun.between.join(begun.listed)
    for raw in (parts(other)["messages"], parts(talk(5))["messages"], cut + b"  x]", b"", b"null"):
        assert begun.of(raw) is None
    assert begun.of(cut + b" ]") == begun.listed
    assert NOTHING.of(b"[]") is None


def test_marks_of_what_is_new_are_seen_and_of_what_is_known_too() -> None:
    recent = Recent()
    marked = [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    kept(recent, parts(talk(31)))
    for place in (1, 30):
        said = talk(33)
        said[place]["content"] = marked
        found = parts(said)
        begun = recent.get(KEY, "messages")
        listed = begun.of(found["messages"])
        assert (listed is None) == (place == 1)
        unmarked = begun.unmarked if listed is not None else 0
        assert vendor_calls.read("messages", found, listed, unmarked=unmarked).long_marks
        call = kept(Recent(), found)
        assert call.unmarked_until(len(call.listed)) == 0


def test_it_is_bounded_and_forgets_what_is_erased() -> None:
    recent = Recent(most_bytes=60_000)
    names = [Key("acme", f"s{n}") for n in range(9)]
    call = kept(recent, parts(talk(41)))
    prints = [fingerprint(call.format, raw) for raw in call.messages]
    for key in names:
        recent.keep(key, call, prints)
    there = [key for key in names if recent.get(key, "messages") is not NOTHING]
    assert there == names[-len(there) :]
    assert 0 < len(there) * len(call.parts["messages"]) <= 60_000
    recent.forget(Key("other", "s8"))
    assert recent.get(names[-1], "messages") is not NOTHING
    recent.forget(names[0])
    assert all(recent.get(key, "messages") is NOTHING for key in names)
