"""Asks whether the node's DNS answers, over its Service: that proves kube-proxy and CoreDNS at once."""

from __future__ import annotations

import secrets
import socket
import struct
from contextlib import suppress
from typing import Final

_RECURSION_DESIRED: Final = 0x0100
_TYPE_A, _CLASS_IN = 1, 1
_TIMEOUT_S: Final = 0.25
_NO_ERROR: Final = 0


def resolves(server: str, name: str, port: int = 53) -> bool:
    """Whether the DNS server at ``server`` knows an address of ``name`` (RFC 1035, section 4.1)."""
    identifier = secrets.randbelow(1 << 16)
    labels = b"".join(bytes([len(part)]) + part.encode("ascii") for part in name.rstrip(".").split("."))
    query = struct.pack("!6H", identifier, _RECURSION_DESIRED, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", _TYPE_A, _CLASS_IN)
    with suppress(OSError, struct.error), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(_TIMEOUT_S)
        asking.sendto(query, (server, port))
        answered, flags, _, answers, *_ = struct.unpack("!6H", asking.recv(512)[:12])
        return bool(answered == identifier and flags & 0xF == _NO_ERROR and answers)
    return False
