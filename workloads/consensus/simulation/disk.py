"""A disk that fails as disks do, as the files of a member: a crash keeps any part of what was not synced."""

from __future__ import annotations

import errno
import random

from workloads.consensus.raft.messages import Effects, Entry, HardState, Snapshot
from workloads.consensus.wal.storage import Storage

#: Small, so that a run of some thousand events fills several.
SEGMENT_BYTES = 4096
_SECTOR_BYTES = 512


class Crash(Exception):  # noqa: N818 - an event of the simulation, no error
    """The process crashes here."""


class FaultyFiles:
    """Files in memory, as they are seen and as they would be found after a crash.

    Attributes:
        loses_syncs: a disk that lies: it reports a sync and keeps nothing. No protocol survives it; a control for the checks.
        crash_at: crash at the I/O operation with this number; it may be half done.
        full_from: from the operation with this number on nothing fits on the disk.
        operations: so far.
    """

    def __init__(self, chance: random.Random, *, loses_syncs: bool = False) -> None:
        self.loses_syncs = loses_syncs
        self.crash_at: int | None = None
        self.full_from: int | None = None
        self.operations = 0
        self._chance = chance
        self._seen: dict[str, int] = {}  # name -> number of the file's content
        self._durable: dict[str, int] = {}
        self._contents: list[bytearray] = []
        self._synced: list[bytes] = []
        self._unsynced: dict[int, list[tuple[int, bytes]]] = {}  # writes by content: position and data

    def names(self) -> list[str]:  # noqa: D102 - described by the protocol, as all below
        return sorted(self._seen)

    def read(self, name: str) -> bytes:  # noqa: D102
        return bytes(self._contents[self._seen[name]])

    def create(self, name: str, data: bytes) -> None:  # noqa: D102
        self._operate(grows=True)
        number = len(self._contents)
        self._contents.append(bytearray(data))
        self._synced.append(b"")
        self._unsynced[number] = [(0, data)]
        self._seen[name] = number
        self._after()

    def write(self, name: str, position: int, data: bytes) -> None:  # noqa: D102
        self._operate(grows=position + len(data) > len(self._contents[self._seen[name]]))
        self._contents[self._seen[name]][position : position + len(data)] = data
        self._unsynced.setdefault(self._seen[name], []).append((position, data))
        self._after()

    def sync(self, name: str) -> None:  # noqa: D102
        self._operate()
        if not self.loses_syncs:
            number = self._seen[name]
            self._synced[number] = bytes(self._contents[number])
            self._unsynced.pop(number, None)
        self._after()

    def rename(self, old: str, new: str) -> None:  # noqa: D102
        self._operate()
        self._seen[new] = self._seen.pop(old)
        self._after()

    def remove(self, name: str) -> None:  # noqa: D102
        self._operate()
        del self._seen[name]
        self._after()

    def sync_folder(self) -> None:  # noqa: D102
        self._operate()
        if not self.loses_syncs:
            self._durable = dict(self._seen)
        self._after()

    def where(self, name: str) -> str:  # noqa: D102
        return name

    def crash(self) -> None:
        """Keep what was synced, and any part of the rest: sectors of writes, and names."""
        for number, writes in self._unsynced.items():
            content = bytearray(self._synced[number])
            for position, data in writes:
                self._keep_sectors(content, position, data)
            self._contents[number], self._synced[number] = content, bytes(content)
        self._unsynced = {}
        for name in sorted(self._seen.keys() | self._durable.keys()):
            if self._chance.random() < 0.5:  # this change of the folder was still on its way
                now, before = self._seen.get(name), self._durable.get(name)
                if now is not None:
                    self._durable[name] = now
                elif before is not None:
                    del self._durable[name]
        self._seen = dict(self._durable)
        self.crash_at = self.full_from = None

    def flip_bit(self, name: str, position: int, bit: int) -> None:
        """Damage a durable byte."""
        self._contents[self._seen[name]][position] ^= 1 << bit

    def _keep_sectors(self, content: bytearray, position: int, data: bytes) -> None:
        for start in range(0, len(data), _SECTOR_BYTES):
            part = data[start : start + _SECTOR_BYTES]
            if self._chance.random() < 0.5:
                part = part[: self._chance.randrange(len(part) + 1)]
            at = position + start
            content.extend(bytes(max(0, at + len(part) - len(content))))
            content[at : at + len(part)] = part

    def _operate(self, *, grows: bool = False) -> None:
        self.operations += 1
        if grows and self.full_from is not None and self.operations >= self.full_from:
            raise OSError(errno.ENOSPC, "No space left on device")

    def _after(self) -> None:
        if self.operations == self.crash_at:
            raise Crash


class Disk:
    """The disk of one simulated member: the real log on faulty files.

    Attributes:
        snapshot: the durable one.
        terms: of the durable entries, by index.
    """

    def __init__(self, first: Snapshot, chance: random.Random, *, loses_syncs: bool = False) -> None:
        self.files = FaultyFiles(chance, loses_syncs=loses_syncs)
        self.snapshot = first
        self.terms: dict[int, int] = {}
        self._first = first
        self._storage = Storage(self.files, first, segment_bytes=SEGMENT_BYTES)
        self._written: Effects | None = None

    def write(self, effects: Effects) -> None:
        """Write a snapshot and records, without any promise yet."""
        self._written = effects
        self._storage.write(effects)

    def sync(self) -> None:
        """Make durable what was written."""
        self._storage.sync()
        if self._written is not None and not self.files.loses_syncs:
            self._note(self._written)
        self._written = None

    def crash(self) -> None:
        """Lose what was not synced, but for an arbitrary part of it."""
        self._written = None
        self.files.crash()

    def load(self) -> tuple[Snapshot, HardState, list[Entry]]:
        """Return what is there after a crash."""
        self._storage = Storage(self.files, self._first, segment_bytes=SEGMENT_BYTES)
        self.snapshot, state, entries = self._storage.load()
        self.terms = {entry.index: entry.term for entry in entries}
        return self.snapshot, state, entries

    def _note(self, effects: Effects) -> None:
        for entry in effects.entries:
            if self.terms.get(entry.index, entry.term) != entry.term:
                self.terms = {index: term for index, term in self.terms.items() if index < entry.index}
            self.terms[entry.index] = entry.term
        if effects.snapshot is not None:
            self.snapshot = effects.snapshot
            same = self.terms.get(self.snapshot.index) == self.snapshot.term
            self.terms = {index: term for index, term in self.terms.items() if same and index > self.snapshot.index}
