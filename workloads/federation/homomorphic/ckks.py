"""Sums of encrypted updates: key holder, clients, server.

Parameters are N = 8192 with moduli of 60, 40, 40 and 60 bits: 128 bits of security by the tables of the Homomorphic Encryption Standard
(2018), and room for the scale of 2^40. An update is cut into pieces of N / 2 entries.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import tenseal
from numpy.typing import NDArray

from workloads.federation.errors import ProtocolError, UpdateError

_DEGREE: Final = 8192
_MODULI_BITS: Final = [60, 40, 40, 60]
_SCALE: Final = 2.0**40
_SLOTS: Final = _DEGREE // 2
#: Digits after the point that are exact for entries up to about a thousand.
_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class EncryptedUpdate:
    """A client's update, or the sum of several.

    Attributes:
        contributors: whose updates it has.
        length: entries of the update.
        pieces: ciphertexts, each of up to 4,096 entries.
    """

    contributors: frozenset[str]
    length: int
    pieces: tuple[bytes, ...]


class KeyHolder:
    """Makes the keys of a run and decrypts sums; never the server.

    Args:
        threshold: fewest updates of a sum that is decrypted; at least 2.

    Raises:
        ProtocolError: the threshold would let single updates be decrypted.
    """

    def __init__(self, threshold: int) -> None:
        if threshold < 2:
            raise ProtocolError(f"with a threshold of {threshold} single updates would be decrypted; it must be at least 2")
        self._threshold = threshold
        self._context = tenseal.context(tenseal.SCHEME_TYPE.CKKS, _DEGREE, coeff_mod_bit_sizes=_MODULI_BITS)
        self._context.global_scale = _SCALE

    def public_context(self) -> bytes:
        """Return what clients and the server get: parameters and the public key."""
        serialised: bytes = self._context.serialize(
            save_public_key=True, save_secret_key=False, save_galois_keys=False, save_relin_keys=False
        )
        return serialised

    def decrypt(self, total: EncryptedUpdate) -> NDArray[np.float64]:
        """Return a sum, rounded to six digits after the point.

        Raises:
            ProtocolError: it has fewer updates than the threshold, or is no ciphertext of these keys.
        """
        if len(total.contributors) < self._threshold:
            raise ProtocolError(f"a sum of {len(total.contributors)} updates is not decrypted: the threshold is {self._threshold}")
        with _ciphertext("the sum"):
            parts = [np.array(tenseal.ckks_vector_from(self._context, piece).decrypt()) for piece in total.pieces]
        found = np.round(np.concatenate(parts), _DIGITS)
        if found.shape != (total.length,):
            raise ProtocolError(f"the sum has {len(found)} entries, and {total.length} are announced")
        return found


class Encryptor:
    """A client's side.

    Args:
        public_context: of the key holder.
        name: the client's own name.

    Raises:
        ProtocolError: it is no public context.
    """

    def __init__(self, public_context: bytes, name: str) -> None:
        self._context = _public(public_context)
        self._name = name

    def encrypt(self, update: NDArray[np.float64]) -> EncryptedUpdate:
        """Return an encrypted update.

        Raises:
            UpdateError: it is not a vector of finite numbers; names the client.
        """
        if update.ndim != 1 or not len(update) or not np.isfinite(update).all():
            raise UpdateError(f"client {self._name!r}: an update is a vector of finite numbers")
        pieces = (tenseal.ckks_vector(self._context, update[at : at + _SLOTS]).serialize() for at in range(0, len(update), _SLOTS))
        return EncryptedUpdate(frozenset({self._name}), len(update), tuple(pieces))


class Adder:
    """The server's side: adds what it cannot read.

    Args:
        public_context: of the key holder.
        length: entries of an update.

    Raises:
        ProtocolError: it is no public context, or has the secret key.
    """

    def __init__(self, public_context: bytes, length: int) -> None:
        self._context = _public(public_context)
        self._length = length
        self._pieces: list[Any] = []
        self._contributors: frozenset[str] = frozenset()

    def add(self, update: EncryptedUpdate) -> None:
        """Add a client's update.

        Raises:
            ProtocolError: it is malformed, or one of the clients is in the sum already. The sum is unchanged.
        """
        names = ", ".join(sorted(update.contributors)) or "nobody"
        if not update.contributors or update.contributors & self._contributors:
            raise ProtocolError(f"the update of {names} is in the sum already, or names no client")
        if update.length != self._length or len(update.pieces) != -(-self._length // _SLOTS):
            raise ProtocolError(f"the update of {names} has {update.length} entries in {len(update.pieces)} pieces, not {self._length}")
        with _ciphertext(f"the update of {names}"):
            pieces = [tenseal.ckks_vector_from(self._context, piece) for piece in update.pieces]
            sizes = [_SLOTS] * (self._length // _SLOTS) + [self._length % _SLOTS][: self._length % _SLOTS]
            if [(piece.size(), [each.scale for each in piece.ciphertext()]) for piece in pieces] != [(size, [_SCALE]) for size in sizes]:
                raise ValueError("the pieces have other sizes or another scale")
            self._pieces = [mine + other for mine, other in zip(self._pieces, pieces, strict=True)] if self._pieces else pieces
        self._contributors |= update.contributors

    def total(self) -> EncryptedUpdate:
        """Return the sum, for the key holder."""
        return EncryptedUpdate(self._contributors, self._length, tuple(piece.serialize() for piece in self._pieces))


def _public(serialised: bytes) -> Any:
    with _ciphertext("the context"):
        context = tenseal.context_from(serialised)
    if context.is_private():
        raise ProtocolError("the context has the secret key: whoever gets it could read every update; pass on the public one")
    return context


@contextmanager
def _ciphertext(what: str) -> Iterator[None]:
    """Turn what TenSEAL raises for malformed bytes into an error that says what they should have been."""
    try:
        yield
    except (ValueError, RuntimeError, TypeError) as error:
        raise ProtocolError(f"{what} is not what these keys have made: {error}") from error
