"""Randomness from seeds: XofTurboShake128 (draft-irtf-cfrg-vdaf-20, section 6.2.1; TurboSHAKE128 is RFC 9861)."""

from __future__ import annotations

from typing import Final

import numpy as np
from Crypto.Hash import TurboSHAKE128

from workloads.federation.proofs.field import ELEMENT_BYTES, MODULUS, Vector, numbers

SEED_BYTES: Final = 32


class Xof:
    """A stream of bytes from a seed, a domain separation tag and a binder."""

    def __init__(self, seed: bytes, tag: bytes, binder: bytes) -> None:
        self._hash = TurboSHAKE128.new(domain=1)
        self._hash.update(len(tag).to_bytes(2, "little") + tag + len(seed).to_bytes(1, "little") + seed + binder)

    def seed(self) -> bytes:
        """Return a seed of 32 bytes."""
        seed: bytes = self._hash.read(SEED_BYTES)
        return seed

    def vector(self, count: int) -> Vector:
        """Return ``count`` field elements: the numbers of 16 bytes in the stream that are below the modulus."""
        found = np.empty(0, object)
        while len(found) < count:
            drawn = numbers(self._hash.read(ELEMENT_BYTES * (count - len(found))))
            found = np.concatenate([found, drawn[drawn < MODULUS]])
        return found
