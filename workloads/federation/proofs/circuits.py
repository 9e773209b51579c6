"""What is proved about a vector (draft-irtf-cfrg-vdaf-20, sections 7.4.3 and 7.4.4).

Each circuit encodes a measurement as a vector of bits. That every entry is 0 or 1 is checked in chunks: one gadget call adds up
x(x - 1) over the entries of a chunk, weighted by the powers of a random number.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from workloads.federation.errors import ProofError
from workloads.federation.proofs.field import MODULUS, Vector, inverse, zeros

Measurement = TypeVar("Measurement")


@dataclass(frozen=True, slots=True)
class Circuit(ABC, Generic[Measurement]):
    """A range check of ``encoded_length`` bits, and further sums that must be zero.

    Attributes:
        length: entries of the sum.
        chunk: bits that one gadget call checks; the root of the number of bits makes the shortest proof.
    """

    length: int
    chunk: int

    @property
    @abstractmethod
    def algorithm(self) -> int:
        """Identifier of Prio3 with this circuit."""

    @property
    @abstractmethod
    def encoded_length(self) -> int:
        """Bits of an encoded measurement."""

    @property
    @abstractmethod
    def outputs(self) -> int:
        """How many numbers must be zero for a valid measurement."""

    @abstractmethod
    def encode(self, measurement: Measurement) -> Vector:
        """Return the bits of a measurement; raises ProofError if it is out of range."""

    @abstractmethod
    def truncate(self, encoded: Vector) -> Vector:
        """Return the entries that are summed, or shares of them from shares of the bits."""

    @abstractmethod
    def further(self, encoded: Vector, shares: int) -> list[int]:
        """Return the outputs beside the range check."""

    @property
    def calls(self) -> int:
        """How often the gadget is called."""
        return -(-self.encoded_length // self.chunk)

    def wires(self, encoded: Vector, randomness: Vector, shares: int) -> Vector:
        """Return the inputs of the gadget, of shape (2 * chunk, calls): pairs whose products it adds up."""
        padded = np.concatenate([encoded, zeros(self.calls * self.chunk - len(encoded))]).reshape(self.calls, self.chunk)
        weights = zeros(self.calls, self.chunk)
        weights[:, 0] = randomness
        for place in range(1, self.chunk):
            weights[:, place] = weights[:, place - 1] * randomness % MODULUS
        result = zeros(2 * self.chunk, self.calls)
        result[0::2] = (weights * padded % MODULUS).T
        result[1::2] = ((padded - inverse(shares)) % MODULUS).T
        return result


@dataclass(frozen=True, slots=True)
class SumVec(Circuit[Any]):
    """Each entry of a vector lies between 0 and ``most``.

    Attributes:
        most: the largest entry.

    Raises:
        ProofError: a parameter is not positive, or sums could exceed the field.
    """

    most: int

    def __post_init__(self) -> None:
        if min(self.length, self.chunk, self.most) < 1 or 2**self.bits >= MODULUS:
            raise ProofError(f"length, chunk and largest entry must be positive, and the largest entry below the field: {self}")

    @property
    def algorithm(self) -> int:
        """Identifier of Prio3SumVec."""
        return 3

    @property
    def bits(self) -> int:
        """Bits of an entry."""
        return self.most.bit_length()

    @property
    def encoded_length(self) -> int:
        """Bits of all entries."""
        return self.length * self.bits

    @property
    def outputs(self) -> int:
        """Only the range check."""
        return 1

    def encode(self, measurement: Any) -> Vector:
        """Return the bits of a vector of integers.

        The last bit of an entry weighs just so much that the largest entry has all bits set. Smaller ones may have two encodings.

        Raises:
            ProofError: it has another length, or an entry is out of range.
        """
        entries = np.array([int(entry) for entry in measurement], object)
        if len(entries) != self.length or not all(0 <= entry <= self.most for entry in entries):
            raise ProofError(f"a measurement is {self.length} integers between 0 and {self.most}")
        top = entries >= 1 << (self.bits - 1)
        rest = np.where(top, entries - self._weights()[-1], entries)
        columns = [rest >> place & 1 for place in range(self.bits - 1)]
        return np.stack([*columns, top.astype(int).astype(object)], axis=1).reshape(-1)

    def truncate(self, encoded: Vector) -> Vector:
        """Return the entries from their bits."""
        result: Vector = (encoded.reshape(self.length, self.bits) * self._weights()).sum(axis=1) % MODULUS
        return result

    def further(self, encoded: Vector, shares: int) -> list[int]:
        """Return nothing."""
        del encoded, shares
        return []

    def _weights(self) -> Vector:
        lower = [1 << place for place in range(self.bits - 1)]
        return np.array([*lower, self.most - sum(lower)], object)


@dataclass(frozen=True, slots=True)
class Histogram(Circuit[int]):
    """One of ``length`` buckets.

    Raises:
        ProofError: a parameter is not positive.
    """

    def __post_init__(self) -> None:
        if min(self.length, self.chunk) < 1:
            raise ProofError(f"length and chunk must be positive: {self}")

    @property
    def algorithm(self) -> int:
        """Identifier of Prio3Histogram."""
        return 4

    @property
    def encoded_length(self) -> int:
        """A bit for each bucket."""
        return self.length

    @property
    def outputs(self) -> int:
        """The range check, and that one bit is set."""
        return 2

    def encode(self, measurement: int) -> Vector:
        """Return the bits of a bucket's number, from 0 on.

        Raises:
            ProofError: there is no such bucket.
        """
        if not 0 <= measurement < self.length:
            raise ProofError(f"a measurement is a bucket between 0 and {self.length - 1}, not {measurement}")
        encoded = zeros(self.length)
        encoded[measurement] = 1
        return encoded

    def truncate(self, encoded: Vector) -> Vector:
        """Return the bits."""
        return encoded

    def further(self, encoded: Vector, shares: int) -> list[int]:
        """Return how far the number of bits is from one."""
        return [(int(encoded.sum()) - inverse(shares)) % MODULUS]
