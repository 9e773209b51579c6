"""Which files each word occurs in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from workloads.mapreduce.jobs.job import Job
from workloads.mapreduce.splits import Split


class InvertedIndex(Job):
    """A list of file names for each word, sorted."""

    name: ClassVar = "inverted-index"
    purpose: ClassVar = "which files each word occurs in"
    combines: ClassVar = True

    def map(self, block: bytes, split: Split) -> Iterable[tuple[bytes, Any]]:
        """Yield each word of a block once, with the name of its file."""
        name = [Path(split.path).name]
        return ((word, name) for word in set(block.split()))

    def combine(self, one: list[str], other: list[str]) -> list[str]:
        """Join two lists."""
        return one if one == other else sorted({*one, *other})

    def reduce(self, key: bytes, values: Iterator[Any]) -> Iterable[bytes]:
        """Write ``word count file,file``."""
        names = sorted({name for value in values for name in value})
        yield b"%b %d %b" % (key, len(names), ",".join(names).encode())
