"""The field GF(2^66 * 4611686018427387897 + 1) (draft-irtf-cfrg-vdaf-20, section 6.1): vectors of it, and polynomials by their values.

A polynomial of degree below n, a power of two, is given by its values at the n-th roots of unity, along the last axis of an array: so
many of them are handled at once. Elements are Python integers in arrays of objects.
"""

from __future__ import annotations

from functools import cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from workloads.federation.errors import ProofError

Vector: TypeAlias = NDArray[np.object_]

MODULUS: Final = 2**66 * 4611686018427387897 + 1
ELEMENT_BYTES: Final = 16
_ROOTS_LOG: Final = 66
_GENERATOR: Final = pow(7, 4611686018427387897, MODULUS)
_HALF: Final = 64


def zeros(*shape: int) -> Vector:
    """Return an array of zeros."""
    return np.full(shape, 0, object)


def encode(vector: Vector) -> bytes:
    """Return 16 bytes for each element, little-endian."""
    return b"".join(int(element).to_bytes(ELEMENT_BYTES, "little") for element in vector)


def decode(data: bytes) -> Vector:
    """Return the elements that ``data`` encodes.

    Raises:
        ProofError: it ends within an element, or an element is not below the modulus.
    """
    vector = numbers(data)
    if (vector >= MODULUS).any():
        raise ProofError("a field element is not below the modulus")
    return vector


def numbers(data: bytes) -> Vector:
    """Return the integers of 16 bytes in ``data``, whether they are below the modulus or not.

    Raises:
        ProofError: it ends within one.
    """
    if len(data) % ELEMENT_BYTES:
        raise ProofError(f"{len(data)} bytes are no vector: an element has {ELEMENT_BYTES}")
    words = np.frombuffer(data, "<u8").astype(object)
    result: Vector = words[0::2] + (words[1::2] << _HALF)
    return result


def inverse(element: int) -> int:
    """Return 1 / ``element``, which must not be 0."""
    result: int = pow(element, -1, MODULUS)
    return result


def next_power_of_2(number: int) -> int:
    """Return the smallest power of two that is not smaller."""
    return 1 << (number - 1).bit_length()


@cache
def root(order: int) -> int:
    """Return the primitive root of unity of an order that is a power of two."""
    return pow(_GENERATOR, (1 << _ROOTS_LOG) // order, MODULUS)


@cache
def powers(base: int, count: int) -> Vector:
    """Return the powers 0 to ``count`` - 1; not to be changed."""
    result = zeros(count)
    result[:1] = 1
    for place in range(1, count):
        result[place] = result[place - 1] * base % MODULUS
    return result


def transform(values: Vector, unity: int) -> Vector:
    """Return the values at the powers of ``unity`` of the polynomials with these coefficients (number theoretic transform).

    ``unity`` is a primitive root whose order is the length of the last axis.
    """
    count = values.shape[-1]
    if count == 1:
        return values
    square = unity * unity % MODULUS
    even, odd = transform(values[..., 0::2], square), transform(values[..., 1::2], square)
    turned = odd * powers(unity, count // 2) % MODULUS
    return np.concatenate([(even + turned) % MODULUS, (even - turned) % MODULUS], axis=-1)


def doubled(values: Vector) -> Vector:
    """Return the values at the roots of twice the order."""
    count = values.shape[-1]
    coefficients = transform(values, inverse(root(count))) * inverse(count) % MODULUS
    result = zeros(*values.shape[:-1], 2 * count)
    result[..., 0::2] = values
    result[..., 1::2] = transform(coefficients * powers(root(2 * count), count) % MODULUS, root(count))
    return result


def completed(values: Vector) -> Vector:
    """Return ``values`` with the one at the last root of unity, of a polynomial whose degree is two below their new number.

    Its highest coefficient is zero, and is the sum of each value times its root.
    """
    roots = powers(root(len(values) + 1), len(values))
    last = -root(len(values) + 1) * int((values * roots).sum()) % MODULUS
    return np.concatenate([values, np.array([last], object)])


def evaluated(values: Vector, point: int) -> Vector:
    """Return the values at a point that is no root of unity, in one more Lagrange interpolation for each polynomial."""
    count = values.shape[-1]
    roots = powers(root(count), count)
    weights = np.array([inverse((point - int(each)) % MODULUS) for each in roots], object)
    factor = (pow(point, count, MODULUS) - 1) * inverse(count)
    weights = weights * roots % MODULUS * factor % MODULUS
    result: Vector = np.asarray((values * weights).sum(axis=-1) % MODULUS, object)
    return result
