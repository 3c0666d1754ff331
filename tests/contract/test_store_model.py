"""Random histories over two sessions: the store does what the model does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import pytest
from hypothesis import settings, target
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from msgspec.structs import replace

from memsvc.core.model import Batch, Draft, Key, Known, Session, Summary, Window
from memsvc.errors import Conflict, InvalidRequest, NotFound
from memsvc.stores import open_store
from tests.contract.model import Model
from tests.contract.servers import Process

KEYS = st.sampled_from([Key("a", "s"), Key("b", "s")])
DRAFTS = st.lists(
    st.builds(
        Draft,
        st.binary(max_size=5),
        st.sampled_from(["openai", "anthropic"]),
        st.integers(0, 99),
        st.floats(0, 1e10),
        st.none() | st.sampled_from("wxyz"),
    ),
    max_size=4,
)
SEQS = st.integers(-1, 20)
REFUSALS = (Conflict, InvalidRequest, NotFound)
_numbers = count()


def must(session: Session | None) -> Session:
    assert session is not None
    return session


class StoreMachine(RuleBasedStateMachine):
    """Two sessions of one name under two tenants, and a reader of each that keeps up."""

    url = "sqlite://:memory:"

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.store = open_store(self.url.format(number=next(_numbers)))
        self.run(self.store.open())
        self.models = {Key("a", "s"): Model(), Key("b", "s"): Model()}
        self.seen: dict[Key, tuple[Known, list[int]]] = {}

    def run(self, work: Awaitable[Any]) -> Any:
        async def wait() -> Any:
            return await work

        return self.runner.run(wait())

    def same(self, work: Awaitable[Any], modelled: Callable[[], Any]) -> tuple[Any, Any]:
        """Do a thing in both; either both refuse it for the same reason, or neither does."""
        try:
            expected = modelled()
        except REFUSALS as refused:
            with pytest.raises(type(refused)):
                self.run(work)
            return None, None
        return self.run(work), expected

    @rule(
        key=KEYS, drafts=DRAFTS, idempotency=st.none() | st.sampled_from("kl"), late=st.sampled_from([None, None, 0, 1])
    )
    def append(self, key: Key, drafts: list[Draft], idempotency: str | None, late: int | None) -> None:
        model = self.models[key]
        expect = None if late is None else max(0, model.log_revision - late)
        digest = b"%d" % len(drafts)
        batch = Batch(tuple(drafts), 1.0, idempotency_key=idempotency, digest=digest, if_log_revision=expect)
        done, expected = self.same(
            self.store.append(key, batch), lambda: model.append(drafts, idempotency, digest, expect)
        )
        if done is not None:
            assert (done.seqs, done.duplicate) == expected

    @rule(key=KEYS, to=SEQS, tokens=st.integers(0, 50), stale=st.sampled_from([0, 0, 0, 0, 1]))
    def commit(self, key: Key, to: int, tokens: int, stale: int) -> None:
        model = self.models[key]
        epoch, cut = model.epoch - stale, model.cut
        made = Summary(epoch + 1, cut + 1, to, f"{to}", tokens, "local", "forced", 1.0)
        committed = self.store.commit(
            key, made, expect_epoch=epoch, expect_cut=cut, soft_tokens=None, factor=1.0, renderer=1
        )
        self.same(committed, lambda: model.commit(made, epoch, cut))

    @rule(key=KEYS, after=SEQS)
    def truncate(self, key: Key, after: int) -> None:
        self.same(self.store.truncate(key, after_seq=after, at=1.0), lambda: self.models[key].truncate(after))

    @rule(key=KEYS, back=st.sampled_from([0, 1, 1, 2, 3, 99]))
    def revert(self, key: Key, back: int) -> None:
        """To the summary so many behind the present one, or to an epoch that may have none."""
        model = self.models[key]
        epoch = model.chain[-1 - back].epoch if back < len(model.chain) else model.epoch - back
        self.same(self.store.revert(key, epoch, at=1.0), lambda: model.revert(epoch))

    @rule(key=KEYS, on=st.booleans())
    def shade(self, key: Key, on: bool) -> None:
        """What a session's compactions change is served, or not."""
        if self.models[key].log_revision:
            self.run(self.store.put(key, lambda s: replace(must(s), shadow=int(on)), at=1.0))
            self.models[key].shadow = on

    @rule(key=KEYS, seq=SEQS)
    def redact(self, key: Key, seq: int) -> None:
        self.same(self.store.redact(key, seq, at=1.0), lambda: self.models[key].redact(seq))

    @rule(key=KEYS, seq=SEQS, pinned=st.booleans())
    def pin(self, key: Key, seq: int, pinned: bool) -> None:
        self.same(self.store.pin(key, seq, pinned), lambda: self.models[key].pin(seq, pinned))

    @rule(key=KEYS, really=st.sampled_from([False, False, False, True]))
    def delete(self, key: Key, really: bool) -> None:
        if really:
            assert self.run(self.store.delete(key)) == (self.models[key].log_revision > 0)
            self.models[key] = Model()

    @rule(key=KEYS)
    def read(self, key: Key) -> None:
        """A reader that keeps what it has gets the same tail as one that begins anew."""
        if not self.models[key].log_revision:
            return
        known, have = self.seen.get(key, (None, []))
        window: Window = self.run(self.store.load(key, known))
        new = [e.seq for e in window.entries]
        have = have + new if window.partial else new
        assert have == [e.seq for e in self.models[key].tail]
        session = window.session
        known = Known(session.uid, session.prefix_revision, session.last_seq, session, mark=window.mark)
        self.seen[key] = (known, have)

    @invariant()
    def the_store_is_as_the_model(self) -> None:
        for key, model in self.models.items():
            session = self.run(self.store.head(key))
            if not model.log_revision:
                assert session is None
                continue
            model.shows(session)
            window: Window = self.run(self.store.load(key))
            assert (window.session, list(window.entries)) == (session, model.tail)
            assert window.summary == (model.chain[-1] if model.chain else None)
            assert self.run(self.store.entries(key, after=0, limit=1000)) == model.log
            assert self.run(self.store.summaries(key)) == model.summaries
            assert [e.seq for e in self.run(self.store.pins(key))] == sorted(model.pins)

    def teardown(self) -> None:
        target(float(sum(m.epoch for m in self.models.values())))
        self.run(self.store.close())
        self.runner.close()


TestStoreModel = StoreMachine.TestCase
TestStoreModel.settings = settings(max_examples=40, stateful_step_count=25)


def test_valkey_does_what_the_model_does(valkey: Process, prefix: str) -> None:
    class OnValkey(StoreMachine):
        url = f"{valkey.url}?prefix={prefix}-{{number}}"

    run_state_machine_as_test(OnValkey, settings=settings(max_examples=40, stateful_step_count=25))
