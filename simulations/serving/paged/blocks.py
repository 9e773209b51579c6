"""The blocks that hold keys and values, and the prefix cache: vLLM v1's pool (``vllm/v1/core/block_pool.py``), counted in runs of blocks.

Rule 1: a block is held by a sequence, kept (nobody holds it, and its content can still be used) or empty; the sum never changes.
Rule 2: empty blocks are taken first, then the kept ones that were given back longest ago. A sequence gives back its last block first, so a
kept sequence loses its end first.
Rule 3: what several sequences begin with is held once, by its hash; a run without a hash belongs to one sequence, and only that one can
find it again, after it was preempted.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence


class BlockPool:
    """``blocks`` blocks; a hash stands for ``per_hash`` of them. Without ``caching`` nothing is kept.

    ``evicted`` counts the blocks whose content was lost to make room.
    """

    def __init__(self, blocks: int, *, per_hash: int = 1, caching: bool = True) -> None:
        self.blocks = blocks
        self.evicted = 0
        self._per_hash = per_hash
        self._caching = caching
        self._empty = blocks
        # Kept runs, longest ago first: a hash, or a sequence's own blocks as ("own", its index), and their number.
        self._kept: OrderedDict[int | tuple[str, int], int] = OrderedDict()
        self._kept_blocks = 0
        self._holders: dict[int, int] = {}
        self._unnamed = 0

    @property
    def free(self) -> int:
        """Blocks that a sequence can take: empty or kept."""
        return self._empty + self._kept_blocks

    @property
    def held(self) -> int:
        """Blocks that sequences hold."""
        return self.blocks - self.free

    def known(self, hashes: Sequence[int]) -> int:
        """Return how many of ``hashes``, from the first, are held or kept."""
        count = 0
        for key in hashes:
            if key not in self._holders and key not in self._kept:
                break
            count += 1
        return count

    def share(self, hashes: Sequence[int]) -> None:
        """Hold the blocks of ``hashes``, all of them known, once more."""
        for key in hashes:
            if key in self._holders:
                self._holders[key] += 1
            else:
                self._kept_blocks -= self._kept.pop(key)
                self._holders[key] = 1

    def to_revive(self, hashes: Sequence[int]) -> int:
        """Return how many free blocks :meth:`share` would take: those of the kept hashes."""
        return sum(self._kept.get(key, 0) for key in hashes)

    def take(self, count: int) -> bool:
        """Take ``count`` blocks for new content; False, and nothing taken, if there are too few."""
        if count > self._empty:
            if count > self.free:
                return False
            self._evict(count - self._empty)
        self._empty -= count
        return True

    def publish(self, hashes: Iterable[int]) -> list[int]:
        """Give blocks that were taken their hashes; return those that were new. Content that is there twice stays unshared."""
        if not self._caching:
            return []
        new = [key for key in hashes if key not in self._holders and key not in self._kept]
        for key in new:
            self._holders[key] = 1
        return new

    def kept_of(self, owner: int) -> int:
        """Return how many of its own blocks the sequence ``owner`` would find again."""
        return self._kept.get(("own", owner), 0)

    def regain(self, owner: int, count: int) -> None:
        """Hold the first ``count`` kept blocks of ``owner`` again; the rest becomes empty."""
        found = self._kept.pop(("own", owner), 0)
        self._kept_blocks -= found
        self._empty += found - count

    def give_back(self, own: int, hashes: Sequence[int], owner: int | None = None) -> None:
        """Give back ``own`` unshared blocks and one hold of each of ``hashes``; ``owner`` may want its own blocks back."""
        if own and not self._caching:
            self._empty += own
        elif own:
            self._unnamed -= 1
            self._kept["own", self._unnamed if owner is None else owner] = own
            self._kept_blocks += own
        for key in reversed(hashes):
            holders = self._holders[key] - 1
            if holders:
                self._holders[key] = holders
            else:
                del self._holders[key]
                self._kept[key] = self._per_hash
                self._kept_blocks += self._per_hash

    def _evict(self, count: int) -> None:
        """Empty ``count`` kept blocks."""
        self.evicted += count
        self._kept_blocks -= count
        self._empty += count
        while count:
            key, run = self._kept.popitem(last=False)
            if run > count:
                # What is left of a hash's blocks has no hash any more, since its end is lost.
                if isinstance(key, int):
                    self._unnamed -= 1
                    key = ("own", self._unnamed)
                self._kept[key] = run - count
                self._kept.move_to_end(key, last=False)
                return
            count -= run
