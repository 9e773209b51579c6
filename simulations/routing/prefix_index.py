"""Which prefixes a cache has, if it keeps those used last: of a store that many engines share, or as a router imagines an engine's."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence


class PrefixIndex:
    """Up to ``capacity`` hashes, least recently used first out. A request uses its hashes from the first to the last."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[int, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def known(self, hashes: Sequence[int]) -> int:
        """Return how many of ``hashes``, from the first, are there."""
        for count, key in enumerate(hashes):
            if key not in self._kept:
                return count
        return len(hashes)

    def use(self, hashes: Sequence[int]) -> int:
        """Use ``hashes``, which are all there afterwards as far as they fit; return how many were there when their turn came."""
        hits = 0
        kept = self._kept
        for key in hashes:
            if key in kept:
                kept.move_to_end(key)
                hits += 1
            else:
                kept[key] = None
                if len(kept) > self._capacity:
                    kept.popitem(last=False)
        return hits
