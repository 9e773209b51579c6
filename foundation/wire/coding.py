"""HTTP content codings (RFC 9110, section 8.4.1): incremental decompression of gzip and deflate."""

from __future__ import annotations

import zlib
from typing import Final

from foundation.wire.errors import ProtocolError

_MAX_UNPACKED: Final = 16 * 1024 * 1024
_GZIP: Final = zlib.MAX_WBITS | 16
_NAMES: Final = frozenset({b"gzip", b"x-gzip", b"deflate"})


class Unpacking:
    """Decompresses one body with the given ``coding``; ``whole`` once its end has arrived.

    gzip may have several members (RFC 1952, section 2.2). ``deflate`` is the zlib format according to the RFC, but some servers send raw
    deflate; the first two bytes distinguish them (RFC 1950, section 2.2).
    """

    __slots__ = ("_head", "_unpack", "_wbits", "whole")

    def __init__(self, coding: bytes) -> None:
        """Begin a body.

        Raises:
            ProtocolError: not one of these codings.
        """
        if coding not in _NAMES:
            raise ProtocolError(
                f"the answer is packed with Content-Encoding {coding[:40].decode('latin-1')!r}, which was not asked for and cannot be read"
            )
        self.whole = False
        self._head = b""
        self._wbits = 0 if coding == b"deflate" else _GZIP
        self._unpack = zlib.decompressobj(_GZIP)

    def feed(self, data: bytes) -> bytes:
        """Decompress bytes and return the result.

        Raises:
            ProtocolError: the data is corrupt, or one piece decompresses to more than 16 MiB.
        """
        if not self._wbits:
            data = self._head = self._head + data
            if len(data) < 2:
                return b""
            self._wbits = zlib.MAX_WBITS if data[0] & 15 == 8 and not int.from_bytes(data[:2]) % 31 else -zlib.MAX_WBITS
            self._unpack = zlib.decompressobj(self._wbits)
        parts = []
        left = _MAX_UNPACKED
        while data:
            if self.whole:
                self._unpack = zlib.decompressobj(self._wbits)
            try:
                part = self._unpack.decompress(data, left)
            except zlib.error as error:
                raise ProtocolError(f"the answer is packed, and damaged ({error})") from error
            parts.append(part)
            left -= len(part)
            if self._unpack.unconsumed_tail or left <= 0:
                raise ProtocolError(f"one piece of the answer unpacks to more than {_MAX_UNPACKED} bytes")
            self.whole = self._unpack.eof
            data = self._unpack.unused_data
        return b"".join(parts)
