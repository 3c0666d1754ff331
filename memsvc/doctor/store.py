"""What a look into the store says: layout, durability, room, work that waits."""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from memsvc.config import Config
from memsvc.doctor.findings import Finding
from memsvc.ports.inspect import Facts

STUCK_S = 600.0
FULL_BYTES, LOW_BYTES = 100 * 1024**2, 1024**3
LOG_BYTES = 256 * 1024**2
SLOW_S, SKEW_S = 0.005, 2.0
NETWORK = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "lustre", "afs", "fuse.sshfs", "fuse.glusterfs")
)
"""Types of file systems whose locks reach over a network."""
MOUNTS = Path("/proc/self/mountinfo")
_FIRST_REDIS = 6
_SHOWN = 3


def judge_schema(facts: Facts) -> Iterator[Finding]:
    """Whether this release can open it, and what that would do."""
    version = facts.schema
    if version is None:
        yield Finding("store_new", "nothing of memsvc is there")
    elif version == facts.newest:
        sessions = "session" if facts.sessions == 1 else "sessions"
        many = "" if facts.sessions is None else f", {facts.sessions:,} {sessions}"
        yield Finding("store_ok", f"{facts.engine}, layout {version}{many}")
    elif version > facts.newest:
        yield Finding("schema_newer", f"layout {version}, this release knows up to {facts.newest}")
    elif version in facts.upgraded:
        yield Finding("schema_old", f"layout {version}, to be {facts.newest}")
    else:
        yield Finding("schema_unknown", f"layout {version}, this release knows {facts.newest}")


def judge_work(facts: Facts, now: float) -> Iterator[Finding]:
    """The queue, what fails, and budgets."""
    if facts.schema is None or facts.sessions is None:
        return
    late = now - facts.oldest_due if facts.oldest_due is not None else 0.0
    if late > STUCK_S:
        yield Finding("queue_stuck", f"{facts.due:,} due, the oldest for {late / 60:,.0f} minutes")
    else:
        yield Finding("queue_ok", f"{facts.due:,} due")
    if facts.failing:
        shown = "; ".join(f"{key.tenant}/{key.session}: {why}" for key, why in facts.failing[:_SHOWN])
        more = len(facts.failing) - _SHOWN
        yield Finding("compactions_fail", shown + (f"; and {more} more" if more > 0 else ""))
    for tenant, reached in facts.reached:
        budget = reached.budget
        if reached.used >= budget.micros:
            what = f"{budget.period}, {budget.feature or 'all calls'}"
            figures = f"{reached.used / 1e6:.2f} of {budget.micros / 1e6:.2f} dollars"
            yield Finding("budget_used", f"tenant {tenant}, {what}: {figures}")


# --- SQLite ------------------------------------------------------------------


def judge_file(path: Path, facts: Facts | None) -> Iterator[Finding]:
    """The file and its folder, as they are on the disk; `facts` None = it could not be read."""
    folder = path.absolute().parent
    there = path.exists()
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK) or (there and not os.access(path, os.W_OK)):
        yield Finding("file_read_only", str(path))
    if there and path.stat().st_mode & stat.S_IROTH and _passable(folder):
        yield Finding("file_readable", f"{path} has mode {stat.S_IMODE(path.stat().st_mode):o}")
    log = Path(f"{path}-wal")
    if log.exists() and log.stat().st_size > LOG_BYTES:
        yield Finding("log_large", f"{log.stat().st_size / 1024**2:,.0f} MB")
    if folder.is_dir():
        kind = kind_of_disk(folder, MOUNTS.read_text(encoding="utf-8") if MOUNTS.exists() else "")
        if kind in NETWORK:
            yield Finding("file_network", f"{path} is on {kind}")
        yield room(shutil.disk_usage(folder).free)
    told = facts.told[0] if facts is not None and facts.told else {}
    if told.get("journal_mode", "wal") != "wal":
        yield Finding("file_not_wal", f"it is in mode {told['journal_mode']}")
    if "quick_check" in told:
        whole = told["quick_check"] == "ok"
        yield Finding("file_whole" if whole else "file_damaged", told["quick_check"])


