"""Masks: the key stream of AES-256 in counter mode, as integers of 32 bits.

Each key is used for one mask and discarded, so the counter may start at zero. Additions wrap: the masks are uniform in Z_2^32, and so is
every masked update.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from numpy.typing import NDArray

Words: TypeAlias = NDArray[np.uint32]

#: Entries that are masked at a time: stays in a core's cache, and hides how many masks there are from the allocator.
_CHUNK: Final = 16_384
_ZEROS: Final = bytes(4 * _CHUNK)


def add_masks(words: Words, *, plus: list[bytes], minus: list[bytes]) -> None:
    """Add and subtract the masks of keys of 32 bytes, in place, modulo 2^32."""
    streams = [(np.add, _stream(key)) for key in plus] + [(np.subtract, _stream(key)) for key in minus]
    room = bytearray(4 * _CHUNK)
    for start in range(0, len(words), _CHUNK):
        part = words[start : start + _CHUNK]
        size = 4 * len(part)
        mask = np.frombuffer(room, dtype="<u4", count=len(part))
        for operation, stream in streams:
            stream.update_into(_ZEROS[:size] if size < len(_ZEROS) else _ZEROS, room)
            operation(part, mask, out=part)


def _stream(key: bytes) -> CipherContext:
    return Cipher(AES(key), CTR(bytes(16))).encryptor()
