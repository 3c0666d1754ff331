"""Tools that the provider runs itself: calls and results both stand in assistant messages.

A result mostly follows its call in the same message. A paused turn, or one that also calls a
tool of the caller, has it in a later assistant message; then nothing but tool results may
stand between the two. Until it is there, how the call must be sent is not decided: with the
call while the provider may still answer it, as text once that has become impossible. So such
messages are written twice, and a chain of them is settled at once, one way or the other.
"""

from __future__ import annotations

from collections.abc import Callable, Container

from msgspec import Struct, field
from msgspec.structs import replace

from memsvc.core.render.anthropic import text_block, without_caller
from memsvc.core.render.blocks import Block, Call, Decoded, Opaque, Text, omitted
from memsvc.core.render.out import Out


class Chain(Struct):
    """Messages since the first server tool call that has no result yet.

    Attributes:
        waiting: ids of the calls without a result.
        alive, dead: how the messages are sent if the results still come, or if they cannot.
        tokens: raw tokens of these messages.
    """

    waiting: frozenset[str]
    alive: list[Out] = field(default_factory=list)
    dead: list[Out] = field(default_factory=list)
    tokens: int = 0

    def add(self, alive: list[Out], dead: list[Out], tokens: int) -> None:
        """One more message, in both ways."""
        self.alive += alive
        self.dead += dead
        self.tokens += tokens


class Reading(Struct, frozen=True):
    """An assistant message with regard to server tools.

    Attributes:
        alive: the message without results whose call is not there, and without calls that
            cannot be sent.
        dead: the same, should its calls in `waiting` and those of the chain stay unanswered.
        ids: ids of its calls that can be sent.
        waiting: those of them without a result.
        answered: ids of the chain's calls that it answers.
        continues: it belongs to the chain before it.
    """

    alive: Decoded
    dead: Decoded
    ids: frozenset[str] = frozenset()
    waiting: frozenset[str] = frozenset()
    answered: frozenset[str] = frozenset()
    continues: bool = False


class Reader:
    """Reads one message, the `seq`-th, after a chain that waits for the calls in `chain`."""

    def __init__(self, seq: int, chain: Container[str], used: Container[str], legal: Callable[[str], bool]) -> None:
        self._seq = seq
        self._chain = chain
        self._used = used
        self._legal = legal
        self._own: set[str] = set()
        self._waiting: set[str] = set()
        self._answered: set[str] = set()
        self._continues = False

    def read(self, msg: Decoded) -> Reading:
        """The message in both ways."""
        if not any(_concerned(b) for b in msg.blocks):
            return Reading(msg, msg)
        read = [self._block(b) for b in msg.blocks]
        dead = (self._gone(b) if owner and not self._answered_here(owner) else b for b, owner in read)
        return Reading(
            replace(msg, blocks=tuple(b for b, _ in read)),
            replace(msg, blocks=tuple(dead)),
            frozenset(self._own),
            frozenset(self._waiting),
            frozenset(self._answered),
            self._continues,
        )

    def _block(self, b: Block) -> tuple[Block, str | None]:
        """A block as it can be sent, and the server tool call that it hangs on."""
        if isinstance(b, Opaque) and b.call is not None:
            return self._call(b, b.call)
        if isinstance(b, Opaque) and b.answers is not None:
            return self._result(b, b.answers)
        if isinstance(b, Call) and b.within is not None:
            here = b.within in self._own
            self._continues = self._continues or (not here and b.within in self._chain)
            return (b, b.within) if here or b.within in self._chain else (self._gone(b), None)
        return b, None

    def _call(self, b: Opaque, call_id: str) -> tuple[Block, str | None]:
        if call_id in self._used or call_id in self._own or not self._legal(call_id):
            return self._gone(b), None
        self._own.add(call_id)
        self._waiting.add(call_id)
        return b, call_id

    def _result(self, b: Opaque, call_id: str) -> tuple[Block, str | None]:
        if call_id in self._waiting:
            self._waiting.remove(call_id)
        elif call_id in self._chain and call_id not in self._answered:
            self._answered.add(call_id)
            self._continues = True
        else:
            return self._gone(b), None
        return b, call_id

    def _answered_here(self, call_id: str) -> bool:
        return call_id in self._own and call_id not in self._waiting

    def _gone(self, b: Block) -> Block:
        if isinstance(b, Call):
            return without_caller(b)
        instead = omitted(b, self._seq)
        return Text(instead, text_block(instead))


def _concerned(b: Block) -> bool:
    return (isinstance(b, Opaque) and not (b.call is None and b.answers is None)) or (
        isinstance(b, Call) and b.within is not None
    )
