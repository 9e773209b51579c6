"""Nodes with GPUs that pods may share, as arrays, so that a policy can score all pods or all nodes at once.

Rule 1: GPUs are counted in thousandths. A pod asks for part of one GPU, or for whole ones. A whole one must be idle.
Rule 2: of nodes with equal scores the first in the given order wins, so the order decides many placements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: One whole GPU.
WHOLE: Final = 1000


@dataclass(frozen=True, slots=True, order=True)
class Shape:
    """What a pod asks for. ``gpu_milli`` is that of each of its ``gpus``; ``models`` are those it accepts, all if empty."""

    cpu_milli: int
    gpu_milli: int
    gpus: int
    models: tuple[str, ...] = ()
    memory_mib: int = 0

    @property
    def total_gpu_milli(self) -> int:
        """Thousandths of all its GPUs."""
        return self.gpus * self.gpu_milli

    @property
    def shares(self) -> bool:
        """Whether it asks for part of a GPU."""
        return 0 < self.gpu_milli < WHOLE


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of a trace."""

    name: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a trace."""

    name: str
    cpu_milli: int
    memory_mib: int
    gpus: int
    model: str


class Cluster:
    """What is left on every node, for pods of the given ``shapes``.

    ``gpu_left`` has a column for each GPU of the largest node; a missing GPU has nothing left. ``fits`` says which shape (row) fits on
    which node (column). ``kinds`` counts the pods of each kind on a node: those that share a GPU (0), or use 1, 2, … whole ones.
    """

    def __init__(self, nodes: Sequence[Node], shapes: Sequence[Shape]) -> None:
        self.nodes = list(nodes)
        self.shapes = list(shapes)
        most = max((node.gpus for node in self.nodes), default=0)
        self.cpu_left = np.array([node.cpu_milli for node in self.nodes])
        self.memory_left = np.array([node.memory_mib for node in self.nodes])
        self.gpu_left = np.array([[WHOLE] * node.gpus + [0] * (most - node.gpus) for node in self.nodes])
        self.gpus = np.array([node.gpus for node in self.nodes])
        self.kinds = np.zeros((len(self.nodes), most + 1), dtype=int)
        self.total_gpu_milli = int(self.gpu_left.sum())
        self.cpu_asked = np.array([shape.cpu_milli for shape in self.shapes])
        self.memory_asked = np.array([shape.memory_mib for shape in self.shapes])
        self.gpu_asked = np.array([shape.gpu_milli for shape in self.shapes])
        self.gpus_asked = np.array([shape.gpus for shape in self.shapes])
        self.accepts = np.array([[not shape.models or node.model in shape.models for node in self.nodes] for shape in self.shapes])
        self.fits = np.zeros((len(self.shapes), len(self.nodes)), dtype=bool)
        for node in range(len(self.nodes)):
            self._refresh(node)

    def place(self, shape: int, node: int, gpus: Sequence[int]) -> None:
        """Put a pod of ``shape`` on the ``gpus`` of ``node``."""
        asked = self.shapes[shape]
        self.cpu_left[node] -= asked.cpu_milli
        self.memory_left[node] -= asked.memory_mib
        for gpu in gpus:
            self.gpu_left[node, gpu] -= asked.gpu_milli
        if asked.gpus:
            self.kinds[node, 0 if asked.shares else asked.gpus] += 1
        self._refresh(node)

    def first_idle(self, node: int, count: int) -> list[int]:
        """Return the first ``count`` idle GPUs of ``node``."""
        return [int(gpu) for gpu in np.flatnonzero(self.gpu_left[node] == WHOLE)[:count]]

    def tightest(self, node: int, gpu_milli: int) -> int:
        """Return the GPU of ``node`` with the least room that still has ``gpu_milli``."""
        left: NDArray[np.int_] = self.gpu_left[node]
        return int(np.where(left >= gpu_milli, left, WHOLE + 1).argmin())

    def _refresh(self, node: int) -> None:
        enough = (self.gpu_left[node] >= np.maximum(self.gpu_asked, 1)[:, None]).sum(axis=1) >= self.gpus_asked
        room = (self.cpu_left[node] >= self.cpu_asked) & (self.memory_left[node] >= self.memory_asked)
        self.fits[:, node] = enough & room & self.accepts[:, node]
