"""Exact samples of the discrete Gaussian distribution (Canonne, Kamath and Steinke 2020, algorithms 1 to 3), a vector at a time.

The only step that is not integer arithmetic is a coin toss with probability exp(-x). It compares 64 random bits with a float, whose error
is bounded; about once in 2^39 tosses this is inconclusive, and the comparison continues with rational numbers and more bits. The result has
exactly the distribution of the algorithms, so attacks on floating-point noise (Mironov 2012) do not apply.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from decimal import Context, Decimal
from fractions import Fraction
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from workloads.federation.errors import PrivacyError

Integers: TypeAlias = NDArray[np.int64]
#: Returns so many random bytes.
RandomBytes: TypeAlias = Callable[[int], bytes]

_WORD: Final = 2.0**64
#: Far above the error of a float exponential and of the conversion of 64 bits to one.
_MARGIN: Final = 2.0**24
#: Variances up to here keep every product in 64 bits.
_MOST_VARIANCE: Final = 2**60


def discrete_gaussian(count: int, variance: int, random_bytes: RandomBytes = os.urandom) -> Integers:
    """Return ``count`` independent samples with the weights exp(-k^2 / (2 ``variance``)).

    Args:
        count: how many.
        variance: parameter sigma^2, a positive integer; the variance of the samples is no larger.
        random_bytes: source of randomness; a test may pass a seeded one.

    Raises:
        PrivacyError: the variance is not an integer between 1 and 2^60.
    """
    if not 1 <= variance <= _MOST_VARIANCE:
        raise PrivacyError(f"the variance of discrete Gaussian noise must lie between 1 and 2^60, not {variance!r}")
    scale = math.isqrt(variance) + 1
    found: list[Integers] = [np.empty(0, np.int64)]
    missing = count
    while missing > 0:
        proposed = _discrete_laplace(2 * missing + 16, scale, random_bytes)
        distance = np.abs(proposed) - variance / scale
        accepted = _coins(
            distance**2 / (2 * variance),
            lambda index, values=proposed: (abs(int(values[index])) - Fraction(variance, scale)) ** 2 / (2 * variance),  # type: ignore[misc]
            random_bytes,
        )
        found.append(proposed[accepted][:missing])
        missing -= len(found[-1])
    return np.concatenate(found)


def _discrete_laplace(tries: int, scale: int, random_bytes: RandomBytes) -> Integers:
    """Return the accepted ones of ``tries`` proposals, as samples with the weights exp(-|k| / ``scale``)."""
    remainder = _below(scale, tries, random_bytes)
    remainder = remainder[_coins(remainder / scale, lambda index: Fraction(int(remainder[index]), scale), random_bytes)]
    quotient = np.zeros(len(remainder), np.int64)
    alive = np.arange(len(remainder))
    while len(alive):
        alive = alive[_coins(np.ones(len(alive)), lambda _: Fraction(1), random_bytes)]
        quotient[alive] += 1
    magnitude = remainder + scale * quotient
    negative = (np.frombuffer(random_bytes(len(magnitude)), np.uint8) & 1).astype(bool)
    kept: Integers = np.where(negative, -magnitude, magnitude)[~(negative & (magnitude == 0))]
    return kept


def _below(limit: int, count: int, random_bytes: RandomBytes) -> Integers:
    """Return uniform integers from 0 to ``limit`` - 1, by rejecting the incomplete last range of 64 bits."""
    words = np.frombuffer(random_bytes(8 * count), np.uint64)
    last = np.uint64(2**64 // limit * limit - 1)
    kept: Integers = (words[words <= last] % np.uint64(limit)).astype(np.int64)
    return kept


def _coins(exponents: NDArray[np.float64], exact: Callable[[int], Fraction], random_bytes: RandomBytes) -> NDArray[np.bool_]:
    """Toss a coin for each exponent x: true with probability exp(-x). ``exact`` returns the exponent at an index as a fraction."""
    bits = np.frombuffer(random_bytes(8 * len(exponents)), np.uint64)
    distance = np.exp(-exponents) * _WORD - bits.astype(np.float64)
    result: NDArray[np.bool_] = distance > 0
    for index in np.flatnonzero(np.abs(distance) <= _MARGIN):
        result[index] = decide(int(bits[index]), exact(int(index)), random_bytes)
    return result


def decide(bits: int, exponent: Fraction, random_bytes: RandomBytes) -> bool:
    """Return whether a uniform number whose first 64 binary digits are ``bits`` lies below exp(-``exponent``); draws more if necessary."""
    length = 64
    while True:
        digits = length // 3 + 30
        context = Context(prec=digits)
        threshold = Fraction(context.exp(context.divide(Decimal(-exponent.numerator), Decimal(exponent.denominator))))
        slack = Fraction(1, 10 ** (digits - 10))
        if Fraction(bits + 1, 1 << length) <= threshold - slack:
            return True
        if Fraction(bits, 1 << length) >= threshold + slack:
            return False
        bits = bits << 64 | int.from_bytes(random_bytes(8))
        length += 64
