"""The way from mappers to reducers: sorted runs of (key, value) lines, by partition.

A line is the key, a tab, and the value as JSON; a key has neither tab nor line end. Runs are sorted by the bytes of the key, so that a
reducer merges any number of them in little memory.
"""

from __future__ import annotations

import functools
import heapq
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from foundation.processes.atomic_file import replacing

Pair = tuple[bytes, Any]
#: Distinct keys that a mapper keeps before it spills them.
KEPT_KEYS: Final = 1_000_000
_ENCODE: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


class Spill:
    """Collects the pairs of one map task, and writes them as one sorted run for each partition.

    Values of a key are combined as they come, where the job can (``gather``); otherwise they are kept in a list (``add``).
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        partitions: int,
        partition: Callable[[bytes], int],
        combine: Callable[[Any, Any], Any] | None,
        *,
        kept_keys: int = KEPT_KEYS,
    ) -> None:
        self._folder, self._name, self._partitions = folder, name, partitions
        self._partition, self._combine = partition, combine
        self._kept_keys = kept_keys
        self._pairs: dict[bytes, Any] = {}
        self._kept = 0
        self._runs = 0

    def add(self, pairs: Iterable[Pair]) -> None:
        """Take pairs; all values of a key are kept."""
        known = self._pairs
        for key, value in pairs:
            known.setdefault(key, []).append(value)
            self._kept += 1
        if self._kept >= self._kept_keys:
            self._flush()

    def gather(self, into: Callable[[dict[bytes, Any]], None]) -> None:
        """Let a job add pairs to those that are kept, combined with what is there for their keys."""
        into(self._pairs)
        if len(self._pairs) >= self._kept_keys:
            self._flush()

    def commit(self) -> None:
        """Write what is left, and give the runs their final names."""
        self._flush()
        for partition in range(self._partitions):
            with replacing(self._folder / f"{self._name}-{partition}") as partial, partial.open("wb") as file:
                parts = [self._part(partition, run) for run in range(self._runs)]
                if len(parts) == 1:
                    parts[0].replace(partial)
                    continue
                write(file.write, merged(parts, self._combine))
                for part in parts:
                    part.unlink()

    def _part(self, partition: int, run: int) -> Path:
        # With the process's number, for a backup of the same task may run beside this one.
        return self._folder / f".{self._name}-{partition}.{os.getpid()}.{run}"

    def _flush(self) -> None:
        by_partition: list[list[Pair]] = [[] for _ in range(self._partitions)]
        partition = self._partition
        for key in sorted(self._pairs):
            value = self._pairs[key]
            target = by_partition[partition(key)]
            if self._combine is not None:
                target.append((key, value))
            else:
                target += [(key, one) for one in value]
        for number, pairs in enumerate(by_partition):
            with self._part(number, self._runs).open("wb") as file:
                write(file.write, pairs)
        self._runs += 1
        self._pairs.clear()
        self._kept = 0


def write(out: Callable[[bytes], Any], pairs: Iterable[Pair]) -> None:
    """Write pairs as lines, some thousands at a time."""
    lines = (b"%b\t%b\n" % (key, _ENCODE(value).encode()) for key, value in pairs)
    while block := list(itertools.islice(lines, 8192)):
        out(b"".join(block))


def read(path: Path) -> Iterator[Pair]:
    """Yield the pairs of a run."""
    with path.open("rb") as file:
        for line in file:
            key, _, value = line.partition(b"\t")
            yield key, json.loads(value)


def merged(runs: Iterable[Path], combine: Callable[[Any, Any], Any] | None = None) -> Iterator[Pair]:
    """Yield the pairs of all runs in order of their keys, combined where the job can."""
    pairs = heapq.merge(*map(read, runs), key=itemgetter(0))
    if combine is None:
        yield from pairs
        return
    for key, group in itertools.groupby(pairs, key=itemgetter(0)):
        yield key, functools.reduce(combine, (value for _, value in group))


def grouped(runs: Iterable[Path]) -> Iterator[tuple[bytes, Iterator[Any]]]:
    """Yield each key with its values."""
    for key, group in itertools.groupby(merged(runs), key=itemgetter(0)):
        yield key, (value for _, value in group)
