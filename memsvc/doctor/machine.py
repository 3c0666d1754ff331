"""The machine: clock, files, memory, libraries, the vocabulary."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from memsvc.config import Config
from memsvc.doctor.findings import Finding
from memsvc.ports import Counter

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]

MADE = 1_764_000_000.0
"""A time before this release was made (unix seconds): no right clock shows an earlier one."""
JUMP_S = 0.5
FILES = 1_024
SPARE_BYTES = 256 * 1024**2
SAMPLE = ("The quick brown fox: 数据库 é 😀\n", 10)
"""A text and its tokens, by the vendor's own library."""
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*([<>=!~][^;]*)?")


def judge_clock(began: tuple[float, float], ended: tuple[float, float]) -> Finding:
    """`began`, `ended`: (wall clock, monotonic clock), in seconds."""
    if ended[0] < MADE:
        return Finding("clock_wrong", f"it shows {ended[0]:,.0f} unix seconds")
    jump = (ended[0] - began[0]) - (ended[1] - began[1])
    if abs(jump) > JUMP_S:
        return Finding("clock_jumps", f"by {jump:+.1f} s within {ended[1] - began[1]:.1f} s")
    return Finding("clock_ok", f"over {ended[1] - began[1]:.1f} s")


def judge_counter(counter: Counter) -> Finding:
    """A counter that loaded: does it count?"""
    text, expected = SAMPLE
    found = counter.count(text)
    if found != expected:
        return Finding("counter_wrong", f"{found} tokens where there are {expected}")
    return Finding("counter_ok", type(counter).__name__)


def judge_machine(config: Config | None) -> Iterator[Finding]:
    """Limits of this process; those of a service may differ."""
    said = [f"Python {sys.version.split()[0]}"]
    if resource is not None:
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        said.append("files without limit" if files == resource.RLIM_INFINITY else f"{files:,} files")
        if 0 <= files < FILES:
            yield Finding("files_few", f"{files:,}")
    free = free_memory(Path("/proc/meminfo"))
    if free is not None:
        said.append(f"{free / 1024**3:.1f} GB of memory free")
        wanted = SPARE_BYTES + (config.cache_bytes if config is not None else 0)
        if free < wanted:
            yield Finding("memory_low", f"{free / 1024**2:,.0f} MB, {wanted / 1024**2:,.0f} MB are wanted")
    yield Finding("machine_ok", ", ".join([*said, f"{os.cpu_count()} processors"]))


def free_memory(meminfo: Path) -> int | None:
    """Bytes that Linux would give to a process; None = it does not say."""
    if not meminfo.is_file():
        return None
    found = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo.read_text(encoding="ascii"), re.M)
    return int(found[1]) * 1024 if found else None


def judge_versions(wanted: Iterable[str]) -> Iterator[Finding]:
    """`wanted`: requirements such as `aiohttp>=3.14,<4`; libraries that are not installed are not judged."""
    right, wrong = 0, False
    for requirement in wanted:
        found = _REQUIREMENT.match(requirement)
        if found is None:
            continue
        try:
            version = metadata.version(found[1])
        except metadata.PackageNotFoundError:
            continue
        if fits(version, found[2] or ""):
            right += 1
        else:
            wrong = True
            yield Finding("version_off", f"{found[1]} {version}, wanted {(found[2] or '').strip()}")
    if right and not wrong:
        yield Finding("versions_ok", f"{right} looked at")
    elif not right and not wrong:
        yield Finding("version_unknown", "nothing to compare with")


def fits(version: str, bounds: str) -> bool:
    """Whether a version is within bounds `>=a,<b` (others are not looked at)."""
    now = _numbers(version)
    for bound in filter(None, (one.strip() for one in bounds.split(","))):
        if bound.startswith(">=") and now < _numbers(bound[2:]):
            return False
        if bound.startswith("<") and not bound.startswith("<=") and now >= _numbers(bound[1:]):
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"\s*(\d+(?:\.\d+)*)", version)
    parts = [int(n) for n in found[1].split(".")] if found else [0]
    return (*parts, *[0] * (4 - len(parts)))
