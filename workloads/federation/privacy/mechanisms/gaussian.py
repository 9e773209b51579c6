"""Gaussian noise from a cryptographic generator, in floating point.

Each sample is the sum of four independent ones, halved. An attacker who wants to recover the noise from the low bits of a result (Mironov
2012) then faces many times more preimages than with one (Holohan and Braghin 2021, "Secure random sampling in differential privacy"). This
makes the attack impractical and is no proof; the noise of secure sums is discrete and exact.
"""

from __future__ import annotations

import os
from typing import Final

import numpy as np
from numpy.typing import NDArray

from workloads.federation.privacy.mechanisms.discrete_gaussian import RandomBytes

_PARTS: Final = 4
_BITS: Final = 53


def gaussian(count: int, deviation: float, random_bytes: RandomBytes = os.urandom) -> NDArray[np.float64]:
    """Return ``count`` samples with mean 0.

    Args:
        count: how many.
        deviation: standard deviation, in the unit of what it is added to.
        random_bytes: source of randomness; a test may pass a seeded one.
    """
    pairs = -(-count // 2)
    words = np.frombuffer(random_bytes(8 * 2 * pairs * _PARTS), np.uint64) >> np.uint64(64 - _BITS)
    uniform = (words.astype(np.float64).reshape(2, _PARTS, pairs) + 0.5) * 2.0**-_BITS
    # Box and Muller 1958: each pair of uniform numbers gives two independent normal ones.
    radius, angle = np.sqrt(-2 * np.log(uniform[0])), 2 * np.pi * uniform[1]
    samples: NDArray[np.float64] = np.concatenate([(radius * np.cos(angle)).sum(axis=0), (radius * np.sin(angle)).sum(axis=0)])
    samples *= deviation / np.sqrt(_PARTS)
    return samples[:count]
