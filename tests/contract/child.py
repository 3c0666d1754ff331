"""A process of its own that appends to a store: `python -m tests.contract.child FILE NAME NUMBER`.

It says `ready`, waits for a line, then appends NUMBER messages by each of several tasks, one
after the other, and prints the seq of each one as soon as it is acknowledged.
"""

from __future__ import annotations

import asyncio
import sys

from memsvc.stores import open_store
from tests.contract.making import KEY, batch, draft

TASKS = 4


async def main(path: str, name: str, number: int) -> None:
    """Append and tell."""
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    store = open_store(f"sqlite:///{path}")
    await store.open()

    async def one(task: int) -> None:
        for n in range(number):
            text = f"{name}-{task}-{n}"
            answer = await store.append(KEY, batch(draft(text, id=text)))
            print(answer.seqs[0], text, flush=True)

    await asyncio.gather(*(one(task) for task in range(TASKS)))
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
