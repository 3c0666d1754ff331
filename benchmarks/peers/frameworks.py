"""Memories that live in the caller's process: each in a worker process with the peer's own environment."""

from __future__ import annotations

import json
import selectors
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers import homes
from benchmarks.peers.processes import NotRunning, environment
from benchmarks.peers.stub import Stub
from benchmarks.peers.subject import EVERYTHING, SUMMARY_MODELS, Block, Limit, Refused, Subject, Talk, Terms, TooSlow
from benchmarks.peers.talk import Json

WORKERS = Path(__file__).parent / "workers"
STARTING_S = 60.0
MODEL = SUMMARY_MODELS[1]
"""Its tokens are counted by every framework's own counter."""


class _Talk(Talk):
    def __init__(self, worker: Framework, name: str, limit: Limit) -> None:
        super().__init__()
        self._worker, self._name = worker, name
        self._ask("open", limit=astuple(limit))

    def load(self, messages: Sequence[Json]) -> None:
        self._ask("load", messages=list(messages))

    def send(self, message: Json) -> list[Json]:
        return self.turns([message], 0.0).prompt

    def store(self, message: Json) -> None:
        self._ask("store", messages=[message])

    def shown(self) -> list[Json]:
        return list(self._ask("shown")["prompt"])

    def turns(self, messages: Sequence[Json], within_s: float) -> Block:
        return Block(**self._ask("turns", messages=list(messages), within_s=within_s))

    def together(self, messages: Sequence[Json], gap_s: float = 0.0) -> list[bool]:
        return list(self._ask("together", messages=list(messages), gap_s=gap_s)["taken"])

    def _ask(self, what: str, **more: Any) -> Json:
        return self._worker.ask({"do": what, "name": self._name, **more})


@dataclass
class Framework(Subject):
    """One kind of memory of a framework.

    Attributes:
        home: its environment, which is also the name of its worker.
        kind: the worker's name for it.
        packages: whose versions are told.
    """

    home: str = ""
    kind: str = ""
    packages: tuple[str, ...] = ()
    stub: Stub | None = None
    patience_s: float = 20.0
    _folder: str = ""
    _process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        program = self.program()
        self._folder = self._folder or tempfile.mkdtemp(prefix="memsvc-peers-")
        assert self.stub is not None, "its summaries are a model's"
        command = [*program, self.kind]
        command += [f"{self.stub.url}/v1", MODEL, self._folder]
        env = environment({"TIKTOKEN_CACHE_DIR": str(homes.tokenizers()), "OPENAI_API_KEY": "any"})
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        log = Path(self._folder) / "log"
        with log.open("ab") as file:
            self._process = subprocess.Popen(command, env=env, stderr=file, **pipes)
        try:
            self._answer({"do": "open", "name": "", "limit": [1, 1, 1]}, STARTING_S)
        except (BrokenPipeError, EOFError, TooSlow):
            self._end()
            said = log.read_text(errors="replace").strip().splitlines() or ["says nothing"]
            raise NotRunning(f"its worker does not start: {said[-1][-200:]}") from None

    def program(self) -> list[str]:
        """The interpreter and the worker. Raises homes.Missing."""
        python = homes.python(self.home)
        self.versions = homes.versions(self.home, self.packages)
        return [str(python), str(WORKERS / f"{self.home}_worker.py")]

    def stop(self) -> None:
        self._end()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = ""

    def restart(self) -> None:
        self._end()
        self.start()

    def talk(self, name: str, limit: Limit, *, model: bool) -> Talk:
        return _Talk(self, name, limit)

    def ask(self, job: Json) -> Json:
        """What the worker answers. Raises Refused, TooSlow: it is killed then and must be started again."""
        try:
            answer = self._answer(job, self.patience_s)
        except (OSError, EOFError):
            raise Refused("its worker has ended") from None
        except TooSlow:
            self._end()
            raise
        if "refused" in answer:
            raise Refused(answer["refused"])
        return answer

    def _answer(self, job: Json, within_s: float) -> Json:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise EOFError
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()
        with selectors.DefaultSelector() as ready:
            ready.register(process.stdout, selectors.EVENT_READ)
            if not ready.select(within_s):
                raise TooSlow(within_s)
        line = process.stdout.readline()
        if not line:
            raise EOFError
        return dict(json.loads(line))

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


def rows(stub: Stub, patience_s: float) -> list[Subject]:
    """A row for each."""
    rest: Json = {"stub": stub, "patience_s": patience_s}
    alone = EVERYTHING - {"race", "meanwhile"}
    no_model = frozenset({"race", "imported", "play"})
    chain = ("langchain", "langchain-classic", "langchain-openai", "langgraph")
    return [
        Framework(
            *("langchain-middleware", "LangChain SummarizationMiddleware", Terms(alone)),
            note="the hook alone, without a checkpointer: kept in memory; its defaults but for trigger and keep",
            **{"home": "langchain", "kind": "middleware", "packages": chain, **rest},
        ),
        Framework(
            *("langchain-buffer", "LangChain ConversationSummaryBufferMemory"),
            note="kept in memory, as it is by default",
            **{"home": "langchain", "kind": "summary_buffer", "packages": chain, **rest},
        ),
        Framework(
            *("openai-agents", "OpenAI Agents SDK SQLiteSession", Terms(no_model)),
            note="compacts nothing",
            **{"home": "openai_agents", "kind": "session", "packages": ("openai-agents",), **rest},
        ),
        Framework(
            *("llama-memory", "LlamaIndex Memory", Terms(no_model)),
            note="over an SQLite file, without memory blocks: what is over the limit is not sent any more",
            **{"home": "llama_index", "kind": "memory", "packages": ("llama-index-core",), **rest},
        ),
        Framework(
            *("llama-buffer", "LlamaIndex ChatSummaryMemoryBuffer"),
            note="kept in memory, as it is by default",
            **{"home": "llama_index", "kind": "summary_buffer", "packages": ("llama-index-core",), **rest},
        ),
        Framework(
            *("pydantic-ai", "Pydantic AI history processor", Terms(alone, stores=False)),
            note="the summarizing processor of its documentation, which keeps the oldest ten as a summary and the last "
            "message; the caller keeps the list",
            **{"home": "pydantic_ai", "kind": "processor", "packages": ("pydantic-ai-slim",), **rest},
        ),
    ]
