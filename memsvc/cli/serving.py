"""`memsvc serve` and `memsvc worker`: processes that run until they are told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import TYPE_CHECKING, Any

from memsvc import __version__
from memsvc.errors import MemsvcError

if TYPE_CHECKING:
    from memsvc.cli.observing import Observing, Shared
    from memsvc.config import Config

_NO_KEYS = (
    "host (MEMSVC_HOST), {!r}, is reachable from other machines and there are no keys: make one with"
    " `memsvc keys create --tenant NAME`, set MEMSVC_API_KEYS, or bind 127.0.0.1."
)

SWITCH_S = 0.00002
"""How long a thread that computes is let go on while requests wait for the interpreter (seconds). At Python's own 5 ms
each of a request's several waits, one for every call that lets go of it, takes that long while a summary is written.
Waking up takes the system as long again several times over: less than this would change nothing."""


def wrong(text: str) -> int:
    """Say what is wrong with the settings or the call; gives the status for that."""
    print(f"memsvc: {text}", file=sys.stderr)
    return 2


YOUNG_OBJECTS = 10_000
"""New objects at which garbage is looked for, a few megabytes; at Python's own 700 that is a tenth of an append."""


@contextlib.contextmanager
def starting() -> Iterator[None]:
    """Nothing looks for garbage until `_started`, or the end: what a start makes stays, and looking at all of it again
    and again is a tenth of the start."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _started() -> None:
    # What is there by now is there for good: no collection looks at it again, so none takes long later. And they come
    # less often: what a request makes is gone with its last reference, nearly all of it.
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
    gc.enable()


def serve(config: Config, *, processes: int, child: bool) -> int:
    """Serve the HTTP API until stopped; gives the exit status."""
    if processes > 1:
        return _serve_many(config, processes)
    return _until_stopped(config, _serve_until_stopped(config, child=child))


def work(config: Config) -> int:
    """Compact in the background until stopped; gives the exit status."""
    return _until_stopped(config, _work_until_stopped(config))


def _until_stopped(config: Config, main: Coroutine[Any, Any, int]) -> int:
    from memsvc.observe import configure_logging

    configure_logging(config.log_level, config.log_format)
    with contextlib.suppress(KeyboardInterrupt):
        return _run(main)
    return 0


def _run(main: Coroutine[Any, Any, int]) -> int:
    """`asyncio.run` on uvloop where there is one (not on Windows): about 15 % less CPU a request."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


async def _opened(app: Any, config: Config) -> int:
    """Open an App; 0, or the status to end with."""
    from memsvc.config import ConfigError
    from memsvc.tokens import VocabularyError

    try:
        await app.open()
    except ConfigError as refused:
        return wrong(str(refused))
    except (MemsvcError, VocabularyError) as failed:
        print(f"memsvc: cannot start on {config.shown_store}: {failed}", file=sys.stderr)
        return 1
    return 0


async def _serve_until_stopped(config: Config, *, child: bool) -> int:
    from aiohttp import web

    from memsvc.cli.observing import Observing
    from memsvc.config import ConfigError
    from memsvc.server.front import set_up

    sys.setswitchinterval(SWITCH_S)
    stopped = stop_signal(child=child)
    since = None
    try:
        observing = Observing(config)
        app = observing.build()
    except ConfigError as refused:
        return wrong(str(refused))
    if status := await _opened(app, config):
        return status
    try:
        if status := await _may_listen(app, config):
            return status
        runner = await set_up(_server(app, config, observing), shutdown_s=config.shutdown_s)
        try:
            await web.TCPSite(runner, config.host, config.port, reuse_port=True if child else None).start()
        except OSError as taken:
            print(f"memsvc: cannot bind {config.host}:{config.port}: {taken.strerror}", file=sys.stderr)
            return 1
        _started()
        where = _address(*runner.addresses[0][:2])
        print(f"memsvc {__version__} serves on {where}, store {config.shown_store}{_by(app)}", flush=True)
        await stopped.wait()
        since = time.monotonic()
        app.worker.retire()
        await runner.cleanup()  # answers what is under way, takes nothing new; may take `shutdown_s` twice
    finally:
        await app.close(since=since)
        await observing.close()
    return 0


async def _may_listen(app: Any, config: Config) -> int:
    """0, or the status to end with: other machines are let in by keys alone."""
    try:
        if config.only_here or config.api_keys or await app.holders.any():
            return 0
    except MemsvcError as failed:
        print(f"memsvc: cannot start on {config.shown_store}: {failed}", file=sys.stderr)
        return 1
    return wrong(_NO_KEYS.format(config.host))


