"""What is worth telling the outside: events as frozen values, and where they go.

Events carry names, numbers and reasons; never a message, a summary, a key or a header. Today
there is one sink, the log; metrics will be another.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, MutableMapping
from dataclasses import asdict, dataclass
from pathlib import PurePath
from traceback import extract_tb
from types import TracebackType
from typing import Any, Literal

import structlog

LogFormat = Literal["json", "console"]


@dataclass(frozen=True, slots=True)
class Compacted:
    """A summary was committed.

    Attributes:
        from_seq, to_seq: the newly covered range.
        before_tokens, after_tokens: raw size of the context at either side of the commit.
        reason: what triggered it (`threshold`, `forced`, `hard`, ...).
        model: who wrote the summary.
        attempts: summarizer calls made.
        seconds: from the first question to a summarizer to the commit.
        routed: the tier that the conversation asked for, and the score behind it; None = there are no tiers.
        cost_usd: of the summary.
        predicted_saving_usd: None = nobody has predicted any.
        settled: what the compaction before was to save, and has saved, in dollars; None = one of them is not known.
        shadow: the full history is served all the same.
    """

    tenant: str
    session: str
    epoch: int
    from_seq: int
    to_seq: int
    before_tokens: int
    after_tokens: int
    reason: str
    model: str
    attempts: int = 1
    seconds: float = 0.0
    routed: str | None = None
    cost_usd: float = 0.0
    predicted_saving_usd: float | None = None
    settled: tuple[float, float] | None = None
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class CompactionFailed:
    """A compaction ended without a commit.

    Attributes:
        error: the error's code, never its text: a provider may quote the conversation.
        retry_at: unix seconds of the next try; None = none is planned.
    """

    tenant: str
    session: str
    error: str
    attempts: int
    retry_at: float | None = None


@dataclass(frozen=True, slots=True)
class SummarizerFailed:
    """A summarizer gave no answer that may stand; the next in line was asked.

    Attributes:
        summarizer: `provider:model`.
        error: the error's code.
        where: the innermost frames of a fault of ours, `file:line function`; empty for any other failure.
    """

    tenant: str
    session: str
    summarizer: str
    error: str
    where: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RequestFailed:
    """A request was answered with 5xx.

    Attributes:
        call: name of the row in the endpoint table, or `?` when none matched.
        error: the error's code, or the exception's type when nobody foresaw it.
        where: the innermost frames of such an exception, `file:line function`.
    """

    request_id: str
    call: str
    status: int
    error: str
    seconds: float
    where: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkerFailed:
    """The worker could not look after its queue, or met something nobody foresaw; it goes on.

    Attributes:
        error: the error's code, or the exception's type.
        where: the innermost frames of an unforeseen exception, `file:line function`.
    """

    error: str
    where: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoreNotice:
    """Something about the store that an operator should know; `text` holds nothing secret."""

    text: str


@dataclass(frozen=True, slots=True)
class BudgetReached:
    """A level of a tenant's budget was reached, for the first time in its period.

    Attributes:
        feature: None = the budget of all calls.
        period: `day` or `month`, in UTC.
        percent: of the budget; 100 = a call was refused, or was made all the same and passed it.
        spent_usd: what is spent or held.
    """

    tenant: str
    feature: str | None
    period: str
    percent: int
    limit_usd: float
    spent_usd: float


@dataclass(frozen=True, slots=True)
class AlertLost:
    """News could not be sent to the webhook; `error` says why, and nothing of the address."""

    error: str


@dataclass(frozen=True, slots=True)
class Unpriced:
    """A reported call's model has no known price: it costs nothing in the books. Told once a day."""

    tenant: str
    provider: str
    model: str
    feature: str


@dataclass(frozen=True, slots=True)
class CacheBroken:
    """A caller changed what the provider had cached.

    Attributes:
        cause: what it changed (`tools_changed`, `system_changed`, `model_changed`, `edited`).
        tokens: provider tokens, as expected, that were written anew.
        usd: what that costs beyond reading them; None = the model's price is unknown.
    """

    tenant: str
    session: str
    cause: str
    tokens: int
    usd: float | None


