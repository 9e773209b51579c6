"""Snapshots as files: written beside, fsynced, renamed, and the folder fsynced; a reader never sees half of one."""

from __future__ import annotations

import json
import struct
import zlib

from workloads.consensus.errors import CorruptLogError, VersionError
from workloads.consensus.raft.messages import Snapshot
from workloads.consensus.wal.files import Files
from workloads.consensus.wal.records import REMEDY, decoded_configuration, encoded_configuration

SUFFIX = ".snapshot"
TEMPORARY = ".new"
_VERSION = 1
_HEAD = struct.Struct(">4sII")  # magic, CRC-32 of all that follows, length of the description
_MAGIC = b"SNAP"


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """Return the bytes of a snapshot, for a file or a message."""
    configuration = encoded_configuration(snapshot.configuration).decode()
    about = json.dumps([_VERSION, snapshot.index, snapshot.term, configuration]).encode()
    body = about + snapshot.data
    return _HEAD.pack(_MAGIC, zlib.crc32(body), len(about)) + body


def decode_snapshot(data: bytes, *, name: str) -> Snapshot:
    """Return the snapshot that ``encode_snapshot`` wrote; ``name`` says where it comes from.

    Raises:
        CorruptLogError: it is damaged.
        VersionError: a newer version of this program wrote it.
    """
    magic, checksum, length = _HEAD.unpack_from(data) if len(data) >= _HEAD.size else (b"", 0, 0)
    body = data[_HEAD.size :]
    if magic != _MAGIC or zlib.crc32(body) != checksum:
        raise CorruptLogError(f"{name}: the snapshot is damaged; {REMEDY}")
    version, *others = json.loads(body[:length])
    if version > _VERSION:
        raise VersionError(f"{name}: a snapshot of version {version}, and this program knows {_VERSION}; start the newer program here")
    index, term, configuration = others
    return Snapshot(index, term, decoded_configuration(configuration.encode()), body[length:])


def save(files: Files, snapshot: Snapshot) -> None:
    """Make ``snapshot`` durable.

    Raises:
        OSError: it cannot be written; what was there before still is.
    """
    write_whole(files, f"{snapshot.index:016x}{SUFFIX}", encode_snapshot(snapshot))


def write_whole(files: Files, name: str, data: bytes) -> None:
    """Write a file so that a crash leaves all of it or nothing (temporary name, fsync, rename, fsync of the folder).

    Raises:
        OSError: it cannot be written.
    """
    temporary = name + TEMPORARY
    files.create(temporary, data)
    files.sync(temporary)
    files.rename(temporary, name)
    files.sync_folder()


def newest(files: Files) -> Snapshot | None:
    """Return the last snapshot; None if there is none.

    Raises:
        CorruptLogError: it is damaged. It was durable, so an older one would be a step back.
        VersionError: a newer version of this program wrote it.
    """
    names = [name for name in files.names() if name.endswith(SUFFIX)]
    return decode_snapshot(files.read(names[-1]), name=files.where(names[-1])) if names else None


def remove_older(files: Files, index: int) -> None:
    """Remove the snapshots before the one at ``index``."""
    for name in files.names():
        if name.endswith(SUFFIX) and int(name.removesuffix(SUFFIX), 16) < index:
            files.remove(name)
