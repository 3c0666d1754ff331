"""What every store does with large payloads: once in a session, and byte for byte in every message."""

from __future__ import annotations

import base64

from memsvc.core.model import Draft, Key, Part
from memsvc.ports import Store
from tests.contract.making import KEY, batch, log, must, sound

PICTURE = base64.b64encode(bytes(range(256)) * 400)
OTHER = base64.b64encode(bytes(range(255, -1, -1)) * 300)


def shown(*pictures: bytes, id: str | None = None) -> Draft:
    parts = b",".join(b'{"type":"image","data":"%b"}' % p for p in pictures)
    return Draft(b'{"role":"user","content":[%b]}' % parts, "openai", 50, 1.0, id)


class PayloadContract:
    """A payload that comes again takes no room, and no other message changes with it."""

    async def test_messages_with_payloads_come_back_byte_for_byte(self, store: Store) -> None:
        drafts = [shown(PICTURE), shown(OTHER, PICTURE, PICTURE), shown(), shown(PICTURE[:5_000], id="x")]
        for draft in (*drafts, *drafts[:3]):
            await store.append(KEY, batch(draft))
        assert [e.raw for e in await log(store)] == [d.raw for d in (*drafts, *drafts[:3])]
        session = await sound(store)
        assert session.tail_bytes == sum(len(d.raw) for d in (*drafts, *drafts[:3]))
        await store.pin(KEY, 2, True)
        assert [e.raw for e in await store.pins(KEY)] == [drafts[1].raw]
        assert [e.raw for e in (await store.load(KEY)).entries][1] == drafts[1].raw

    async def test_redacting_one_leaves_the_others(self, store: Store) -> None:
        drafts = [shown(PICTURE), shown(PICTURE, OTHER), shown(OTHER)]
        await store.append(KEY, batch(*drafts))
        await store.redact(KEY, 2, at=2.0)
        assert [e.raw for e in await log(store) if not e.redacted] == [drafts[0].raw, drafts[2].raw]
        await store.redact(KEY, 1, at=2.0)
        await store.append(KEY, batch(drafts[0]))
        assert [e.raw for e in await log(store) if not e.redacted] == [drafts[2].raw, drafts[0].raw]
        await sound(store)

    async def test_a_copy_has_its_own(self, store: Store) -> None:
        await store.append(KEY, batch(shown(PICTURE), shown(OTHER, PICTURE)))
        source, to = await must(store), Key(KEY.tenant, "copy")
        await store.stage(to, "t", Part(0, tuple(await log(store))))
        await store.publish(to, "t", source, ())
        await store.delete(KEY)
        assert [e.raw for e in await log(store, to)] == [shown(PICTURE).raw, shown(OTHER, PICTURE).raw]
        await sound(store, to)

    async def test_edits_keep_what_history_shows(self, store: Store) -> None:
        await store.append(KEY, batch(shown(PICTURE), shown(PICTURE)))
        await store.truncate(KEY, after_seq=0, at=2.0)
        assert [e.raw for e in await log(store)] == [shown(PICTURE).raw] * 2
        await sound(store)