@dataclass(frozen=True, slots=True)
class ReplyNotStored:
    """A client got a reply through the gateway that its session lacks; `error` is the error's code."""

    tenant: str
    session: str
    error: str


CLIENTS = (
    *("anthropic", "openai", "httpx2", "httpcore2", "httpx", "httpcore", "aiohttp.client"),
    *("mcp", "sse_starlette", "uvicorn"),
)
"""Loggers of the SDKs: at `debug` they write whole requests, and with them conversations."""

Failure = CompactionFailed | SummarizerFailed | RequestFailed | WorkerFailed | ReplyNotStored
Event = Compacted | Failure | StoreNotice | BudgetReached | Unpriced | AlertLost | CacheBroken
Sink = Callable[[Event], None]
"""Where events go. Must not raise and must not block."""

_LEVELS: dict[type, int] = {
    Compacted: logging.INFO,
    CompactionFailed: logging.WARNING,
    SummarizerFailed: logging.WARNING,
    StoreNotice: logging.WARNING,
    BudgetReached: logging.WARNING,
    Unpriced: logging.WARNING,
    CacheBroken: logging.INFO,
}
_NAMES: dict[type, str] = {
    Compacted: "compacted",
    CompactionFailed: "compaction_failed",
    SummarizerFailed: "summarizer_failed",
    RequestFailed: "request_failed",
    WorkerFailed: "worker_failed",
    StoreNotice: "store_notice",
    BudgetReached: "budget_reached",
    Unpriced: "unpriced_model",
    AlertLost: "alert_lost",
    CacheBroken: "cache_broken",
    ReplyNotStored: "reply_not_stored",
}


def log_sink() -> Sink:
    """A sink that writes each event as one log line."""
    logger = structlog.stdlib.get_logger("memsvc")

    def write(event: Event) -> None:
        kind = type(event)
        logger.log(_LEVELS.get(kind, logging.ERROR), _NAMES[kind], **asdict(event))

    return write


def plain_sink() -> Sink:
    """A sink that writes to the standard library's logger `memsvc`, for programs that log in their own way."""
    logger = logging.getLogger("memsvc")

    def write(event: Event) -> None:
        kind = type(event)
        told = " ".join(f"{name}={value!r}" for name, value in asdict(event).items())
        logger.log(_LEVELS.get(kind, logging.ERROR), "%s %s", _NAMES[kind], told)

    return write


def configure_logging(level: str = "info", fmt: LogFormat = "json") -> None:
    """Set up logging for the process: one line per record on stderr, `json` or readable `console`.

    Standard library loggers come out the same way. Of an exception only type and place are
    written: its text may quote what a caller sent.
    """
    shared: list[Any] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_exception_text,
    ]
    renderer: Any = structlog.processors.JSONRenderer()
    if fmt == "console":
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in CLIENTS:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def quiet_logger(name: str) -> logging.Logger:
    """A standard logger whose records tell an exception's type and place, never its text."""
    logger = logging.getLogger(name)
    logger.addFilter(_hide_exception_text)
    return logger


def places(traceback: TracebackType | None, *, limit: int = 5) -> tuple[str, ...]:
    """The innermost frames, as `file:line function`: enough to find a fault, without its data."""
    frames = extract_tb(traceback)[-limit:]
    return tuple(f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)


def _hide_exception_text(record: logging.LogRecord) -> bool:
    info = record.exc_info
    if info and info[0] is not None:
        where = " < ".join(reversed(places(info[2])))
        record.msg, record.args = f"{record.getMessage()}: {info[0].__name__} at {where}", ()
        record.exc_info = None
    return True


def _without_exception_text(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    if isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if isinstance(info, tuple) and info[0] is not None:
        event["error"] = info[0].__name__
        event["where"] = list(places(info[2]))
    return event
