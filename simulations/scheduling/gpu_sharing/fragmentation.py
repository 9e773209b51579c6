"""Fragmentation: the idle GPUs that the pods which are likely to come cannot use.

For one shape, the fragment of a node is the sum of its GPUs with too little room, if the node can host the shape; else all that is idle
there. The fragmentation is the mean over the typical shapes, weighted by their popularity (Weng et al., Beware of Fragmentation: Scheduling
GPU-Sharing Workloads with Fragmentation Gradient Descent, USENIX ATC 2023, section 3).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulations.scheduling.gpu_sharing.cluster import Cluster, Shape

#: Share of the pods whose shapes are called typical.
POPULAR: Final = 0.95


class TypicalPods:
    """The most popular shapes that cover :data:`POPULAR` of ``shapes``, without their memory; pods without GPUs count, too.

    A pod without GPUs can use none, so to it everything idle is a fragment.
    """

    def __init__(self, shapes: Sequence[Shape]) -> None:
        counted: Counter[Shape] = Counter()
        for shape, count in Counter(shapes).items():
            counted[replace(shape, memory_mib=0)] += count
        wanted, covered = POPULAR * len(shapes), 0
        self.shapes: list[Shape] = []
        for shape, count in sorted(counted.items(), key=lambda item: (item[1], item[0]), reverse=True):
            if covered >= wanted:
                break
            covered += count
            self.shapes.append(shape)
        self.weight = np.array([counted[shape] / covered for shape in self.shapes])
        self.cpu = np.array([shape.cpu_milli for shape in self.shapes])
        self.gpu_milli = np.array([shape.gpu_milli for shape in self.shapes])
        self.gpus = np.array([shape.gpus for shape in self.shapes])

    def accepted(self, cluster: Cluster) -> NDArray[np.bool_]:
        """Return which node (row) each shape (column) may use."""
        return np.array([[not shape.models or node.model in shape.models for shape in self.shapes] for node in cluster.nodes])

    def usable(self, gpu_left: NDArray[np.int_]) -> NDArray[np.int_]:
        """Return the thousandths that each shape could use of nodes with these GPUs (last axis), if their CPUs suffice."""
        enough = (gpu_left[..., None] >= self.gpu_milli) & (self.gpu_milli > 0)
        hosted = enough.sum(axis=-2) >= self.gpus
        found: NDArray[np.int_] = (gpu_left[..., None] * enough).sum(axis=-2) * hosted
        return found


def fragmentation(cluster: Cluster, typical: TypicalPods) -> float:
    """Return the expected share of the idle GPUs that a typical pod cannot use."""
    idle = cluster.gpu_left.sum()
    hosts = (cluster.cpu_left[:, None] >= typical.cpu) & typical.accepted(cluster)
    usable = (typical.usable(cluster.gpu_left) * hosts) @ typical.weight
    return float(1 - usable.sum() / idle) if idle else 0.0
