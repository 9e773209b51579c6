"""What clients and server send each other, in the order of the protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workloads.federation.secure_aggregation.masks import Words


@dataclass(frozen=True, slots=True)
class Advertisement:
    """Step 0, from a client: its keys for this round.

    Attributes:
        sender: name of the client.
        sealing_key: X25519 key that shares for it are sealed with.
        masking_key: X25519 key that pairwise masks come from.
        seed_digest: SHA-256 of the seed of its own mask: a seed that is reconstructed from shares is checked against it.
        signature: Ed25519 over the session and the three.
    """

    sender: str
    sealing_key: bytes
    masking_key: bytes
    seed_digest: bytes
    signature: bytes

    def signed(self, session_digest: bytes) -> bytes:
        """Return what the signature covers."""
        return b"|".join((b"keys", session_digest, self.sender.encode(), self.sealing_key + self.masking_key + self.seed_digest))


@dataclass(frozen=True, slots=True)
class SealedShares:
    """Step 1, from a client: for each other client a sealed pair of shares, of its masking key and of its seed.

    Attributes:
        sender: name of the client.
        sealed: ciphertexts by the names of their receivers.
        digests: SHA-256 of each share, by receiver: masking key, then seed. The server can tell who hands in a share that was never dealt.
    """

    sender: str
    sealed: Mapping[str, bytes]
    digests: Mapping[str, tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class MaskedUpdate:
    """Step 2, from a client: its update plus all masks, modulo 2^32."""

    sender: str
    words: Words


@dataclass(frozen=True, slots=True)
class Consent:
    """Step 3, from a client: its signature below the names of those whose masked updates the server says it has."""

    sender: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class Unmasking:
    """Step 4, from a client: shares of the masking keys of those who dropped out, and of the seeds of those who did not."""

    sender: str
    masking_key_shares: Mapping[str, bytes]
    seed_shares: Mapping[str, bytes]


def survivors_signed(session_digest: bytes, survivors: frozenset[str]) -> bytes:
    """Return what a :class:`Consent` signs."""
    return b"|".join((b"survivors", session_digest, *(name.encode().hex().encode() for name in sorted(survivors))))
