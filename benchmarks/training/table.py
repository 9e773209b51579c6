"""A row a figure, printed when it is known: a training takes minutes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """What was reached, what was to be reached, and the peer, each with its n."""

    figure: str
    reached: str
    wanted: str
    peer: str = "-"


def show(rows: Iterable[Row]) -> None:
    """Print the rows."""
    for row in rows:
        print(f"{row.figure:<44} {row.reached:<58} reach {row.wanted:<18} peer {row.peer}", flush=True)
