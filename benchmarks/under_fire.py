"""The compression benchmark on a cluster, served by two replicas and a worker that are killed all the time, the
primaries of the cluster too.

`python -m benchmarks.under_fire --data PATH... [--every 2]`: the tables go to `compression-under-fire`; ends with 1 if
any context was invalid, any prefix broke, or anything was lost.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

from benchmarks import compression, report
from benchmarks.soaking import processes, stores

PATIENCE_S = 60.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; gives the exit status."""
    parser = argparse.ArgumentParser(prog="under_fire.py", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", nargs="+", required=True, help="as for compression.py")
    parser.add_argument("--every", type=float, default=2.0, help="seconds between two kills")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=report.RESULTS)
    args, rest = parser.parse_known_args(argv)
    with tempfile.TemporaryDirectory(prefix="memsvc-fire-") as folder:
        return asyncio.run(run(args, rest, Path(folder)))


async def run(args: argparse.Namespace, rest: Sequence[str], folder: Path) -> int:
    """Start all, play, kill meanwhile; gives the benchmark's status."""
    place = stores.place("cluster", folder)
    await asyncio.to_thread(place.start)
    env = {**place.env, "MEMSVC_LEASE_S": "2", "MEMSVC_POLL_S": "0.2"}
    group = processes.group(place.url, env, folder)
    worker = processes.worker(place.url, env, folder, 0)
    kills: Counter[str] = Counter()
    try:
        for one in (group, worker):
            one.start()
            await one.until_ready()
        asked = ["--url", group.url, "--patience", str(PATIENCE_S), "--data", *args.data, "--out", str(folder), *rest]
        firing = asyncio.create_task(fire(args, place, group, worker, kills))
        status = await asyncio.to_thread(compression.main, asked)
        firing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await firing
    finally:
        await asyncio.gather(group.stop(), worker.stop())
        await asyncio.to_thread(place.stop)
    said = ", ".join(f"{kind} {number}" for kind, number in sorted(kills.items()))
    page = f"{place.name}; two replicas behind one port and a worker; kill -9: {said or 'none'}.\n\n"
    args.out.mkdir(parents=True, exist_ok=True)
    for kind, head in ((".md", page), (".json", "")):
        text = head + (folder / f"compression{kind}").read_text(encoding="utf-8")
        (args.out / f"compression-under-fire{kind}").write_text(text, encoding="utf-8")
    print(page)
    return status


async def fire(
    args: argparse.Namespace, place: stores.Place, group: processes.Kept, worker: processes.Kept, kills: Counter[str]
) -> None:
    """Kill one after the other until cancelled."""
    rng = Random(args.seed)
    while True:
        await asyncio.sleep(args.every * rng.uniform(0.5, 1.5))
        kind = rng.choice(("replica", "replica", "worker", "primary"))
        if kind == "replica":
            done = group.kill_child(rng.randrange(2))
        elif kind == "worker":
            done = worker.kill()
        else:
            done = await asyncio.to_thread(place.kill, rng)
            if done:
                await asyncio.to_thread(place.recover, rng)
        kills[kind] += done


if __name__ == "__main__":
    sys.exit(main())
