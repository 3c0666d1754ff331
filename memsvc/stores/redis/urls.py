"""Store URLs: which server or servers, how to get in, and the namespace.

`redis://host:port/db` one server, `rediss://` the same through TLS, `redis+sentinel://h1:p,h2:p/service/db`,
`redis+cluster://h1:p,h2:p`; the last two with `rediss+` through TLS. `user:password@` in front of the hosts is
an ACL user; what is not plain in it is percent-encoded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote

Kind = Literal["single", "sentinel", "cluster"]
DEFAULT_PREFIX = "memsvc"
PORT, SENTINEL_PORT = 6379, 26379
TIMEOUT_S, CONNECT_S = 5.0, 2.0

_KINDS: dict[str, Kind] = {"redis": "single", "redis+sentinel": "sentinel", "redis+cluster": "cluster"}
_SCHEMES = {scheme: (kind, False) for scheme, kind in _KINDS.items()} | {
    scheme.replace("redis", "rediss"): (kind, True) for scheme, kind in _KINDS.items()
}
_PREFIX = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


@dataclass(frozen=True, slots=True)
class Address:
    """What a store URL says.

    Attributes:
        hosts: of the server, of the sentinels, or of some nodes of the cluster.
        service: the name that sentinels know the primary by.
        options: the driver's arguments for a connection: user, password, database, TLS.
        sentinel: user and password for the sentinels, where they ask for their own.
        timeout_s: the longest that a call waits for an answer.
    """

    kind: Kind
    hosts: tuple[tuple[str, int], ...]
    prefix: str = DEFAULT_PREFIX
    service: str = ""
    tls: bool = False
    timeout_s: float = TIMEOUT_S
    connect_s: float = CONNECT_S
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    sentinel: Mapping[str, Any] = field(default_factory=dict, repr=False)


def is_redis(url: str) -> bool:
    """Whether a URL is one of ours by its scheme."""
    return url.partition("://")[0] in _SCHEMES


def parse(url: str) -> Address:
    """What a URL says. Raises ValueError with a sentence that repeats nothing secret."""
    scheme, _, rest = url.partition("://")
    kind, tls = _SCHEMES[scheme]
    rest, _, query = rest.partition("?")
    where, _, path = rest.partition("/")
    login, _, hosts = where.rpartition("@")
    options: dict[str, Any] = _login(login)
    asked = dict(parse_qsl(query, keep_blank_values=True))
    prefix = asked.pop("prefix", DEFAULT_PREFIX)
    if not _PREFIX.fullmatch(prefix):
        raise ValueError("prefix must be 1 to 64 letters, digits or any of _ . : -")
    times = {name: _seconds(name, asked.pop(name)) for name in ("timeout_s", "connect_s") if name in asked}
    sentinel = {
        name.removeprefix("sentinel_"): asked.pop(name)
        for name in ("sentinel_username", "sentinel_password")
        if name in asked
    }
    options |= _tls_options(asked, tls)
    service, options["db"] = _path(kind, path)
    places = tuple(_host(h, SENTINEL_PORT if kind == "sentinel" else PORT) for h in hosts.split(","))
    if kind == "single" and len(places) > 1:
        raise ValueError(f"a {scheme}:// URL names one server; for several use redis+sentinel or redis+cluster")
    return Address(kind, places, prefix, service, tls, **times, options=options, sentinel=sentinel)


def _login(text: str) -> dict[str, str]:
    if not text:
        return {}
    user, colon, password = text.partition(":")
    if not colon:
        raise ValueError("before the @ there must be user:password, or :password")
    given = {"username": unquote(user), "password": unquote(password)}
    return {name: value for name, value in given.items() if value}


def _seconds(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value <= 600:
        raise ValueError(f"{name} must be a number of seconds above 0 and at most 600")
    return value


def _true(text: str) -> bool:
    return text.lower() in ("1", "true", "yes")


_TLS: dict[str, Callable[[str], Any]] = {
    "ssl_ca_certs": str,
    "ssl_ca_path": str,
    "ssl_certfile": str,
    "ssl_keyfile": str,
    "ssl_password": str,
    "ssl_ciphers": str,
    "ssl_cert_reqs": str,
    "ssl_check_hostname": _true,
}


def _tls_options(asked: Mapping[str, str], tls: bool) -> dict[str, Any]:
    known = ", ".join(["prefix", "timeout_s", "connect_s", "sentinel_username", "sentinel_password", *_TLS])
    for name in asked:
        if name not in _TLS:
            raise ValueError(f"{name!r} is no parameter of a store URL; there are {known}")
        if not tls:
            raise ValueError(f"{name} needs rediss:// (TLS)")
    return {name: _TLS[name](value) for name, value in asked.items()}


def _path(kind: Kind, path: str) -> tuple[str, int]:
    service, db = "", path
    if kind == "sentinel":
        service, _, db = path.partition("/")
        if not service:
            raise ValueError("redis+sentinel:// needs the name of the service after the hosts: /mymaster")
    if db and not (db.isascii() and db.isdigit()):
        raise ValueError("the database must be a number")
    if kind == "cluster" and int(db or 0):
        raise ValueError("a cluster has database 0 alone")
    return unquote(service), int(db or 0)


def _host(text: str, port: int) -> tuple[str, int]:
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:@/\[\]\s]+)(?::(\d{1,5}))?", text)
    if found is None or not 0 <= int(found[2] or port) < 65536:
        raise ValueError("the hosts must be host or host:port, several of them with commas between")
    return found[1].strip("[]"), int(found[2] or port)
