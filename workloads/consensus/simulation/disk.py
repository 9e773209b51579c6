"""The disk of one member: synced data survives a crash; of unsynced writes, an arbitrary part does."""

from __future__ import annotations

import random

from workloads.consensus.raft.messages import Effects, Entry, HardState, Snapshot
from workloads.consensus.wal import records


class Disk:
    """A snapshot and a write-ahead log.

    Args:
        first: the snapshot of a new group.
        loses_syncs: a disk that lies: it reports a sync and keeps nothing. No protocol survives it; a control for the checks.
    """

    def __init__(self, first: Snapshot, *, loses_syncs: bool = False) -> None:
        self.snapshot = first
        self.terms: dict[int, int] = {}  # of the durable entries, by index
        self._loses_syncs = loses_syncs
        self._wal = b""
        self._buffer = b""
        self._open: Effects | None = None

    def write(self, effects: Effects) -> None:
        """Write a snapshot and records, without any promise yet."""
        self._open = effects
        state = [effects.hard_state] if effects.hard_state else []
        self._buffer = records.encode([*state, *effects.entries])

    def sync(self) -> None:
        """Make durable what was written. With a snapshot the log starts empty: both replace the old ones in one rename."""
        effects, self._open = self._open, None
        if effects is None or self._loses_syncs:
            return
        self._wal += self._buffer
        self._buffer = b""
        if effects.snapshot is not None:
            state, entries = self._replayed()
            self.snapshot = effects.snapshot
            kept = [entry for entry in entries if entry.index > self.snapshot.index]
            if kept and kept[0].index != self.snapshot.index + 1:
                kept = []
            self._wal = records.encode([state, *kept])
            self.terms = {entry.index: entry.term for entry in kept}
        for entry in effects.entries:
            if self.terms.get(entry.index, entry.term) != entry.term:
                self.terms = {index: term for index, term in self.terms.items() if index < entry.index}
            self.terms[entry.index] = entry.term

    def crash(self, chance: random.Random) -> None:
        """Lose what was not synced, but for a beginning of any length."""
        self._wal += self._buffer[: chance.randrange(len(self._buffer) + 1)]
        self._buffer, self._open = b"", None

    def load(self) -> tuple[Snapshot, HardState, list[Entry]]:
        """Return what is there after a crash; the torn tail is cut."""
        _, sound = records.decode(self._wal, name="wal")
        self._wal = self._wal[:sound]
        state, entries = self._replayed()
        entries = [entry for entry in entries if entry.index > self.snapshot.index]
        self.terms = {entry.index: entry.term for entry in entries}
        return self.snapshot, state, entries

    def _replayed(self) -> tuple[HardState, list[Entry]]:
        return records.replay(records.decode(self._wal, name="wal")[0])
