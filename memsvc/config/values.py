"""What single values of the settings mean."""

from __future__ import annotations

import base64
import ipaddress
import re
from urllib.parse import urlsplit

from pydantic import SecretStr

MIN_KEY_LENGTH = 16
HTTP = re.compile(r"https?://[^/\s@]+(/\S*)?")
"""Addresses without a user or password."""


def key_bytes(key: SecretStr) -> bytes | None:
    """The 32 bytes that a setting spells as base64; None = it does not."""
    try:
        found = base64.b64decode(key.get_secret_value(), validate=True)
    except ValueError:
        return None
    return found if len(found) == 32 else None


def only_here(host: str) -> bool:
    """Whether an address to listen on is reachable from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def own_server(url: str) -> bool:
    """Whether an address is on this machine or in a private network, so that nobody bills for it."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host  # a name without a domain: a container's, say
    return address.is_loopback or address.is_private
