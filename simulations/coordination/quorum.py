"""Majorities: what a group decides with, and which losses it survives (Ongaro 2014, section 3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def majority(members: int) -> int:
    """Return the smallest number of members that can decide.

    >>> [majority(members) for members in (1, 3, 4, 5)]
    [1, 2, 3, 3]
    """
    return members // 2 + 1


def tolerated(members: int) -> int:
    """Return how many members may be lost.

    >>> [tolerated(members) for members in (1, 3, 4, 5)]
    [0, 1, 1, 2]
    """
    return members - majority(members)


def survives(zone_of: Mapping[str, str], lost: Iterable[str]) -> bool:
    """Return whether the members outside of the ``lost`` zones are a majority; ``zone_of`` has each member's zone.

    >>> survives({"a-0": "x", "a-1": "y", "a-2": "z"}, ["x"]), survives({"a-0": "x", "a-1": "x", "a-2": "z"}, ["x"])
    (True, False)
    """
    gone = set(lost)
    return sum(zone not in gone for zone in zone_of.values()) >= majority(len(zone_of))
