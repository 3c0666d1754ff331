"""Payloads out of messages and back."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memsvc.stores.payloads import LEAST_CHARS, pack, whole
from tests.contract.servers import Process

runs = st.builds(
    lambda c, n, end: c * n + end,
    st.sampled_from([b"A", b"q7", b"+/", b"_-"]),
    st.integers(1, 9_000),
    st.sampled_from([b"", b"=", b"==", b"===", b" ", b'"']),
)
raws = st.lists(st.one_of(runs, st.binary(max_size=50)), max_size=6).map(b"".join)


@given(raws)
def test_law1_a_message_comes_back_byte_for_byte(raw: bytes) -> None:
    packed = pack(raw)
    assert whole(packed.frame, packed.cuts, packed.payloads.__getitem__) == raw
    assert all(len(p) >= LEAST_CHARS for p in packed.payloads.values())
    if packed.cuts:
        assert len(packed.frame) < len(raw)


def test_the_same_payload_is_one() -> None:
    picture = base64.b64encode(b"x" * 9_000)
    packed = pack(b'{"a":"%b","b":"%b"}' % (picture, picture))
    assert (len(packed.payloads), len(packed.cuts), packed.frame) == (1, 2, b'{"a":"","b":""}')


@pytest.mark.parametrize("unit", [b"A" * (LEAST_CHARS - 1) + b" ", b"A" * 2_000_000, b"=" * 10_000, b"A=" * 5_000])
def test_megabytes_are_read_once(unit: bytes) -> None:
    raw = unit * (4_000_000 // len(unit))  # a search from each character of a run would take hours
    packed = pack(raw)
    assert whole(packed.frame, packed.cuts, packed.payloads.__getitem__) == raw


async def test_valkey_keeps_one_and_lets_it_go_with_the_last(valkey: Process, prefix: str) -> None:
    from memsvc.stores import open_store
    from tests.contract.making import KEY, batch
    from tests.contract.payload_contract import PICTURE, shown

    store = open_store(f"{valkey.url}?prefix={prefix}")
    await store.open()
    for _ in range(20):
        await store.append(KEY, batch(shown(PICTURE)))
    assert _size(valkey, prefix) < len(PICTURE) * 2
    for seq in range(1, 21):
        await store.redact(KEY, seq, at=2.0)
    assert _size(valkey, prefix) < 10_000
    await store.delete(KEY)
    await store.close()


def _size(server: Process, prefix: str) -> int:
    keys = [k for k in server.tell("KEYS", f"{prefix}:*").split() if k.startswith(prefix)]
    return sum(int(server.tell("MEMORY", "USAGE", key, "SAMPLES", "0")[1:]) for key in keys)
