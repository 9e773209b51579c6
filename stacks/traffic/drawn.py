"""Requests that are drawn one after the other, and only as far as somebody asks: a run that is stopped early pays for no others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import overload

from stacks.traffic.request import PlannedRequest


class Drawn(Sequence[PlannedRequest]):
    """``requests`` as a sequence that keeps what was drawn; its length draws all. Texts are random, so none of them names blocks."""

    def __init__(self, requests: Iterable[PlannedRequest]) -> None:
        self._coming = iter(requests)
        self._there: list[PlannedRequest] = []

    def __len__(self) -> int:
        self._there.extend(self._coming)
        return len(self._there)

    def __iter__(self) -> Iterator[PlannedRequest]:
        index = 0
        while self._reaches(index):
            yield self._there[index]
            index += 1

    @overload
    def __getitem__(self, index: int) -> PlannedRequest: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[PlannedRequest]: ...
    def __getitem__(self, index: int | slice) -> PlannedRequest | Sequence[PlannedRequest]:
        if isinstance(index, slice) or index < 0:
            len(self)
        else:
            self._reaches(index)
        return self._there[index]

    def _reaches(self, index: int) -> bool:
        """Draw up to the request with this number; whether there is one."""
        self._there.extend(islice(self._coming, max(0, index + 1 - len(self._there))))
        return index < len(self._there)
