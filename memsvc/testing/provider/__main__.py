"""`python -m memsvc.testing.provider`: serve until stopped."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence

from memsvc.testing.provider.behaviours import BEHAVIOURS, UnknownBehaviour
from memsvc.testing.provider.server import Provider

DEFAULT_PORT = 8090
SLOW_S = 5.0


def main(argv: Sequence[str] | None = None) -> int:
    """Serve; gives the exit status: 0 stopped, 1 cannot listen, 2 wrong usage."""
    args = _parser().parse_args(argv)
    try:
        asyncio.run(_serve(args.host, args.port, args.behaviour.split(","), args.delay))
    except KeyboardInterrupt:
        return 0
    except UnknownBehaviour as unknown:
        print(f"provider: {unknown}", file=sys.stderr)
        return 2
    except OSError as taken:
        print(f"provider: cannot listen on {args.host}:{args.port}: {taken.strerror}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m memsvc.testing.provider",
        description="The Anthropic and OpenAI APIs without a model behind them. Any key is good.",
        epilog="Behaviours: " + ", ".join(BEHAVIOURS),
    )
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help=f"0 = any free one (default: {DEFAULT_PORT})")
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (default: 127.0.0.1)")
    parser.add_argument(
        "--behaviour",
        default="ok",
        metavar="NAME[,NAME...]",
        help="one for each request, the last one stays (default: ok)",
    )
    parser.add_argument("--delay", type=float, default=SLOW_S, metavar="SECONDS", help="how long `slow` takes")
    return parser


async def _serve(host: str, port: int, behaviours: Sequence[str], delay_s: float) -> None:
    provider = Provider(delay_s=delay_s, salt=f"{time.time_ns():x}", keep_calls=1)
    provider.script(behaviours)
    await provider.start(port, host)
    async with provider:
        print(f"export ANTHROPIC_BASE_URL={provider.anthropic_url} ANTHROPIC_API_KEY=any")
        print(f"export OPENAI_BASE_URL={provider.openai_url} OPENAI_API_KEY=any", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    sys.exit(main())