def room(free: int) -> Finding:
    """What so many free bytes mean."""
    code = "disk_full" if free < FULL_BYTES else "disk_low" if free < LOW_BYTES else "disk_ok"
    return Finding(code, f"{free / 1024**3:,.1f} GB free")


def kind_of_disk(folder: Path, mounts: str) -> str:
    """The type of the file system that a folder is on, by the lines of `mountinfo`; empty where they do not tell."""
    best, kind = "", ""
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        parts = left.split()
        if len(parts) < 5 or not right:
            continue
        point = re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), parts[4])
        if (folder == Path(point) or Path(point) in folder.parents) and len(point) >= len(best):
            best, kind = point, right.split()[0]
    return kind


def _passable(folder: Path) -> bool:
    """Whether everybody may go into a folder: into it and all above."""
    return all(one.stat().st_mode & stat.S_IXOTH for one in (folder, *folder.parents))


# --- Redis, Valkey -----------------------------------------------------------


def judge_server(told: Mapping[str, str], config: Config) -> Iterator[Finding]:
    """One server, by what it says of itself."""
    version = told.get("valkey_version") or told.get("redis_version", "")
    trip, skew = float(told.get("memsvc_trip_s", 0)), float(told.get("memsvc_skew_s", 0))
    name = told.get("server_name", "redis")
    yield Finding("server_ok", f"{name} {version}, {trip * 1000:.1f} ms a trip, clock {skew:+.2f} s")
    first = told.get("redis_version", "0").partition(".")[0]
    if first.isdigit() and int(first) < _FIRST_REDIS:
        yield Finding("server_old", version)
    if told.get("loading", "0") != "0":
        yield Finding("server_loading", "what it holds is not judged")
    yield from _memory(told)
    yield from _durability(told, config)
    yield from _others(told, config)
    if trip > SLOW_S:
        yield Finding("server_slow", f"{trip * 1000:.1f} ms")
    if abs(skew) > SKEW_S:
        yield Finding("server_clock", f"{skew:+.1f} s")


def _memory(told: Mapping[str, str]) -> Iterator[Finding]:
    policy = told.get("maxmemory-policy") or told.get("maxmemory_policy", "")
    limit, used = int(told.get("maxmemory", 0)), int(told.get("used_memory", 0))
    if limit and policy.startswith("allkeys-"):
        yield Finding("server_evicts", policy)
    elif limit and policy.startswith("volatile-"):
        yield Finding("server_evicts_some", policy)
    if limit and used > 0.85 * limit:
        yield Finding("server_nearly_full", f"{used / 1024**2:,.0f} of {limit / 1024**2:,.0f} MB")


def _durability(told: Mapping[str, str], config: Config) -> Iterator[Finding]:
    if "refused:CONFIG" in told:
        yield Finding("server_hides", "CONFIG GET is refused")
    if told.get("appendonly", "yes") != "yes" or told.get("aof_enabled", "1") != "1":
        required = config.redis_persistence == "require"
        yield Finding("server_forgets_refused" if required else "server_forgets", "appendonly is no")
        return
    match told.get("appendfsync"):
        case "no":
            yield Finding("server_syncs_seldom", "appendfsync is no")
        case "everysec":
            yield Finding("server_syncs_late", "appendfsync is everysec")


def _others(told: Mapping[str, str], config: Config) -> Iterator[Finding]:
    replicas = int(told.get("connected_slaves", 0))
    if replicas < config.redis_wait_replicas:
        yield Finding("replicas_missing", f"{replicas} of {config.redis_wait_replicas} are connected")
    elif not replicas:
        yield Finding("no_replicas", "connected replicas: none")
    if told.get("cluster_state", "ok") != "ok":
        yield Finding("cluster_down", f"{told.get('cluster_slots_ok', '?')} of 16384 slots are served")
    far = [host for host in told.get("memsvc_hosts", "").split() if not _near(host)]
    if far and told.get("memsvc_tls") != "1":
        yield Finding("server_not_private", f"{', '.join(far)} without TLS")


def _near(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
