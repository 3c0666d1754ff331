"""The log: one line an event, JSON or readable, and nothing of what callers sent."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from pathlib import PurePath
from traceback import extract_tb
from types import TracebackType
from typing import Any, Literal

import structlog
from msgspec import json, to_builtins

from memsvc.observe.events import (
    AlertLost,
    Answered,
    Booked,
    BudgetReached,
    CacheBroken,
    Compacted,
    CompactionFailed,
    Event,
    NotCompacted,
    ProviderFailed,
    ReplyNotStored,
    RequestFailed,
    Sink,
    StoreNotice,
    StreamMoved,
    SummarizerFailed,
    Unpriced,
    WorkerFailed,
)
from memsvc.observe.request import CURRENT

LogFormat = Literal["json", "console"]
CLIENTS = (
    *("anthropic", "openai", "httpx2", "httpcore2", "httpx", "httpcore", "aiohttp.client"),
    *("mcp", "sse_starlette", "uvicorn"),
)
"""Loggers of the SDKs: at `debug` they write whole requests, and with them conversations."""
_LEVELS: dict[type, int] = {
    Compacted: logging.INFO,
    CompactionFailed: logging.WARNING,
    SummarizerFailed: logging.WARNING,
    StoreNotice: logging.WARNING,
    BudgetReached: logging.WARNING,
    Unpriced: logging.WARNING,
    CacheBroken: logging.INFO,
    ProviderFailed: logging.WARNING,
    Answered: logging.INFO,
    NotCompacted: logging.DEBUG,
    Booked: logging.DEBUG,
    StreamMoved: logging.DEBUG,
}
"""Every other is an error."""
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
    NotCompacted: "not_compacted",
    Booked: "booked",
    ProviderFailed: "provider_failed",
    StreamMoved: "stream_moved",
    Answered: "answered",
}


def log_sink() -> Sink:
    """A sink that writes each event as one log line."""
    logger = structlog.stdlib.get_logger("memsvc")
    heard = logging.getLogger("memsvc")

    def write(event: Event) -> None:
        kind = type(event)
        level = _LEVELS.get(kind, logging.ERROR)
        if heard.isEnabledFor(level):
            logger.log(level, _NAMES[kind], **to_builtins(event))

    return write


def request_sink(level: str, fmt: LogFormat) -> Sink:
    """The same for lines of requests, of which there are many: a JSON line is written as it is, without the way through
    loggers, which takes ten times as long."""
    if logging.getLevelNamesMapping()[level.upper()] > logging.INFO:
        return lambda event: None
    if fmt != "json":
        return log_sink()

    def write(event: Event) -> None:
        what, when = _NAMES[type(event)], datetime.now(UTC).isoformat(timespec="microseconds")[:-6]
        told = f',"event":"{what}","logger":"memsvc","level":"info","timestamp":"{when}Z"}}\n'
        with contextlib.suppress(OSError, ValueError):  # nobody reads the log any more: no request fails for that
            sys.stderr.write(json.encode(event)[:-1].decode() + told)

    return write


def plain_sink() -> Sink:
    """A sink that writes to the standard library's logger `memsvc`, for programs that log in their own way."""
    logger = logging.getLogger("memsvc")

    def write(event: Event) -> None:
        kind = type(event)
        level = _LEVELS.get(kind, logging.ERROR)
        if logger.isEnabledFor(level):
            told = " ".join(f"{name}={value!r}" for name, value in to_builtins(event).items())
            logger.log(level, "%s %s", _NAMES[kind], told)

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
        _with_request,
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


def _with_request(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Name the request that a line is written for, where there is one."""
    request = CURRENT.get()
    if request is not None:
        event.setdefault("request_id", request.id)
    return event


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
