"""Seals content with the key of a person: AES-256-GCM (NIST SP 800-38D) with a random nonce of 96 bits, bound to its place.

GDPR Article 32(1)(a): encryption of personal data.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from workloads.records.errors import UnreadableEventError
from workloads.records.personal.keys import Key, SubjectKeys

_NONCE_BYTES: Final = 12


class SubjectSealer:
    """A :class:`~workloads.records.store.Sealer` over keys of persons."""

    def __init__(self, keys: SubjectKeys) -> None:
        self._keys = keys

    def seal(self, subject: str, content: bytes, context: bytes) -> tuple[str, str]:
        """See :class:`~workloads.records.store.Sealer`."""
        key = self._keys.of(subject)
        return key.key_id, _sealed(key, content, context)

    def seal_with(self, key_id: str, content: bytes, context: bytes) -> str | None:
        """See :class:`~workloads.records.store.Sealer`."""
        key = self._keys.get(key_id)
        return _sealed(key, content, context) if key else None

    def unseal(self, key_id: str, sealed: str, context: bytes) -> bytes | None:
        """See :class:`~workloads.records.store.Sealer`.

        Raises:
            UnreadableEventError: it was changed, moved here from elsewhere, or sealed with another key.
        """
        key = self._keys.get(key_id)
        if key is None:
            return None
        try:
            content = b64decode(sealed, validate=True)
            return AESGCM(key.secret).decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], context)
        except (ValueError, InvalidTag) as error:
            raise UnreadableEventError(f"personal data under key {key_id}: were changed after they were sealed, or moved") from error


def _sealed(key: Key, content: bytes, context: bytes) -> str:
    nonce = os.urandom(_NONCE_BYTES)
    return b64encode(nonce + AESGCM(key.secret).encrypt(nonce, content, context)).decode()
