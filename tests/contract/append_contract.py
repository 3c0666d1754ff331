"""What every store does on append."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from memsvc.core.model import Key, Session, Settings, System
from memsvc.errors import Conflict, InvalidRequest
from memsvc.ports import Store
from tests.contract.making import KEY, OTHER, batch, compact, draft, log, must, say, sound, system, texts


class AppendContract:
    """Order, all-or-nothing, idempotency, counters, the job in the same transaction."""

    async def test_law1_messages_come_back_byte_for_byte(self, store: Store) -> None:
        odd = '{"a": 1.50e+2, "a":\t12345678901234567890123, "z":"\\u00e9\\ud83d\\ude00\x7f é😀"}'.encode()
        one = replace(draft(at=1234.5678901), raw=odd, id="né", format="anthropic", tokens=0)
        big = replace(draft(), raw=b'"' + bytes(range(32, 92)) * 50_000 + b'"')
        await store.append(KEY, batch(one, big))
        first, second = await log(store)
        assert (first.raw, first.format, first.tokens, first.at, first.id) == (odd, "anthropic", 0, 1234.5678901, "né")
        assert second.raw == big.raw
        assert list((await store.load(KEY)).entries) == [first, second]

    async def test_law7_a_hundred_appends_at_once_get_seqs_without_gap_or_twin(self, store: Store) -> None:
        answers = await asyncio.gather(*(store.append(KEY, batch(draft(f"m{n}"))) for n in range(100)))
        assert sorted(seq for a in answers for seq in a.seqs) == list(range(1, 101))
        assert sorted(a.session.revision for a in answers) == list(range(1, 101))
        by_seq = {a.seqs[0]: f"m{n}".encode() for n, a in enumerate(answers)}
        assert all(by_seq[e.seq] in e.raw for e in await log(store))
        await sound(store)

    async def test_law7_a_batch_stands_together_and_in_order(self, store: Store) -> None:
        batches = [batch(*(draft(f"b{n}-{i}") for i in range(5))) for n in range(20)]
        answers = await asyncio.gather(*(store.append(KEY, b) for b in batches))
        for sent, answer in zip(batches, answers, strict=True):
            assert answer.seqs == tuple(range(answer.seqs[0], answer.seqs[0] + 5))
            stored = await store.entries(KEY, after=answer.seqs[0] - 1, limit=5)
            assert [e.raw for e in stored] == [d.raw for d in sent.drafts]
            assert {e.revision for e in stored} == {answer.session.revision}

    async def test_append_gives_the_header_right_after_it(self, store: Store) -> None:
        made = batch(*texts(3), at=9.0, format="anthropic", soft_tokens=500, factor=1.3)
        answer = await store.append(KEY, made)
        session = answer.session
        assert session == await must(store)
        assert (answer.seqs, answer.tokens, answer.duplicate, answer.due) == ((1, 2, 3), 30, False, False)
        assert (session.created_at, session.updated_at, session.factor, session.soft_tokens) == (9.0, 9.0, 1.3, 500)
        assert (session.revision, session.log_revision, session.last_seq, session.messages) == (1, 1, 3, 3)
        assert (session.prefix_reason, session.prefix_revision, session.bound_revision) == (None, 0, 0)
        assert session.settings.format == "anthropic"
        later = await store.append(KEY, batch(draft(), at=11.0, format="openai"))
        assert (later.session.created_at, later.session.updated_at) == (9.0, 11.0)
        assert later.session.settings.format == "anthropic"
        assert (later.session.revision, later.session.log_revision) == (2, 2)

    async def test_law7_one_bad_write_among_many_rolls_back_alone(self, store: Store) -> None:
        twice = batch(draft("x", id="same"), draft("y", id="same"))
        stale = batch(draft("stale"), if_log_revision=77)
        writes = [store.append(KEY, batch(draft(f"m{n}"))) for n in range(10)]
        writes[3:3] = [store.append(KEY, twice), store.append(OTHER, twice), store.append(KEY, stale)]
        answers = await asyncio.gather(*writes, return_exceptions=True)
        assert [type(a) for a in answers[3:6]] == [InvalidRequest, InvalidRequest, Conflict]
        assert not any(isinstance(a, BaseException) for a in answers[:3] + answers[6:])
        assert [e.seq for e in await log(store)] == list(range(1, 11))
        assert await store.head(OTHER) is None
        await sound(store)

    async def test_law7_messages_with_a_known_id_are_skipped(self, store: Store) -> None:
        await store.append(KEY, batch(draft("a", id="a"), draft("b", id="b")))
        mixed = await store.append(KEY, batch(draft("b2", id="b"), draft("c", id="c"), draft("a2", id="a")))
        assert (mixed.seqs, mixed.duplicate) == ((2, 3, 1), False)
        again = await store.append(KEY, batch(draft("c2", id="c"), draft("a3", id="a")))
        assert (again.seqs, again.duplicate, again.session) == ((3, 1), True, await must(store))
        assert again.session.log_revision == 2
        assert [e.id for e in await log(store)] == ["a", "b", "c"]
        assert b'"a"' in (await log(store))[0].raw
        await sound(store)

    async def test_law7_ids_are_the_sessions_own(self, store: Store) -> None:
        near = Key(KEY.tenant, "chat2")
        for key in (KEY, near, OTHER):
            answer = await store.append(key, batch(draft(id="same")))
            assert (answer.seqs, answer.duplicate) == ((1,), False)

    async def test_law7_the_same_idempotency_key_answers_as_the_first_time(self, store: Store) -> None:
        sent = batch(*texts(2), idempotency_key="k", digest=b"d")
        first = await store.append(KEY, sent)
        await say(store, 3)
        await compact(store, 5)
        again = await store.append(KEY, sent)
        assert (again.seqs, again.tokens, again.duplicate) == (first.seqs, first.tokens, True)
        then, now = first.session, again.session
        assert (now.revision, now.log_revision, now.epoch) == (then.revision, then.log_revision, then.epoch)
        assert len(await log(store)) == 5

    async def test_law7_many_replays_at_once_store_once(self, store: Store) -> None:
        sent = batch(*texts(2), idempotency_key="k", digest=b"d")
        answers = await asyncio.gather(*(store.append(KEY, sent) for _ in range(20)))
        assert {a.seqs for a in answers} == {(1, 2)}
        assert [a.duplicate for a in answers].count(False) == 1
        assert (await sound(store)).messages == 2

    async def test_law7_a_key_with_another_body_is_a_conflict(self, store: Store) -> None:
        await store.append(KEY, batch(draft(), idempotency_key="k", digest=b"d"))
        before = await must(store)
        with pytest.raises(Conflict) as refused:
            await store.append(KEY, batch(draft("x"), idempotency_key="k", digest=b"e"))
        assert refused.value.code == "idempotency_key_reused"
        assert await must(store) == before
        other = await store.append(OTHER, batch(draft("x"), idempotency_key="k", digest=b"e"))
        assert not other.duplicate

    async def test_law7_a_replay_goes_before_if_match(self, store: Store) -> None:
        sent = batch(draft(), idempotency_key="k", digest=b"d", if_log_revision=0)
        assert not (await store.append(KEY, sent)).duplicate
        assert (await store.append(KEY, sent)).duplicate

    async def test_if_match_compares_the_log_revision(self, store: Store) -> None:
        with pytest.raises(Conflict):
            await store.append(KEY, batch(draft(), if_log_revision=1))
        assert await store.head(KEY) is None
        await store.append(KEY, batch(*texts(4), if_log_revision=0))
        await compact(store, 4)
        answer = await store.append(KEY, batch(draft(), if_log_revision=1))  # a compaction never causes a conflict
        assert answer.session.log_revision == 2
        with pytest.raises(Conflict) as refused:
            await store.append(KEY, batch(draft(), if_log_revision=1))
        assert refused.value.extra["log_revision"] == 2
        racing = [store.append(KEY, batch(draft(), if_log_revision=2)) for _ in range(10)]
        answers = await asyncio.gather(*racing, return_exceptions=True)
        assert len([a for a in answers if isinstance(a, Conflict)]) == 9

    async def test_a_refused_append_leaves_no_session_behind(self, store: Store) -> None:
        with pytest.raises(InvalidRequest):
            await store.append(KEY, batch(draft(id="x"), draft(id="x")))
        assert await store.head(KEY) is None
        assert await store.sessions(KEY.tenant) == ([], None)

    async def test_a_leading_system_message_is_adopted_by_a_session_without_messages(self, store: Store) -> None:
        made = batch(draft(), soft_tokens=100, soft_tokens_with_system=107, **system("be kind"))
        answer = await store.append(KEY, made)
        session = await sound(store)
        assert (answer.seqs, answer.tokens) == ((1,), 17)
        assert session.settings.system == System(b'"be kind"')
        assert (session.settings.system_tokens, session.soft_tokens, session.context_tokens) == (7, 107, 17)

    async def test_a_system_message_alone_makes_a_session_without_messages(self, store: Store) -> None:
        answer = await store.append(KEY, batch(**system("be kind", role="developer")))
        assert (answer.seqs, answer.duplicate, answer.session.last_seq) == ((), False, 0)
        assert answer.session.settings.system == System(b'"be kind"', "developer")
        assert (await store.append(KEY, batch(**system("be kind")))).duplicate
        replaced = await store.append(KEY, batch(draft(), **system("be brief")))  # still no messages
        assert (replaced.seqs, replaced.session.settings.system) == ((1,), System(b'"be brief"'))
        await sound(store)

    async def test_an_identical_system_message_later_is_ignored(self, store: Store) -> None:
        await store.append(KEY, batch(draft("a"), **system("be kind")))
        answer = await store.append(KEY, batch(draft("b"), **system("be kind", role="developer")))
        assert (answer.seqs, answer.tokens) == ((2,), 10)
        assert answer.session.settings.system == System(b'"be kind"')

    async def test_another_system_message_later_is_a_message(self, store: Store) -> None:
        await store.append(KEY, batch(draft("a"), **system("be kind")))
        answer = await store.append(KEY, batch(draft("b"), **system("be brief")))
        assert (answer.seqs, answer.tokens) == ((2, 3), 18)
        assert answer.session.settings.system == System(b'"be kind"')
        assert b"be brief" in (await log(store))[1].raw
        await sound(store)

    async def test_a_system_message_in_a_session_that_began_without_is_a_message(self, store: Store) -> None:
        await store.append(KEY, batch(draft("a")))
        answer = await store.append(KEY, batch(**system("be kind")))
        assert (answer.seqs, answer.session.settings.system) == ((2,), None)

    async def test_put_system_and_the_same_from_a_message_agree(self, store: Store) -> None:
        await store.put(KEY, lambda s: _with_system(b'"be kind"'), at=1.0)
        answer = await store.append(KEY, batch(draft(), **system("be kind")))
        assert (answer.seqs, answer.tokens, answer.session.settings.system_tokens) == ((1,), 10, 3)

    async def test_law7_the_job_is_queued_with_the_append_that_makes_it_due(self, store: Store) -> None:
        assert not (await say(store, 10, soft_tokens=100)).due  # at the mark is not over it
        answer = await say(store, 1, at=42.0)
        assert (answer.due, answer.session.state, answer.session.due_at) == (True, "queued", 42.0)
        assert await store.next_due() == 42.0
        again = await say(store, 1, at=50.0)
        assert (again.due, again.session.due_at) == (True, 42.0)

    async def test_counters_include_a_prompt_in_what_is_due(self, store: Store) -> None:
        answer = await store.append(KEY, batch(draft(tokens=95), soft_tokens_with_system=100, **system("s", tokens=6)))
        assert answer.due

    async def test_no_soft_mark_no_job(self, store: Store) -> None:
        assert not (await say(store, 50, soft_tokens=None)).due
        assert await store.next_due() is None


def _with_system(content: bytes) -> Session:
    return Session(KEY, 0, 1.0, 1.0, Settings(system=System(content), system_tokens=3), revision=1)