def _gate(app: Any, config: Config) -> Any:
    from memsvc.server.gate import Gate

    return Gate(config.tenant_keys() or None, app.holders, required=not config.only_here)


def _server(app: Any, config: Config, observing: Observing) -> Any:
    """The HTTP application over an open App."""
    from memsvc.server import create_app
    from memsvc.server.rates import Rates

    gate = _gate(app, config)
    rate, burst = config.rate_per_s, config.rate_burst
    rates = None if rate is None else Rates(rate, burst, clock=time.monotonic)
    return create_app(
        app.memory,
        gate=gate,
        rates=rates,
        max_body_bytes=config.max_body_bytes,
        gateway=app.gateway,
        watch=observing.watch(app, gate),
    )


async def _work_until_stopped(config: Config) -> int:
    from memsvc.cli.observing import Observing
    from memsvc.config import ConfigError

    stopped = stop_signal()
    try:
        observing = Observing(config)
        app = observing.build()
    except ConfigError as refused:
        return wrong(str(refused))
    if not config.workers_concurrency:
        return wrong("workers_concurrency (MEMSVC_WORKERS_CONCURRENCY) is 0: this worker would do nothing.")
    if status := await _opened(app, config):
        return status
    try:
        _started()
        async with _probes(app, config, observing) as where:
            print(f"memsvc {__version__} works on store {config.shown_store}{where}{_by(app)}", flush=True)
            await stopped.wait()
    except OSError as taken:
        print(f"memsvc: cannot bind {config.host}:{config.metrics_port}: {taken.strerror}", file=sys.stderr)
        return 1
    finally:
        await app.close()
        await observing.close()
    return 0


@contextlib.asynccontextmanager
async def _probes(app: Any, config: Config, observing: Observing) -> AsyncIterator[str]:
    """The small port of a worker, if it is to have one; gives what to say of it. Raises OSError."""
    if config.metrics_port is None:
        yield ""
        return
    from aiohttp import web

    from memsvc.server.border import create_probes

    gate = _gate(app, config)
    application = create_probes(app.memory, gate=gate, watch=observing.watch(app, gate))
    runner = web.AppRunner(application, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, config.host, config.metrics_port).start()
        yield f", metrics on {_address(*runner.addresses[0][:2])}"
    finally:
        await runner.cleanup()


def _serve_many(config: Config, number: int) -> int:
    from memsvc.server.processes import CannotBind, Plan, run

    if config.store == "sqlite://:memory:":
        return wrong("--workers needs a store that processes can share; sqlite://:memory: is private to one.")
    command = (sys.executable, "-m", "memsvc", "serve", "--child")
    try:
        shared = _shared(config)
    except OSError as failed:
        return wrong(
            f"no folder for the metrics of several processes ({failed.strerror}): set TMPDIR, or metrics = off."
        )
    # By variables: a URL's password on a command line could be read by everybody on this machine.
    told = {"MEMSVC_STORE": config.store, "MEMSVC_HOST": config.host, **(shared.told if shared else {})}
    plan = Plan(
        command,
        told,
        number,
        config.host,
        config.port,
        grace_s=config.shutdown_s * 2 + 5,
        gone=shared.gone if shared else lambda pid: None,
    )

    def tell(port: int) -> None:
        _started()
        where = _address(config.host, port)
        print(f"memsvc {__version__} serves on {where} with {number} processes, store {config.shown_store}", flush=True)

    async def serve() -> int:
        return await run(plan, stop_signal(), tell)

    try:
        return _until_stopped(config, serve())
    except CannotBind as taken:
        print(f"memsvc: cannot bind {config.host}:{config.port}: {taken}", file=sys.stderr)
        return 1
    finally:
        if shared is not None:
            shared.close()


def _shared(config: Config) -> Shared | None:
    """Where several processes add up what they count; None where nothing is counted. Raises OSError."""
    from memsvc.cli.observing import Shared

    return None if config.metrics == "off" else Shared()


def _by(app: Any) -> str:
    return f", summaries: {', then '.join([*app.summarizers, 'local'])}"


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def stop_signal(*, child: bool = False) -> asyncio.Event:
    """An event that SIGINT or SIGTERM sets, and for a child the end of its standard input: its parent is gone."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C raises KeyboardInterrupt instead
            loop.add_signal_handler(number, stopped.set)
    if child:

        def ended() -> None:
            if not os.read(0, 4096):
                loop.remove_reader(0)
                stopped.set()

        loop.add_reader(0, ended)
    return stopped
