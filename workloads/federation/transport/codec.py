"""Messages as bytes.

A frame is ``SF``, a version, CRC-32 of the rest (as in zlib), the name of the message's class, and its fields in the encoding of
:mod:`~workloads.federation.transport.shapes`. The checksum finds what a memory or a disk has changed; attackers are kept out by TLS and by
the signatures of the protocol.

Why not msgpack or JSON: both have several encodings of one value, and readers that ignore what they do not know. Here a message is read
from exactly the bytes that would be written for it, or refused.
"""

from __future__ import annotations

import zlib
from typing import Any, Final

from workloads.federation.errors import WireError
from workloads.federation.transport.shapes import OneOf, Reader

VERSION: Final = 1
_MAGIC: Final = b"SF"
_HEAD_BYTES: Final = len(_MAGIC) + 1 + 4


class Codec:
    """Writes and reads messages of the given classes.

    Args:
        kinds: frozen dataclasses with different names.

    Raises:
        TypeError: one has a field of a type that messages cannot have.
    """

    def __init__(self, *kinds: type) -> None:
        self._messages = OneOf(*kinds)

    def encode(self, message: object) -> bytes:
        """Return the frame of a message.

        Raises:
            WireError: it is none of these messages, or a field has a value that cannot be written.
        """
        content = self._messages.write(message)
        return b"%b%c%b%b" % (_MAGIC, VERSION, zlib.crc32(content).to_bytes(4), content)

    def decode(self, frame: bytes) -> Any:
        """Return the message of a frame.

        Raises:
            WireError: it is cut, changed, of another version, none of these messages, or followed by something.
        """
        if len(frame) < _HEAD_BYTES or not frame.startswith(_MAGIC):
            raise WireError("this is no message of a federation")
        if frame[2] != VERSION:
            raise WireError(f"the message has version {frame[2]}, and this program knows version {VERSION}; upgrade the older side")
        content = frame[_HEAD_BYTES:]
        if zlib.crc32(content).to_bytes(4) != frame[3:_HEAD_BYTES]:
            raise WireError("the message was cut or changed on the way: its checksum does not fit")
        reader = Reader(content)
        message = self._messages.read(reader)
        if reader.left:
            raise WireError(f"{reader.left} bytes follow the message")
        return message
