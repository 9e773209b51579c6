"""Key agreement and sealing between two clients.

X25519 (RFC 7748), HKDF-SHA256 (RFC 5869) with the session, the purpose and the pair in its info, ChaCha20-Poly1305 (RFC 8439).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An X25519 key pair of one client for one round."""

    private: X25519PrivateKey
    public: bytes

    @classmethod
    def generate(cls) -> KeyPair:
        """Draw a pair from the system's generator."""
        return cls.of(X25519PrivateKey.generate())

    @classmethod
    def of(cls, private: X25519PrivateKey) -> KeyPair:
        """Complete a private key."""
        return cls(private, private.public_key().public_bytes_raw())

    @classmethod
    def from_secret(cls, secret: bytes) -> KeyPair:
        """Read the 32 bytes of a private key."""
        return cls.of(X25519PrivateKey.from_private_bytes(secret))

    @property
    def secret(self) -> bytes:
        """The 32 bytes of the private key."""
        return self.private.private_bytes_raw()

    def agree(self, peer: bytes, context: bytes, purpose: str) -> bytes:
        """Return a key of 32 bytes that only the two share, the same on both sides.

        Raises:
            ValueError: the peer's key is not one (wrong length, or of small order).
        """
        shared = self.private.exchange(X25519PublicKey.from_public_bytes(peer))
        info = b"|".join((context, purpose.encode(), *sorted((self.public, peer))))
        return HKDF(SHA256(), KEY_BYTES, salt=None, info=info).derive(shared)


def seed_key(seed: bytes, context: bytes) -> bytes:
    """Return the key of a client's own mask from its seed of 32 bytes."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=context + b"|own mask").derive(seed)
