"""How often each word occurs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, cast

from workloads.mapreduce.jobs.job import Job
from workloads.mapreduce.splits import Split


class WordCount(Job):
    """A word is what stands between blanks."""

    name: ClassVar = "word-count"
    purpose: ClassVar = "how often each word occurs"
    combines: ClassVar = True

    def map(self, block: bytes, split: Split) -> Iterable[tuple[bytes, Any]]:  # noqa: ARG002
        """Count the words of a block."""
        return Counter(block.split()).items()

    def gather(self, block: bytes, split: Split, gathered: dict[bytes, Any]) -> None:  # noqa: ARG002
        """Count on in ``gathered``, in C; counting before the shuffle is what makes it small."""
        Counter.update(cast("Counter[bytes]", gathered), block.split())

    def combine(self, one: int, other: int) -> int:
        """Add."""
        return one + other

    def reduce(self, key: bytes, values: Iterator[Any]) -> Iterable[bytes]:
        """Write ``word count``."""
        yield b"%b %d" % (key, sum(values))
