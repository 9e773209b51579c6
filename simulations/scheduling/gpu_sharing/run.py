"""Pods arrive one by one and stay; whoever fits nowhere is turned away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from simulations.kernel import Streams
from simulations.scheduling.gpu_sharing.cluster import Cluster, Node, Pod
from simulations.scheduling.gpu_sharing.fragmentation import TypicalPods
from simulations.scheduling.gpu_sharing.policies import POLICIES


@dataclass(frozen=True, slots=True)
class Allocation:
    """The course of a run: after each pod, the GPU demand that has arrived and that is allocated, as shares of all GPUs."""

    arrived: Sequence[float]
    allocated: Sequence[float]
    rejected: tuple[str, ...]

    def at(self, percent: int) -> float:
        """Return the mean allocated share while the arrived demand, rounded to whole per cent, was ``percent``."""
        found = [done for come, done in zip(self.arrived, self.allocated, strict=True) if round(100 * come) == percent]
        return sum(found) / len(found) if found else float("nan")


def inflated(pods: Sequence[Pod], total_gpu_milli: int, ratio: float, random: Random) -> list[Pod]:
    """Return ``pods`` in random order, followed by copies of random ones until their demand reaches ``ratio`` of all GPUs.

    The first copy that would exceed it by one of its GPUs ends the list, as in the published experiments.
    """
    shuffled = list(pods)
    random.shuffle(shuffled)
    demand = sum(pod.shape.total_gpu_milli for pod in pods)
    while demand + (extra := random.choice(pods)).shape.gpu_milli <= ratio * total_gpu_milli:
        demand += extra.shape.total_gpu_milli
        shuffled.append(extra)
    return shuffled


def schedule(nodes: Sequence[Node], pods: Sequence[Pod], policy: str, *, ratio: float = 1.3, seed: int = 42) -> Allocation:
    """Schedule ``pods`` on ``nodes`` by ``policy``, a name of :data:`~simulations.scheduling.gpu_sharing.policies.POLICIES`.

    Args:
        nodes: the empty cluster.
        pods: the trace; their order is drawn.
        policy: how nodes are chosen.
        ratio: arriving GPU demand as a share of all GPUs; 1.3 is 130 %.
        seed: of the order of pods and nodes, the copies and the random policy. The published experiments number the nodes at random and
            break ties by that number; in the order of the trace, where equal nodes stand together, two policies lose 0.7 points.
    """
    streams = Streams(seed)
    ordered = list(nodes)
    streams.stream("nodes").shuffle(ordered)
    cluster = Cluster(ordered, sorted({pod.shape for pod in pods}))
    arriving = inflated(pods, cluster.total_gpu_milli, ratio, streams.stream("arrivals"))
    rules = POLICIES[policy](cluster, TypicalPods([pod.shape for pod in pods]), streams.stream("policy"))
    scores = np.stack([rules.score(node) for node in range(len(cluster.nodes))], axis=1)
    rows = {shape: row for row, shape in enumerate(cluster.shapes)}
    come = allocated = 0
    arrived_shares, allocated_shares, rejected = list[float](), list[float](), list[str]()
    for pod in arriving:
        row = rows[pod.shape]
        come += pod.shape.total_gpu_milli
        if cluster.fits[row].any():
            node = rules.choose(cluster.fits[row], scores[row])
            gpus = [rules.share(row, node)] if pod.shape.shares else cluster.first_idle(node, pod.shape.gpus)
            cluster.place(row, node, gpus)
            scores[:, node] = rules.score(node)
            allocated += pod.shape.total_gpu_milli
        else:
            rejected.append(pod.name)
        arrived_shares.append(come / cluster.total_gpu_milli)
        allocated_shares.append(allocated / cluster.total_gpu_milli)
    return Allocation(arrived_shares, allocated_shares, tuple(rejected))
