"""Every finding there is: how bad it is, what it means, what to do. `docs/doctor.md` is printed from this table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

Level = Literal["OK", "NOTE", "WARNING", "ERROR"]
LEVELS: tuple[Level, ...] = ("OK", "NOTE", "WARNING", "ERROR")


class Kind(NamedTuple):
    """A kind of finding. `do` is empty where there is nothing to do."""

    level: Level
    means: str
    do: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was found. `text` says what, of this installation; it holds no secret."""

    code: str
    text: str

    @property
    def level(self) -> Level:
        """How bad it is."""
        return KINDS[self.code].level

    @property
    def do(self) -> str:
        """What to do about it; may be empty."""
        return KINDS[self.code].do


_SETTINGS = {
    "settings_ok": Kind("OK", "all settings were read and none contradicts another"),
    "settings_wrong": Kind(
        "ERROR", "a setting is unknown, wrong, or contradicts another; nothing starts", "correct it"
    ),
    "settings_readable": Kind(
        "WARNING",
        "the TOML file holds a secret and every user of the machine may read it",
        "chmod 600 it, or put secrets into the environment",
    ),
    "max_below_threshold": Kind(
        "WARNING",
        "max_tokens is not above threshold_tokens: the hard mark is met first, and contexts are cut in the caller's "
        "time by the local summarizer",
        "raise max_tokens, or lower threshold_tokens",
    ),
    "keeps_nearly_all": Kind(
        "WARNING",
        "keep_tokens and summary_tokens are over 80 % of threshold_tokens: compactions come every few turns, and each "
        "breaks the provider's cache",
        "raise threshold_tokens, or lower the others",
    ),
    "mode_shadow": Kind("NOTE", "contexts hold the full history: what is decided is only written down"),
    "mode_manual": Kind("NOTE", "nothing is compacted unless a caller asks for it"),
    "no_workers": Kind(
        "NOTE", "workers_concurrency is 0: this process compacts nothing by itself", "run `memsvc worker` somewhere"
    ),
}
_ACCESS = {
    "keys_on": Kind("OK", "callers need an API key"),
    "keys_off": Kind("NOTE", "callers need no key; the service listens to this machine alone, and has one tenant"),
    "keys_missing": Kind(
        "ERROR",
        "other machines could reach the service and there is no key: `memsvc serve` refuses to start",
        "memsvc keys create --tenant NAME, or bind 127.0.0.1",
    ),
    "keys_ended": Kind("ERROR", "every API key has expired or was revoked: nobody gets in", "memsvc keys create"),
    "key_expires": Kind("WARNING", "an API key ends within two weeks", "memsvc keys rotate ID --grace 1d"),
    "key_expired": Kind(
        "NOTE", "an API key has expired; who still uses it gets 401", "memsvc keys create, or rotate in time"
    ),
    "sealed_unreadable": Kind(
        "ERROR",
        "keys for providers are stored encrypted and encryption_key is not set: calls with them fail",
        "set MEMSVC_ENCRYPTION_KEY to the key they were stored with",
    ),
    "sealed_no_library": Kind(
        "ERROR",
        "keys for providers are stored and the package that decrypts is missing",
        "pip install 'memsvc[encryption]'",
    ),
}
_STORE = {
    "store_ok": Kind("OK", "the store answers and has this release's layout"),
    "store_new": Kind("NOTE", "there is no store yet: the first start makes it"),
    "store_memory": Kind("WARNING", "conversations live in memory and end with the process", "set MEMSVC_STORE"),
    "store_wrong": Kind(
        "ERROR", "the store's URL makes no sense, or its driver is not installed", "correct MEMSVC_STORE"
    ),
    "store_away": Kind(
        "ERROR", "the store does not answer, or is no store of memsvc", "see what it says; docs/stores.md"
    ),
    "schema_old": Kind(
        "NOTE", "an older release wrote the store: the next start brings it up to date", "back it up first (upgrade.md)"
    ),
    "schema_newer": Kind(
        "ERROR", "a newer release wrote the store: this one refuses it", "install that release, or go back to a backup"
    ),
    "schema_unknown": Kind(
        "ERROR", "a release from before the first one that can be upgraded wrote it", "upgrade.md: export, import"
    ),
}
_SQLITE = {
    "file_readable": Kind(
        "WARNING",
        "every user of the machine may read all conversations in the file",
        "chmod 600 it, and chmod 700 its folder",
    ),
    "file_read_only": Kind("ERROR", "this user may not write the file, or into its folder", "chown or chmod them"),
    "file_network": Kind(
        "WARNING",
        "the file is on a network file system, whose locks and syncs SQLite cannot rely on: it may be damaged",
        "put it on a local disk, or use Redis or Valkey",
    ),
    "file_not_wal": Kind("NOTE", "the file is not in WAL mode; the next start switches it"),
    "log_large": Kind(
        "WARNING",
        "the file's log (-wal) is over 256 MB: some process reads for very long, and it cannot be taken in",
        "look for a backup or a shell that holds the file open",
    ),
    "file_whole": Kind("OK", "quick_check found the file whole (--deep)"),
    "file_damaged": Kind("ERROR", "quick_check found the file damaged (--deep)", "stop, keep a copy, restore a backup"),
    "disk_full": Kind("ERROR", "less than 100 MB of the store's disk are free: writes will fail", "make room"),
    "disk_low": Kind("WARNING", "less than 1 GB of the store's disk is free", "make room"),
    "disk_ok": Kind("OK", "the store's disk has room"),
}
_SERVER = {
    "server_ok": Kind("OK", "a server of the store: its version, latency and clock"),
    "server_old": Kind("ERROR", "the server is older than Redis 6", "upgrade it"),
    "server_loading": Kind("WARNING", "the server is still reading its data", "wait"),
    "server_evicts": Kind(
        "ERROR",
        "when the server is full it throws conversations away (maxmemory-policy allkeys-*): `memsvc` refuses to start",
        "CONFIG SET maxmemory-policy noeviction",
    ),
    "server_evicts_some": Kind(
        "NOTE", "maxmemory-policy is volatile-*: conversations are safe, counters of budgets may be thrown away"
    ),
    "server_nearly_full": Kind(
        "WARNING", "over 85 % of maxmemory are used; when it is full writes get 503", "raise maxmemory, or purge"
    ),
    "server_forgets": Kind(
        "WARNING",
        "the server keeps no append-only file: a restart loses what was acknowledged since its last snapshot",
        "CONFIG SET appendonly yes",
    ),
    "server_forgets_refused": Kind(
        "ERROR",
        "it keeps no append-only file and redis_persistence is `require`: `memsvc` refuses to start",
        "CONFIG SET appendonly yes",
    ),
    "server_syncs_seldom": Kind(
        "WARNING",
        "appendfsync is no: a machine that loses power loses the last half minute",
        "CONFIG SET appendfsync everysec, or always",
    ),
    "server_syncs_late": Kind(
        "NOTE", "appendfsync is everysec: a machine that loses power loses up to a second or two (stores.md)"
    ),
    "server_hides": Kind(
        "NOTE", "the server does not tell its settings to this user (CONFIG GET)", "allow +config|get, or look yourself"
    ),
    "replicas_missing": Kind(
        "ERROR",
        "redis_wait_replicas asks for more replicas than are connected: every write gets 503",
        "start replicas, or lower it",
    ),
    "no_replicas": Kind("NOTE", "the server has no replica: while it is away so is the service"),
    "cluster_down": Kind("ERROR", "the cluster has slots that no primary serves", "redis-cli --cluster check"),
    "server_not_private": Kind(
        "WARNING", "conversations travel to another machine unencrypted", "use rediss:// where the network is not yours"
    ),
    "server_slow": Kind(
        "WARNING", "an answer takes over 5 ms; every request waits for at least one", "move them closer"
    ),
    "server_clock": Kind(
        "WARNING",
        "the server's clock and ours differ by over 2 s: one of them is wrong, and leases go by ours",
        "run NTP",
    ),
}
_WORK = {
    "queue_ok": Kind("OK", "no compaction waits for long"),
    "queue_stuck": Kind(
        "WARNING",
        "a compaction has been due for over 10 minutes: no worker runs, or they cannot keep up",
        "look whether a server with workers_concurrency above 0, or `memsvc worker`, runs on this store",
    ),
    "compactions_fail": Kind(
        "WARNING", "the last compaction of a session failed; it is tried again", "memsvc show SESSION tells why"
    ),
    "budget_used": Kind(
        "WARNING",
        "a tenant's budget is used up: summaries are local ones, the gateway answers 402",
        "raise it, or wait",
    ),
}
_MODELS = {
    "models_local": Kind("NOTE", "no model is named: summaries are local ones, without a key or a network"),
    "model_ok": Kind("OK", "a model that writes summaries: its library is here, its price known"),
    "sdk_missing": Kind(
        "ERROR", "a model is named and its vendor's library is not installed", "pip install 'memsvc[VENDOR]'"
    ),
    "price_unknown": Kind(
        "ERROR",
        "the price of a model is not known: `memsvc` refuses to start, for it could not keep its budget",
        "set prices_file, or MEMSVC_SUMMARIZER_INPUT_USD and _OUTPUT_USD",
    ),
    "model_deprecated": Kind("WARNING", "the price list says that the vendor gives the model up", "name its successor"),
    "prices_ok": Kind("OK", "the price list is here, and the file of one's own prices readable"),
    "prices_old": Kind(
        "NOTE",
        "the price list was installed over 90 days ago (it carries no date itself): new models and prices are missing",
        "upgrade genai-prices, or set prices_file",
    ),
    "prices_wrong": Kind("ERROR", "prices_file cannot be read: nothing starts", "correct it (budgets.md)"),
    "provider_ok": Kind("OK", "the provider knows the key and the model (--online)"),
    "provider_refuses": Kind("ERROR", "the provider refuses the key (--online)", "set another key"),
    "provider_no_model": Kind(
        "ERROR", "the provider does not know the model, or not for this key (--online)", "name another"
    ),
    "provider_away": Kind(
        "WARNING", "the provider did not answer, or with an error of its own (--online)", "try again later"
    ),
    "provider_clock": Kind("WARNING", "the provider's clock and ours differ by over 5 s (--online)", "run NTP"),
    "webhook_ok": Kind("OK", "the webhook's server answers (--online; nothing is posted)"),
    "webhook_away": Kind("WARNING", "the webhook's server does not answer (--online)", "see alert_webhook_url"),
}
_MACHINE = {
    "counter_ok": Kind("OK", "the vocabulary is here and counts as it should"),
    "counter_wrong": Kind(
        "ERROR", "the vocabulary is missing, damaged, or counts wrong: nothing starts", "reinstall memsvc"
    ),
    "clock_ok": Kind("OK", "the clock runs evenly"),
    "clock_jumps": Kind(
        "WARNING",
        "the clock was set while doctor ran: messages and leases get wrong times",
        "slew it (chrony), do not step it",
    ),
    "clock_wrong": Kind("ERROR", "the clock is before the year in which this release was made", "set it; run NTP"),
    "files_few": Kind(
        "WARNING", "fewer than 1,024 files and sockets may be open; connections will be refused", "ulimit -n 65536"
    ),
    "memory_low": Kind(
        "WARNING", "less memory is free than cache_bytes and 256 MB", "lower cache_bytes, or add memory"
    ),
    "machine_ok": Kind("OK", "files, memory and Python suffice"),
    "versions_ok": Kind("OK", "the libraries have versions that this release was made for"),
    "version_off": Kind(
        "WARNING", "a library has a version that this release was not made for", "pip install -r requirements.txt"
    ),
    "version_unknown": Kind("NOTE", "which versions this release wants is not known here (no package metadata)"),
    "check_failed": Kind(
        "WARNING", "a check did not end in time, or failed itself: what it looks at is not known", "try it by hand"
    ),
}
GROUPS: Mapping[str, Mapping[str, Kind]] = {
    "Settings": _SETTINGS,
    "Access": _ACCESS,
    "Store": _STORE,
    "SQLite file": _SQLITE,
    "Redis or Valkey": _SERVER,
    "Work and money": _WORK,
    "Models and prices": _MODELS,
    "Machine": _MACHINE,
}
KINDS: Mapping[str, Kind] = {code: kind for group in GROUPS.values() for code, kind in group.items()}
_HEAD = """# memsvc doctor

`memsvc doctor` looks at the settings, the store, the machine and, with `--online`, at providers and the webhook, and
says what an operator should know. It changes nothing: a store is read, never opened, made or brought up to date. No
secret is printed. A check that does not end within ten seconds is given up and named.

```text
memsvc doctor [--store URL] [--online] [--deep] [--json] [--quiet]
```

* `--online` asks each provider for its named models (`GET …/models/MODEL`, which is not billed), compares clocks, and
  asks the webhook's server for its head, without posting anything.
* `--deep` reads a whole SQLite file (`quick_check`); it takes as long as the disk does.
* `--json` prints one object, `{"status", "findings": [{"code", "level", "text", "do"}]}`; `--quiet` leaves out what is
  as it should be.
* Exit status: 0 without an error, 1 with one, 2 for wrong usage. Warnings do not fail it.

A look at a Redis or Valkey takes only commands that read, and no script. An SQLite file that nobody uses is read as it
lies, so that no file appears beside it; one in use is read like any other reader does.

What it cannot see: whether backups are made, whether a proxy in front ends TLS, a model's date of retirement (vendors
publish it on pages, not in an API; the price list's mark of deprecation is all that is looked at). The age of the price
list is that of its installation. Network file systems are known by the type in `/proc/self/mountinfo`, on Linux alone;
limits and free memory are those of the shell that doctor runs in. Of a store on Redis, budgets are looked up for
`default` and for tenants with keys. That `file_network`, `disk_low`, `disk_full`, `memory_low`, `server_old` and
`cluster_down` are said where they should be is tested with figures, not with such machines.
"""


def markdown() -> str:
    """docs/doctor.md as it should be."""
    lines = [_HEAD]
    for title, group in GROUPS.items():
        lines += [f"## {title}", "", "| code | level | what it means | what to do |", "|---|---|---|---|"]
        cells = ((f"`{code}`", kind.level, kind.means, kind.do) for code, kind in group.items())
        lines += ["| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in cells]
        lines.append("")
    return "\n".join(lines[:-1]) + "\n"
