"""Frames: magic, version, kind, length and CRC-32 of the body, all big-endian; then the body.

A checksum of our own, because TCP's 16 bits miss about one damaged segment in 65,536, and without TLS nothing else would see it.
"""

from __future__ import annotations

import enum
import struct
import zlib

from workloads.consensus.errors import ProtocolError, VersionError

_MAGIC, _VERSION = b"SC", 1
_HEAD = struct.Struct(">2sBBII")
#: A snapshot goes in one frame, everything else is far shorter. As JSON its 36 million characters (``store``) have up to 12 bytes each.
MAX_FRAME_BYTES = 512 << 20


class Kind(enum.IntEnum):
    """What a frame carries."""

    HELLO = 1  # the first of either side: who it is, and of which group
    REFUSED = 2  # the last: why
    RAFT = 3
    REQUEST = 4
    RESPONSE = 5
    CHANGES = 6


_KINDS = frozenset(Kind)


def frame(kind: Kind, body: bytes) -> bytes:
    """Return one frame."""
    return _HEAD.pack(_MAGIC, _VERSION, kind, len(body), zlib.crc32(body)) + body


class Frames:
    """Reads frames from bytes, however these were split.

    Args:
        max_bytes: of a body.
    """

    def __init__(self, max_bytes: int = MAX_FRAME_BYTES) -> None:
        self.max_bytes = max_bytes
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[Kind, bytes]]:
        """Return the frames that are complete now.

        Raises:
            ProtocolError: the other side speaks something else, a frame is damaged or too long.
            VersionError: it speaks a newer version.
        """
        buffer = self._buffer
        buffer += data
        frames, position = [], 0
        while position + _HEAD.size <= len(buffer):
            magic, version, kind, length, checksum = _HEAD.unpack_from(buffer, position)
            if magic != _MAGIC:
                raise ProtocolError("the other side does not speak this protocol; is it the right port, and is TLS on at both ends?")
            if version > _VERSION:
                raise VersionError(f"the other side speaks version {version}, and this program {_VERSION}; update this one")
            if length > self.max_bytes:
                raise ProtocolError(f"a frame of {length:,} bytes; at most {self.max_bytes:,} are allowed")
            end = position + _HEAD.size + length
            if end > len(buffer):
                break
            body = bytes(buffer[position + _HEAD.size : end])
            if zlib.crc32(body) != checksum or kind not in _KINDS:
                raise ProtocolError("a frame is damaged; the connection is closed")
            frames.append((Kind(kind), body))
            position = end
        del buffer[:position]
        return frames
