"""How far a long command is: a bar on standard error, where that is a terminal, and nothing anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager


@contextmanager
def bar(total: int | None, unit: str, *, bytes_: bool = False) -> Iterator[Callable[[int], None]]:
    """Gives what is told how many more are done. `total` None = unknown: what is done is counted; `bytes_`: shown as
    kB, MB. Piped, nothing is printed, and the library is not even loaded."""
    if not sys.stderr.isatty():
        yield lambda more: None
        return
    from tqdm import tqdm

    tqdm.monitor_interval = 0  # no thread that watches it
    with tqdm(total=total, unit=unit, unit_scale=bytes_, file=sys.stderr, dynamic_ncols=True) as shown:

        def tell(more: int) -> None:
            shown.update(more)

        yield tell


def counted(lines: Iterable[bytes], done: Callable[[int], None]) -> Iterator[bytes]:
    """The same lines; their bytes are told as they are taken."""
    for line in lines:
        yield line
        done(len(line))
