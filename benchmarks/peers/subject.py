"""What every measured thing can be asked to do, whatever it is."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from benchmarks.peers.talk import Json
from benchmarks.rawhttp import Link

SUMMARY_MODEL = "gpt-5.4-mini"
SUMMARY_MODELS = (SUMMARY_MODEL, "gpt-5", "gpt-4.1-mini")
"""Models that are named for summaries; what is sent to the stand-in provider under other names is chat."""


class Refused(Exception):
    """A message was not taken."""


class TooSlow(Exception):
    """An answer did not come within the time that was allowed; `seconds` says how long that was."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer in {seconds:.0f} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Limit:
    """When a conversation is compacted and to what, in tokens, as near as the thing's own settings come to it."""

    threshold: int
    keep: int
    summary: int


NO_LIMIT = Limit(10**9, 10**9 // 4, 10**9 // 10)
"""Nothing is ever compacted."""


@dataclass(frozen=True, slots=True)
class Block:
    """Turns one after the other.

    Attributes:
        ms: how long each took.
        cpu_ms: processor time of all of them together, of every process that the thing needs; None = not known.
        prompt: what a model would be sent after the last.
    """

    ms: list[float]
    cpu_ms: float | None
    prompt: list[Json]


EVERYTHING = frozenset({"meanwhile", "stall", "race", "imported", "outage", "play"})


@dataclass(frozen=True, slots=True)
class Terms:
    """What can be asked of a kind of thing; what cannot is a dash in the table.

    Attributes:
        asked: measures, by name.
        stores: it keeps the messages; else the caller sends them again each time.
        limit: when its turns are timed.
        model_plays: a model writes the summaries of the conversation that is played, where there is a choice.
    """

    asked: frozenset[str] = EVERYTHING
    stores: bool = True
    limit: Limit = NO_LIMIT
    model_plays: bool = True


def at_once(
    link: Callable[[], Link], send: Callable[[Link, Json], object], messages: Sequence[Json], gap_s: float
) -> list[bool]:
    """Send messages over a connection each, all at once; the others `gap_s` after the first. Which were taken."""

    def one(number: int) -> bool:
        own = link()
        time.sleep(gap_s if number else 0.0)  # what is measured: the others meet the first one's work
        try:
            send(own, messages[number])
        except Refused:
            return False
        finally:
            own.close()
        return True

    with ThreadPoolExecutor(len(messages)) as pool:
        return list(pool.map(one, range(len(messages))))


class Talk(ABC):
    """One conversation in one thing. `send` and `shown` are what a kind of thing must bring."""

    def __init__(self, cpu_s: Callable[[], float] | None = None) -> None:
        self._cpu_s = cpu_s

    @abstractmethod
    def load(self, messages: Sequence[Json]) -> None:
        """Bring in what was said before, in whatever way is meant for that. Raises Refused, TooSlow."""

    @abstractmethod
    def send(self, message: Json) -> list[Json]:
        """Store a message and give what a model would be sent now. Raises Refused, TooSlow."""

    @abstractmethod
    def shown(self) -> list[Json]:
        """What a model would be sent now."""

    def store(self, message: Json) -> None:
        """Store a message that no call follows. Raises Refused, TooSlow."""
        self.send(message)

    def turns(self, messages: Sequence[Json], within_s: float) -> Block:
        """Send messages one after the other until all are sent or the time is up; at least one is sent."""
        began, cpu, spent = time.perf_counter(), self._cpu_s() if self._cpu_s else 0.0, []
        prompt: list[Json] = []
        for message in messages:
            started = time.perf_counter()
            prompt = self.send(message)
            ended = time.perf_counter()
            spent.append((ended - started) * 1000)
            if ended - began > within_s:
                break
        return Block(spent, (self._cpu_s() - cpu) * 1000 if self._cpu_s else None, prompt)

    def together(self, messages: Sequence[Json], gap_s: float = 0.0) -> list[bool]:
        """Send messages at the same time, the first `gap_s` before the others; for each, whether it was taken."""

        def one(number: int) -> bool:
            if number:
                time.sleep(gap_s)
            try:
                self.send(messages[number])
            except Refused:
                return False
            return True

        with ThreadPoolExecutor(len(messages)) as pool:
            return list(pool.map(one, range(len(messages))))

    def settle(self) -> None:
        """Wait until nothing is under way any more."""

    def covered(self) -> set[str]:
        """Marks of messages that a summary stands for which no model wrote, so that no model was shown them."""
        return set()

    def refresh(self) -> None:
        """Connect again: servers hang up on who has been silent for a while."""

    def forget(self) -> None:
        """Delete it, where something could still be done for it later."""

    def close(self) -> None:
        """Let go of connections."""


@dataclass
class Subject(ABC):
    """A thing to be measured: a row of the table."""

    name: str
    title: str
    terms: Terms = field(default_factory=Terms)
    versions: dict[str, str] = field(default_factory=dict)
    note: str = ""

    def start(self) -> None:
        """Bring it up. Raises homes.Missing or processes.NotRunning, whose text says what is in the way."""

    def stop(self) -> None:
        """Take it down."""

    def restart(self) -> None:
        """Take down all that answers, keep what is stored, bring it up again."""
        self.stop()
        self.start()

    @abstractmethod
    def talk(self, name: str, limit: Limit, *, model: bool) -> Talk:
        """The conversation of that name, new or as it is stored; `model` = summaries are a model's."""
