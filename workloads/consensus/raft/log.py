"""Entries in memory, after the last snapshot; indexes start at 1, as in the paper."""

from __future__ import annotations

from collections.abc import Iterable

from workloads.consensus.raft.configuration import Configuration
from workloads.consensus.raft.messages import Entry, Snapshot


class Log:
    """The log of one member; knows also which configuration holds where (thesis, section 4.1: the last one in the log)."""

    def __init__(self, snapshot: Snapshot, entries: Iterable[Entry] = ()) -> None:
        self.snapshot = snapshot
        self._start = snapshot.index  # the index before the first entry in memory, and its term
        self._start_term = snapshot.term
        self._entries: list[Entry] = []
        self._configurations: list[tuple[int, Configuration]] = [(snapshot.index, snapshot.configuration)]
        for entry in entries:
            self.append(entry)

    @property
    def start(self) -> int:
        """The index up to which the log is compacted."""
        return self._start

    @property
    def last_index(self) -> int:
        """The index of the last entry, or of the snapshot."""
        return self._start + len(self._entries)

    @property
    def last_term(self) -> int:
        """The term of the last entry, or of the snapshot."""
        return self._entries[-1].term if self._entries else self._start_term

    @property
    def configuration(self) -> Configuration:
        """The last configuration, committed or not."""
        return self._configurations[-1][1]

    @property
    def configuration_index(self) -> int:
        """Where the last configuration is."""
        return self._configurations[-1][0]

    def term(self, index: int) -> int | None:
        """Return the term at ``index``; None if it is compacted or not there yet."""
        if index == self._start:
            return self._start_term
        return self._entries[index - self._start - 1].term if self._start < index <= self.last_index else None

    def entry(self, index: int) -> Entry:
        """Return the entry at ``index``, which is in memory."""
        return self._entries[index - self._start - 1]

    def entries(self, first: int, last: int | None = None, *, max_bytes: int | None = None) -> tuple[Entry, ...]:
        """Return the entries from ``first`` to ``last`` inclusive; at least one, then as many as fit into ``max_bytes``."""
        found = self._entries[first - self._start - 1 : None if last is None else last - self._start]
        if max_bytes is not None:
            size = 0
            for count, entry in enumerate(found):
                size += len(entry.data)
                if count and size > max_bytes:
                    return tuple(found[:count])
        return tuple(found)

    def append(self, entry: Entry) -> None:
        """Add an entry behind the last."""
        assert entry.index == self.last_index + 1, f"entry {entry.index} cannot follow {self.last_index}"
        self._entries.append(entry)
        if entry.configuration is not None:
            self._configurations.append((entry.index, entry.configuration))

    def truncate(self, index: int) -> None:
        """Drop the entries from ``index`` on."""
        del self._entries[index - self._start - 1 :]
        while len(self._configurations) > 1 and self._configurations[-1][0] >= index:
            self._configurations.pop()

    def configuration_at(self, index: int) -> Configuration:
        """Return the configuration that holds once the entry at ``index`` is there."""
        return next(configuration for at, configuration in reversed(self._configurations) if at <= index)

    def compact(self, snapshot: Snapshot) -> None:
        """Drop the entries that ``snapshot`` covers."""
        term = self.term(snapshot.index)
        assert term == snapshot.term
        later = [(at, each) for at, each in self._configurations if at > snapshot.index]
        del self._entries[: snapshot.index - self._start]
        self._start, self._start_term, self.snapshot = snapshot.index, snapshot.term, snapshot
        self._configurations = [(snapshot.index, snapshot.configuration), *later]

    def last_index_up_to_term(self, term: int, index: int) -> int:
        """Return the last index, not after ``index``, whose term is at most ``term``; the log's start if there is none."""
        index = min(index, self.last_index)
        while index > self._start and (self.term(index) or 0) > term:
            index -= 1
        return index
