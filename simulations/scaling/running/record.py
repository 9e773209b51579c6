"""What scaling did during a run: when each engine's pod was asked for, ready and gone, and when nodes came and went."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stacks.graph.capacity import Node


@dataclass(slots=True)
class PodLife:
    """A pod of an engine, in seconds from the start of the run; infinite: not within the run. ``gpus`` are those that it holds.

    ``placed_s``: it has a node, and holds its GPUs. ``ready_s``: its model is loaded. ``end_s``: it was switched off.
    """

    name: str
    gpus: float
    asked_s: float = 0.0
    placed_s: float = math.inf
    ready_s: float = math.inf
    end_s: float = math.inf

    def held_s(self, span_s: float) -> float:
        """Seconds of the first ``span_s`` during which it had a node."""
        return max(0.0, min(self.end_s, span_s) - self.placed_s)

    def served_s(self, span_s: float) -> float:
        """Seconds of the first ``span_s`` during which it was ready."""
        return max(0.0, min(self.end_s, span_s) - self.ready_s)


@dataclass(slots=True)
class NodeLife:
    """A node that an autoscaler added: paid for from ``added_s`` to ``removed_s``."""

    node: Node
    added_s: float
    removed_s: float = math.inf

    def paid_s(self, span_s: float) -> float:
        """Seconds of the first ``span_s`` that are paid for."""
        return max(0.0, min(self.removed_s, span_s) - self.added_s)


@dataclass(slots=True)
class ScalingRecord:
    """Filled by one run. ``pods`` are all that ever were, those of the start first; ``nodes`` are the added ones."""

    pods: list[PodLife] = field(default_factory=list)
    nodes: list[NodeLife] = field(default_factory=list)

    def served_s(self, span_s: float) -> float:
        """Replica-seconds of the first ``span_s`` during which pods were ready."""
        return math.fsum(pod.served_s(span_s) for pod in self.pods)

    def timeline(self, until_s: float) -> tuple[tuple[float, int], ...]:
        """Return the number of ready replicas from each time on, ascending; the first entry is that of the start."""
        return steps([(pod.ready_s, pod.end_s) for pod in self.pods], until_s)


def steps(intervals: Iterable[tuple[float, float]], until_s: float) -> tuple[tuple[float, int], ...]:
    """Return how many of ``intervals`` cover each time from 0 to ``until_s``, as the times at which the number changes.

    >>> steps([(0, 9), (3, 5)], 6)
    ((0.0, 1), (3, 2), (5, 1))
    """
    changes: dict[float, int] = {0.0: 0}
    for begin, end in intervals:
        if begin < min(end, until_s):
            changes[begin] = changes.get(begin, 0) + 1
            if end < until_s:
                changes[end] = changes.get(end, 0) - 1
    found: list[tuple[float, int]] = []
    level = 0
    for at_s, change in sorted(changes.items()):
        level += change
        if not found or change:
            found.append((at_s, level))
    return tuple(found)
