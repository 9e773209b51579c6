"""Six policies: each scores a node for every shape, the best node gets the pod, and the first if there are several.

The scores are integers from 0 to 100, as a Kubernetes plugin returns them; the ties that the rounding makes decide many placements. The
set-ups are those of the ATC'23 paper: packing and clustering as its section 6.1 describes them, the dot product of Tetris (Grandl et al.,
SIGCOMM 2014) with both vectors divided by the largest node.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from simulations.scheduling.gpu_sharing.cluster import WHOLE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulations.scheduling.gpu_sharing.cluster import Cluster
    from simulations.scheduling.gpu_sharing.fragmentation import TypicalPods

    Scores = NDArray[np.int_]

#: The largest node, by which resources are divided.
_MOST_CPU_MILLI: Final = 128_000
_MOST_GPU_MILLI: Final = 8 * WHOLE
#: Thousandths that no node has.
_IMPOSSIBLE: Final = 100_000


class Policy(Protocol):
    """Chooses a node, and GPUs on it."""

    def score(self, node: int) -> Scores:
        """Return the score of ``node`` for every shape of the cluster; called again when the node has changed."""

    def choose(self, fitting: NDArray[np.bool_], scores: Scores) -> int:
        """Return the node for a shape that fits on at least one, given its row of the scores."""

    def share(self, shape: int, node: int) -> int:
        """Return the GPU of ``node`` for a shape that asks for part of one."""


class _ByScore:
    """The highest score wins; part of a GPU goes to the tightest fit."""

    def __init__(self, cluster: Cluster, _typical: TypicalPods, _random: Random) -> None:
        self.cluster = cluster

    def choose(self, fitting: NDArray[np.bool_], scores: Scores) -> int:
        return int(np.where(fitting, scores, -1).argmax())

    def share(self, shape: int, node: int) -> int:
        return self.cluster.tightest(node, self.cluster.shapes[shape].gpu_milli)


class RandomFit(_ByScore):
    """Any node that fits, and any GPU of it."""

    def __init__(self, cluster: Cluster, typical: TypicalPods, random: Random) -> None:
        super().__init__(cluster, typical, random)
        self._random = random
        self._nothing = np.zeros(len(cluster.shapes), dtype=int)

    def score(self, node: int) -> Scores:  # noqa: ARG002  # all nodes are alike
        """Return zeros."""
        return self._nothing

    def choose(self, fitting: NDArray[np.bool_], scores: Scores) -> int:  # noqa: ARG002  # all nodes are alike
        """Return any node that fits."""
        return int(self._random.choice(np.flatnonzero(fitting)))

    def share(self, shape: int, node: int) -> int:
        """Return any GPU with enough room."""
        return int(self._random.choice(np.flatnonzero(self.cluster.gpu_left[node] >= self.cluster.shapes[shape].gpu_milli)))


class DotProduct(_ByScore):
    """The node whose free resources point least in the direction of the request: the full and the unlike ones first."""

    def score(self, node: int) -> Scores:
        """Return 100 · (1 - ½ · free · asked), both divided by the largest node."""
        c = self.cluster
        cpu = c.cpu_left[node] / _MOST_CPU_MILLI * (c.cpu_asked / _MOST_CPU_MILLI)
        gpu = c.gpu_left[node].sum() / _MOST_GPU_MILLI * (c.gpus_asked * c.gpu_asked / _MOST_GPU_MILLI)
        found: Scores = (100 * (1 - (cpu + gpu) / 2)).astype(int)
        return found


class GpuClustering(_ByScore):
    """Nodes that run pods of the same kind only, then those that run some, then idle ones, then the others; the fullest first."""

    def score(self, node: int) -> Scores:
        """Return a band of 25 for each of these cases, and within it how full the node is."""
        c = self.cluster
        kinds = c.kinds[node]
        present = int((kinds > 0).sum())
        full = 25 * (_MOST_GPU_MILLI - int(c.gpu_left[node].sum())) // _MOST_GPU_MILLI
        own = np.where((c.gpu_asked < WHOLE) | (c.gpus_asked >= len(kinds)), 0, c.gpus_asked)
        alike = kinds[own] > 0
        band = np.where(alike, 75 if present == 1 else 50, 0 if present else 25)
        return np.where(c.gpus_asked > 0, band + full, 0)


class GpuPacking(_ByScore):
    """GPUs in use first, then idle GPUs of a node in use, then idle nodes."""

    def score(self, node: int) -> Scores:
        """Return 50 to 100, 33 to 50 or up to 33 for these cases; the more is used up, the higher."""
        c = self.cluster
        left, gpus = c.gpu_left[node], int(c.gpus[node])
        idle = int((left == WHOLE).sum())
        if idle == gpus:
            return np.where(c.gpus_asked > 0, max(33 - idle, idle), 0)
        ordered = np.sort(left[:gpus])
        enough = ordered >= c.gpu_asked[:, None]
        taken = enough & (np.cumsum(enough, axis=1) <= c.gpus_asked[:, None])
        whole = (taken & (ordered == WHOLE)).sum(axis=1)
        in_use = (taken * (ordered * 100 // WHOLE)).sum(axis=1)
        score = np.where(whole > 0, np.maximum(50 - whole, 33), np.maximum(100 - in_use // 10, 50))
        return np.where(c.gpus_asked > 0, score, 0)


class BestFit(_ByScore):
    """The node with the least left, CPU and GPU weighted equally."""

    def score(self, node: int) -> Scores:
        """Return 100 · (1 - ½ CPU left - ½ GPU left), as shares of the largest node."""
        c = self.cluster
        cpu = (c.cpu_left[node] - c.cpu_asked) / _MOST_CPU_MILLI
        gpu = (c.gpu_left[node].sum() - c.gpus_asked * c.gpu_asked) / _MOST_GPU_MILLI
        found: Scores = ((1 - cpu / 2 - gpu / 2) * 100).astype(int)
        return found


class FragmentationGradientDescent(_ByScore):
    """The node and the GPU where fragmentation grows least.

    What GPUs are worth to the typical pods depends on them alone, and few sets of GPUs occur; it is computed once for each set.
    """

    def __init__(self, cluster: Cluster, typical: TypicalPods, random: Random) -> None:
        super().__init__(cluster, typical, random)
        self._typical, self._accepted = typical, typical.accepted(cluster)
        requests = sorted({(shape.cpu_milli, shape.gpu_milli, shape.gpus) for shape in cluster.shapes})
        self._cpu = np.array([cpu for cpu, _, _ in requests])
        self._parts = sorted({(milli, count) for _, milli, count in requests})
        self._part = np.array([self._parts.index((milli, count)) for _, milli, count in requests])
        self._row = np.array([requests.index((shape.cpu_milli, shape.gpu_milli, shape.gpus)) for shape in cluster.shapes])
        self._gpu = np.zeros((len(cluster.nodes), len(requests)), dtype=int)
        self._known: dict[bytes, tuple[Scores, NDArray[np.float64], Scores]] = {}

    def score(self, node: int) -> Scores:
        """Return 100 · sigmoid of the fragmentation before less after, in GPUs."""
        left, cpu_left = self.cluster.gpu_left[node], self.cluster.cpu_left[node]
        known = self._known.get(key := left.tobytes())
        if known is None:
            known = self._known[key] = self._options(left)
        free, worth, gpus = known
        weight = self._accepted[node] * (np.append(cpu_left, cpu_left - self._cpu)[:, None] >= self._typical.cpu)
        # For each request (row) the GPUs that no typical pod could use after it, by the GPU that it takes (column).
        unusable = free[self._part] - np.einsum("rt,rot->ro", weight[1:], worth[self._part])
        before = left.sum() - weight[0] @ worth[-1, 0]
        scores = np.where(free[self._part] < _IMPOSSIBLE, 100 / (1 + np.exp((unusable - before) / WHOLE)), -1).astype(int)
        best = scores.argmax(axis=1)
        self._gpu[node] = gpus[best]
        found: Scores = scores[np.arange(len(best)), best][self._row]
        return found

    def _options(self, left: NDArray[np.int_]) -> tuple[Scores, NDArray[np.float64], Scores]:
        """Return what is free, and what of it the typical pods can use, after each part (row) on each GPU (column); last: as it is now.

        GPUs with equal room are equal, so one of each is tried; the third result is which. An option that does not exist is worth nothing.
        """
        gpus = np.sort(np.unique(left, return_index=True)[1])
        after = np.repeat(left[None, None, :], len(self._parts) + 1, axis=0).repeat(len(gpus), axis=1)
        possible = np.ones(after.shape[:2], dtype=bool)
        for part, (milli, count) in enumerate(self._parts):
            if 0 < milli < WHOLE:
                after[part, range(len(gpus)), gpus] -= milli
                possible[part] = left[gpus] >= milli
            else:
                after[part][:, np.flatnonzero(left == WHOLE)[:count]] -= milli
        worth = self._typical.usable(after) * self._typical.weight
        free = np.where(possible, after.sum(axis=2), _IMPOSSIBLE)
        return free, worth, gpus

    def share(self, shape: int, node: int) -> int:
        """Return the GPU whose use adds the least fragmentation."""
        return int(self._gpu[node, self._row[shape]])


#: Makes a policy for a cluster, the typical pods and a stream of random numbers.
POLICIES: Final[dict[str, Callable[[Cluster, TypicalPods, Random], Policy]]] = {
    "Random": RandomFit,
    "DotProd": DotProduct,
    "GpuClustering": GpuClustering,
    "GpuPacking": GpuPacking,
    "BestFit": BestFit,
    "FGD": FragmentationGradientDescent,
}
