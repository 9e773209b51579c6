"""Requests of clients and their answers as bytes: the number of the request and a code; then JSON, or a command in its form in the log."""

from __future__ import annotations

import enum
import json
import struct
from typing import Any, Final

from workloads.consensus.errors import ProtocolError

_HEAD: Final = struct.Struct(">IB")
#: Of a request: a value of a mebibyte, written as JSON.
MAX_REQUEST_BYTES: Final = 8 << 20


class Operation(enum.IntEnum):
    """What is asked."""

    COMMAND = 1  # body: as of ``Command.request``
    WATCH = 2  # [prefix, after]
    CANCEL = 3  # a watch, by the number of its request
    STATUS = 4
    CHANGE_MEMBERS = 5  # [voters, learners]
    TRANSFER = 6  # name of the next leader


class Status(enum.IntEnum):
    """How it ended; a watch answers OK once it has begun, and anything else when it ends."""

    OK = 0
    NOT_LEADER = 1  # body: the leader's name, or null
    AGAIN = 2  # nothing is known of it; a command may be repeated with its number
    REFUSED = 3  # why
    SESSION_EXPIRED = 4
    COMPACTED = 5  # of a watch: why
    SLOW = 6


def encode(number: int, code: Operation | Status, body: Any = None) -> bytes:
    """Return a request or an answer with a JSON body; ``bytes`` go as they are."""
    return _HEAD.pack(number, code) + (body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode())


def decode(data: bytes) -> tuple[int, int, bytes]:
    """Return number, code and body.

    Raises:
        ProtocolError: it is too short.
    """
    if len(data) < _HEAD.size:
        raise ProtocolError("a request without a number")
    number, code = _HEAD.unpack_from(data)
    return number, code, data[_HEAD.size :]
