"""Why a pod is where it is, and what would have to be different for another node to get it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulations.cluster.placement import Ranked, place, ranking
from stacks.errors import ConfigurationError

if TYPE_CHECKING:
    from stacks.graph.capacity import Node
    from stacks.graph.demand import Workload


@dataclass(frozen=True, slots=True)
class Reason:
    """The candidates for ``pod``, the best first; ``node`` is the one that has it, empty if it waits."""

    pod: str
    node: str
    candidates: tuple[Ranked, ...]

    @property
    def words(self) -> str:
        """The decision and its nearest alternative in a sentence or two."""
        fitting = [one for one in self.candidates if not one.refusal]
        if not fitting:
            return f"{self.pod} waits: no node takes it."
        first, *others = fitting
        if not others:
            return f"{self.pod} is on {first.node.name}, the only node that takes it."
        second = others[0]
        lead = first.total - second.total
        if not lead:
            return f"{self.pod} is on {first.node.name}; {second.node.name} scores the same, and ties go to the first by name."
        gaps = {name: first.scores[name] - second.scores[name] for name in first.scores}
        decisive = max(gaps, key=lambda name: gaps[name])
        won, lost = first.node.name, second.node.name
        return (
            f"{self.pod} is on {won} by {lead} points over {lost}, most of them for {decisive} (+{gaps[decisive]}); "
            f"{lost} would get it with {lead + 1} points more, or without {won}."
        )


def reason(pod: str, workloads: Sequence[Workload], nodes: Sequence[Node]) -> Reason:
    """Return why ``pod`` is where it is, with all others placed.

    Raises:
        ConfigurationError: there is no such pod; the text names the nearest.
    """
    names = {one.pod(index): one for one in workloads if not one.per_node and not one.scheduled for index in range(one.replicas)}
    if pod not in names:
        near = difflib.get_close_matches(pod, names, n=3, cutoff=0.3) or sorted(names)[:3]
        raise ConfigurationError(f"--why: there is no pod {pod!r}; {'there is ' + ', '.join(near) if near else 'the stack has none'}")
    placed = place(workloads, nodes)
    candidates = ranking(pod, names[pod], workloads, placed.nodes, placed.node_of)
    return Reason(pod, placed.node_of.get(pod, ""), candidates)
