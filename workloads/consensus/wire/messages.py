"""Messages between members as bytes: the fields as a JSON array behind its length; then entries as the log has them, or a snapshot."""

from __future__ import annotations

import dataclasses
import json
import struct
from typing import Any, Final

from workloads.consensus.errors import ConsensusError, ProtocolError
from workloads.consensus.raft import messages as raft
from workloads.consensus.raft.messages import AppendRequest, Entry, Message, SnapshotRequest
from workloads.consensus.wal import records
from workloads.consensus.wal.snapshots import decode_snapshot, encode_snapshot

_LENGTH = struct.Struct(">I")
_KINDS: Final[tuple[type[Message], ...]] = (
    raft.VoteRequest,
    raft.VoteReply,
    raft.AppendRequest,
    raft.AppendReply,
    raft.Heartbeat,
    raft.HeartbeatReply,
    raft.SnapshotRequest,
    raft.TimeoutNow,
    raft.ReadRequest,
    raft.ReadReply,
)
_TYPES: Final = {kind.__name__: kind for kind in _KINDS}
_FIELDS: Final = {kind: [each.name for each in dataclasses.fields(kind)] for kind in _KINDS}
_APART: Final = {"entries", "snapshot"}


def encode(message: Message) -> bytes:
    """Return the bytes of ``message``."""
    kind = type(message)
    fields = [None if name in _APART else getattr(message, name) for name in _FIELDS[kind]]
    head = json.dumps([kind.__name__, *fields], separators=(",", ":")).encode()
    tail = b""
    if isinstance(message, AppendRequest):
        tail = records.encode(message.entries)
    elif isinstance(message, SnapshotRequest):
        tail = encode_snapshot(message.snapshot)
    return _LENGTH.pack(len(head)) + head + tail


def decode(data: bytes) -> Message:
    """Return the message that ``encode`` gave.

    Raises:
        ProtocolError: it is none.
    """
    try:
        (length,) = _LENGTH.unpack_from(data)
        name, *fields = json.loads(data[_LENGTH.size : _LENGTH.size + length])
        kind = _TYPES[name]
        values: dict[str, Any] = dict(zip(_FIELDS[kind], fields, strict=True))
        tail = data[_LENGTH.size + length :]
        if kind is AppendRequest:
            found, _ = records.decode(tail, name="message")
            values["entries"] = tuple(each for each in found if isinstance(each, Entry))
        elif kind is SnapshotRequest:
            values["snapshot"] = decode_snapshot(tail, name=f"a snapshot of {values['sender']}")
        return kind(**values)
    except (ValueError, KeyError, TypeError, struct.error, ConsensusError) as error:
        raise ProtocolError(f"a message that cannot be read: {error}") from error
