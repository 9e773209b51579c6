"""Records of the write-ahead log as bytes, without files.

A frame is what one fsync makes durable: its length and its checksum (32 bits each, big-endian; CRC-32 of the body), then the records,
each with its length before it. Zeros after the last frame are space that was preallocated. A crash may tear the last frame, in any order
of its sectors: it was never acknowledged, and is cut. A damaged frame with a sound one behind it was durable once: nothing may be cut
there.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from workloads.consensus.errors import CorruptLogError
from workloads.consensus.raft.configuration import Configuration
from workloads.consensus.raft.messages import Entry, HardState, Kind

_HEAD = struct.Struct(">II")
_LENGTH = struct.Struct(">I")
_ENTRY = struct.Struct(">QQB")
_SEGMENT, _HARD_STATE, _LOG_ENTRY = b"S", b"H", b"E"
#: No body is longer; a longer one is damage.
MAX_BODY_BYTES = 256 << 20
#: What to do about a damaged file; the rest of an error's message.
REMEDY = "nothing was changed. Restore the file from a backup, or remove this member, empty its folder and add it again as a new one."


@dataclass(frozen=True, slots=True)
class Segment:
    """The first record of a segment.

    Args:
        version: of the format.
        owner: the group and the member whose log this is.
        fresh: the log starts here, behind a snapshot; segments before this one are leftovers.
    """

    version: int
    owner: str
    fresh: bool


Record = Segment | HardState | Entry


def encode(records: Iterable[Record]) -> bytes:
    """Return one frame of ``records``; empty without any."""
    body = b"".join(_LENGTH.pack(len(each)) + each for each in map(_body, records))
    return _HEAD.pack(len(body), zlib.crc32(body)) + body if body else b""


def decode(data: bytes, *, name: str) -> tuple[list[Record], int]:
    """Return the records in ``data`` and where the sound part ends: what is behind it may be overwritten.

    Args:
        data: a whole segment, or frames from elsewhere.
        name: of the file, for the error.

    Raises:
        CorruptLogError: a damaged frame has a sound one behind it.
    """
    records: list[Record] = []
    position = 0
    while body := _sound_body(data, position):
        records.extend(map(_record, _parts(body)))
        position += _HEAD.size + len(body)
    if (sound := _next_sound(data, position + 1)) is not None:
        raise CorruptLogError(f"{name}: the record at byte {position} is damaged, and sound ones follow at byte {sound}; {REMEDY}")
    return records, position


def replay(records: Iterable[Record]) -> tuple[HardState, list[Entry]]:
    """Return the last hard state and the log: an entry replaces all from its index on.

    Raises:
        ValueError: an entry does not follow the ones before it.
    """
    hard_state, entries = HardState(), list[Entry]()
    for record in records:
        if isinstance(record, HardState):
            hard_state = record
        elif isinstance(record, Entry):
            put(entries, record)
    return hard_state, entries


def put(entries: list[Entry], entry: Entry) -> None:
    """Put ``entry`` in its place; it replaces all from its index on.

    Raises:
        ValueError: there is a gap before it.
    """
    if entries:
        if entry.index > entries[-1].index + 1:
            raise ValueError(f"entry {entry.index} follows {entries[-1].index}")
        del entries[max(0, entry.index - entries[0].index) :]
    entries.append(entry)


def _body(record: Record) -> bytes:
    match record:
        case Segment():
            return _SEGMENT + json.dumps([record.version, record.owner, record.fresh]).encode()
        case HardState():
            return _HARD_STATE + json.dumps([record.term, record.vote]).encode()
        case Entry():
            data = record.data if record.configuration is None else encoded_configuration(record.configuration)
            return _LOG_ENTRY + _ENTRY.pack(record.index, record.term, record.kind) + data


def _record(body: bytes) -> Record:
    if body[:1] == _SEGMENT:
        return Segment(*json.loads(body[1:]))
    if body[:1] == _HARD_STATE:
        return HardState(*json.loads(body[1:]))
    index, term, kind = _ENTRY.unpack_from(body, 1)
    data = body[1 + _ENTRY.size :]
    if kind == Kind.CONFIGURATION:
        return Entry(index, term, Kind(kind), configuration=decoded_configuration(data))
    return Entry(index, term, Kind(kind), data)


def encoded_configuration(configuration: Configuration) -> bytes:
    """Return the form of a configuration in the log and in snapshots."""
    return json.dumps([sorted(configuration.voters), sorted(configuration.outgoing), sorted(configuration.learners)]).encode()


def decoded_configuration(data: bytes) -> Configuration:
    """Return the configuration that ``encoded_configuration`` gave."""
    return Configuration(*map(frozenset, json.loads(data)))


def _parts(body: bytes) -> Iterator[bytes]:
    position = 0
    while position < len(body):
        (length,) = _LENGTH.unpack_from(body, position)
        position += _LENGTH.size
        yield body[position : position + length]
        position += length


def _sound_body(data: bytes, position: int) -> bytes:
    """Return the body of the frame at ``position``; empty if there is none, or it is damaged."""
    if position + _HEAD.size > len(data):
        return b""
    length, checksum = _HEAD.unpack_from(data, position)
    start = position + _HEAD.size
    if not _LENGTH.size < length <= MAX_BODY_BYTES or start + length > len(data):
        return b""
    body = data[start : start + length]
    kind = body[_LENGTH.size : _LENGTH.size + 1]
    return body if kind in {_SEGMENT, _HARD_STATE, _LOG_ENTRY} and zlib.crc32(body) == checksum else b""


def _next_sound(data: bytes, position: int) -> int | None:
    """Return the offset of the next sound frame; None if only damage and zeros follow."""
    end = len(data.rstrip(b"\0"))
    return next((start for start in range(position, end) if _sound_body(data, start)), None)
