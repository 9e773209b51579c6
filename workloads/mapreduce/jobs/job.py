"""What a job is: a function of blocks of lines to pairs, and one of a key with its values to a result."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

from workloads.mapreduce.splits import Split


class Job(ABC):
    """One job. ``combines``: values of a key may be combined pairwise, in any order, before they reach the reducer."""

    name: ClassVar[str]
    purpose: ClassVar[str]
    combines: ClassVar[bool] = False

    def prepare(self, splits: Sequence[Split], partitions: int) -> Any:  # noqa: ARG002  # for jobs that look at their input first
        """Return what every task must know, as JSON; looked at once, before the first task."""
        return None

    @abstractmethod
    def map(self, block: bytes, split: Split) -> Iterable[tuple[bytes, Any]]:
        """Yield the pairs of some whole lines of ``split``. Raises ``InputError`` for a line that cannot be read."""

    def combine(self, one: Any, other: Any) -> Any:
        """Return one value for two of the same key."""
        raise NotImplementedError

    def gather(self, block: bytes, split: Split, gathered: dict[bytes, Any]) -> None:
        """Map a block into ``gathered``, combined with what is there: where ``combines``, the mapper's own combiner.

        Overridden where a job can do both at once ("in-mapper combining", Lin and Dyer 2010, section 3.1).
        """
        for key, value in self.map(block, split):
            gathered[key] = self.combine(gathered[key], value) if key in gathered else value

    @abstractmethod
    def reduce(self, key: bytes, values: Iterator[Any]) -> Iterable[bytes]:
        """Yield the lines of the output for a key, without line ends."""

    def partition(self, key: bytes, partitions: int, prepared: Any) -> int:  # noqa: ARG002  # for jobs that split by ranges
        """Return the reducer of a key: the same on every machine and in every run."""
        return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big") % partitions
