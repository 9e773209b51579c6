"""All lines of the input in order: the outputs of the reducers, one after the other, are sorted."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Final

from workloads.mapreduce.errors import InputError
from workloads.mapreduce.jobs.job import Job
from workloads.mapreduce.splits import Split, blocks

_SAMPLES: Final = 10_000


class Sort(Job):
    """Lines are compared by their bytes. Reducers take ranges, whose bounds are drawn from a sample of the input (as TeraSort does)."""

    name: ClassVar = "sort"
    purpose: ClassVar = "all lines in order"

    def prepare(self, splits: Sequence[Split], partitions: int) -> list[str]:
        """Return the upper bounds of all ranges but the last."""
        each = max(1, _SAMPLES // max(1, len(splits)))
        sample = sorted(line for split in splits for block in itertools.islice(blocks(split), 1) for line in block.splitlines()[:each])
        picked = [sample[len(sample) * number // partitions] for number in range(1, partitions)] if sample else []
        return [line.decode("latin-1") for line in picked]

    def map(self, block: bytes, split: Split) -> Iterable[tuple[bytes, Any]]:
        """Yield every line."""
        if b"\t" in block:
            raise InputError(f"{split.path}: a line has a tab, which separates keys from values here; replace tabs before sorting")
        return ((line, 0) for line in block.splitlines())

    def reduce(self, key: bytes, values: Iterator[Any]) -> Iterable[bytes]:
        """Write a line as often as it came."""
        return (key for _ in values)

    def partition(self, key: bytes, partitions: int, prepared: Any) -> int:  # noqa: ARG002
        """Return the range of a line."""
        return bisect.bisect_right([bound.encode("latin-1") for bound in prepared], key) if prepared else 0
