"""Shamir's secret sharing over GF(2^521 - 1).

The field is larger than any secret of 32 bytes, so one polynomial shares a whole one. A share carries no proof; the protocol checks the
reconstructed secret against a commitment.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Final

PRIME: Final = 2**521 - 1
SECRET_BYTES: Final = 32
SHARE_BYTES: Final = 66


def split(secret: bytes, threshold: int, count: int) -> list[bytes]:
    """Return ``count`` shares of 66 bytes for the points 1 to ``count``; any ``threshold`` of them give the secret, fewer nothing.

    Raises:
        ValueError: the secret is not 32 bytes long, or the threshold does not lie between 1 and ``count``.
    """
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"a secret has {SECRET_BYTES} bytes, not {len(secret)}")
    if not 1 <= threshold <= count:
        raise ValueError(f"a threshold of {threshold} is not between 1 and {count} shares")
    coefficients = [*(secrets.randbelow(PRIME) for _ in range(threshold - 1)), int.from_bytes(secret)]
    return [_value(coefficients, point).to_bytes(SHARE_BYTES) for point in range(1, count + 1)]


def _value(coefficients: list[int], point: int) -> int:
    total = 0
    for coefficient in coefficients:
        total = (total * point + coefficient) % PRIME
    return total


def combine(shares: Mapping[int, bytes]) -> bytes | None:
    """Return the secret from shares by their points, as many as the threshold; None if they cannot be shares of one secret.

    The points must be distinct modulo the prime and not 0: a caller numbers its clients from 1.
    """
    total = 0
    for point, share in shares.items():
        numerator = denominator = 1
        for other in shares:
            if other != point:
                numerator = numerator * other % PRIME
                denominator = denominator * (other - point) % PRIME
        total += int.from_bytes(share) * numerator * pow(denominator, -1, PRIME)
    secret = total % PRIME
    return secret.to_bytes(SECRET_BYTES) if secret < 1 << (8 * SECRET_BYTES) else None
