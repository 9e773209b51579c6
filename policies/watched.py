"""Partly unknown mappings and lists that report when a caller reads the unknown part, and the graph that is made of them.

``dict | dict`` and JSON's C encoder bypass these methods; no rule uses them on a graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from stacks.graph import Graph
from stacks.graph.graph import Value


class WatchedMapping(dict[str, Any]):
    """A mapping that calls ``tell`` when a caller reads a key with an unknown value, or all keys."""

    def __init__(self, known: Mapping[str, Any], unknown: AbstractSet[str], tell: Callable[[], None]) -> None:
        super().__init__(known)
        self._unknown = unknown
        self._tell = tell

    def _asked(self, key: object) -> None:
        if key in self._unknown:
            self._tell()

    def get(self, key: Any, default: Any = None, /) -> Any:
        """The known value, else ``default``."""
        self._asked(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:
        self._asked(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self._asked(key)
        return super().__contains__(key)

    def __iter__(self) -> Iterator[str]:
        self._tell()
        return super().__iter__()

    def __len__(self) -> int:
        self._tell()
        return super().__len__()

    def __bool__(self) -> bool:
        return True  # it has at least one item, even if that is unknown

    def keys(self) -> Any:
        """The keys with a known value."""
        self._tell()
        return super().keys()

    def items(self) -> Any:
        """The known items."""
        self._tell()
        return super().items()

    def values(self) -> Any:
        """The known values."""
        self._tell()
        return super().values()


class WatchedList(list[Any]):
    """A list with an unknown item, which calls ``tell`` when a caller reads its items."""

    def __init__(self, known: list[Any], tell: Callable[[], None]) -> None:
        super().__init__(known)
        self._tell = tell

    def __getitem__(self, index: Any) -> Any:
        self._tell()
        return super().__getitem__(index)

    def __contains__(self, value: object) -> bool:
        self._tell()
        return super().__contains__(value)

    def __iter__(self) -> Iterator[Any]:
        self._tell()
        return super().__iter__()

    def __len__(self) -> int:
        self._tell()
        return super().__len__()

    def __bool__(self) -> bool:
        return True


@dataclass(frozen=True)
class WatchedGraph(Graph):
    """A graph of watched resources. It keeps no readings: a rule that got an earlier rule's reading would read nothing itself."""

    @cached_property
    def known(self) -> Graph:
        """The graph itself: it has no markers, and a search for them would count as reading unknown values."""
        return self

    def once(self, read: Callable[[Graph], Value]) -> Value:
        """Return ``read(self)``, read anew for each caller."""
        return read(self)
