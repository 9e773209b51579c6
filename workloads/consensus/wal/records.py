"""Records of the write-ahead log as bytes, without files.

A record is its length and its checksum (32 bits each, big-endian; CRC-32 of the body), then the body: a byte for its type, then
what the type has. Zeros after the last record are space that was preallocated. A crash may tear the last records: these were
never acknowledged, and are cut. A damaged record with a sound one behind it was durable once: nothing may be cut there.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable

from workloads.consensus.errors import CorruptLogError
from workloads.consensus.raft.configuration import Configuration
from workloads.consensus.raft.messages import Entry, HardState, Kind

_HEAD = struct.Struct(">II")
_ENTRY = struct.Struct(">QQB")
_HARD_STATE, _LOG_ENTRY = b"H", b"E"
#: No body is longer; a longer one is damage.
MAX_BODY_BYTES = 64 << 20


def encode(records: Iterable[HardState | Entry]) -> bytes:
    """Return ``records`` one after another."""
    return b"".join(_framed(_body(record)) for record in records)


def decode(data: bytes, *, name: str) -> tuple[list[HardState | Entry], int]:
    """Return the records in ``data`` and where the sound part ends: what is behind it may be overwritten.

    Args:
        data: a whole segment.
        name: of its file, for the error.

    Raises:
        CorruptLogError: a damaged record has a sound one behind it.
    """
    records, position = [], 0
    while body := _sound_body(data, position):
        records.append(_record(body))
        position += _HEAD.size + len(body)
    if (sound := _next_sound(data, position + 1)) is not None:
        raise CorruptLogError(
            f"{name}: the record at byte {position} is damaged, and sound ones follow at byte {sound}; nothing was changed. "
            "Restore the file from a backup, or remove this member's folder and let it join again as a new member."
        )
    return records, position


def replay(records: Iterable[HardState | Entry]) -> tuple[HardState, list[Entry]]:
    """Return the last hard state and the log: an entry replaces all from its index on."""
    hard_state, entries = HardState(), list[Entry]()
    for record in records:
        if isinstance(record, HardState):
            hard_state = record
        else:
            if entries:
                del entries[max(0, record.index - entries[0].index) :]
            entries.append(record)
    return hard_state, entries


def _framed(body: bytes) -> bytes:
    return _HEAD.pack(len(body), zlib.crc32(body)) + body


def _body(record: HardState | Entry) -> bytes:
    if isinstance(record, HardState):
        return _HARD_STATE + json.dumps([record.term, record.vote]).encode()
    data = record.data if record.configuration is None else _encoded_configuration(record.configuration)
    return _LOG_ENTRY + _ENTRY.pack(record.index, record.term, record.kind) + data


def _record(body: bytes) -> HardState | Entry:
    if body[:1] == _HARD_STATE:
        return HardState(*json.loads(body[1:]))
    index, term, kind = _ENTRY.unpack_from(body, 1)
    data = body[1 + _ENTRY.size :]
    if kind == Kind.CONFIGURATION:
        return Entry(index, term, Kind(kind), configuration=Configuration(*map(frozenset, json.loads(data))))
    return Entry(index, term, Kind(kind), data)


def _encoded_configuration(configuration: Configuration) -> bytes:
    return json.dumps([sorted(configuration.voters), sorted(configuration.outgoing), sorted(configuration.learners)]).encode()


def _sound_body(data: bytes, position: int) -> bytes:
    """Return the body of the record at ``position``; empty if there is none, or it is damaged."""
    if position + _HEAD.size > len(data):
        return b""
    length, checksum = _HEAD.unpack_from(data, position)
    start = position + _HEAD.size
    if not 0 < length <= MAX_BODY_BYTES or start + length > len(data):
        return b""
    body = data[start : start + length]
    return body if zlib.crc32(body) == checksum and body[:1] in {_HARD_STATE, _LOG_ENTRY} else b""


def _next_sound(data: bytes, position: int) -> int | None:
    """Return the offset of the next valid record; None if only damage and zeros follow."""
    end = len(data.rstrip(b"\0"))
    return next((start for start in range(position, end) if _sound_body(data, start)), None)
