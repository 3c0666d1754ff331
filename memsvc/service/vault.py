"""Tenants' keys for model providers, encrypted where they are stored.

AES-256-GCM under one key from the environment. Tenant and provider are bound into each: bytes that somebody moves
to another tenant in the store open nothing.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from memsvc.errors import InvalidRequest, NotFound, Unavailable
from memsvc.ports import SealedKeys

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = b"\x01"
"""Of the way in which keys are sealed; the first byte of each."""
NONCE_BYTES = 12
"""Drawn at random: a clash is out of sight for the few keys that one encryption key ever seals."""
MAX_PROVIDER, MAX_SECRET, MAX_TENANT = 50, 4_096, 200


class Vault:
    """Seals and opens.

    Args:
        encryption_key: 32 bytes.
    """

    def __init__(self, store: SealedKeys, encryption_key: bytes) -> None:
        self._store = store
        self._key = encryption_key

    async def put(self, tenant: str, provider: str, secret: str) -> None:
        """Keep a tenant's key for a provider, in the place of the one it has. Raises InvalidRequest."""
        for text, field, most in ((tenant, "tenant", MAX_TENANT), (provider, "provider", MAX_PROVIDER)):
            if not 1 <= len(text) <= most or not text.isprintable():
                raise InvalidRequest(f"The {field} must be 1 to {most} printable characters.", field=field)
        if not 1 <= len(secret) <= MAX_SECRET or not (secret.isascii() and secret.isprintable()) or " " in secret:
            raise InvalidRequest("A provider's key must be visible ASCII characters on one line.", field="key")
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._cipher().encrypt(nonce, secret.encode(), _bound(tenant, provider))
        await self._store.put_sealed(tenant, provider, VERSION + nonce + sealed)

    async def read(self, tenant: str, provider: str) -> str:
        """A tenant's key for a provider, in the clear: for the call that needs it, never for a log or an answer.

        Raises NotFound without one, Unavailable where it cannot be opened: sealed under another encryption key, or
        changed in the store."""
        from cryptography.exceptions import InvalidTag

        found = await self._store.sealed(tenant, provider)
        if found is None:
            raise NotFound(f"This tenant has no key for {provider!r}.")
        start = len(VERSION) + NONCE_BYTES
        try:
            if found[: len(VERSION)] != VERSION or len(found) < start:
                raise InvalidTag
            opened = self._cipher().decrypt(found[len(VERSION) : start], found[start:], _bound(tenant, provider))
        except InvalidTag:
            raise Unavailable(
                f"The key for {provider!r} cannot be opened: MEMSVC_ENCRYPTION_KEY is not the one that sealed it, or "
                "it was changed in the store. Set it again.",
                code="provider_key_sealed",
                retryable=False,
            ) from None
        return opened.decode()

    def _cipher(self) -> AESGCM:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(self._key)


def _bound(tenant: str, provider: str) -> bytes:
    """What is bound into a sealed key; lengths first, so that no two pairs look alike."""
    parts = [text.encode() for text in (tenant, provider)]
    return b"memsvc provider key" + b"".join(b"%d:%b" % (len(part), part) for part in parts)
