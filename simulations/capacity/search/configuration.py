"""What is varied: replicas, slots, GPU model, tensor parallelism, and the share of the nodes that are bought as spot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product


@dataclass(frozen=True, slots=True)
class Configuration:
    """One configuration; None leaves what the graph says. ``spot`` is a share of the engines' nodes."""

    replicas: int
    slots: int | None = None
    gpu: str | None = None
    group: int | None = None
    spot: float = 0.0

    @property
    def scenario(self) -> str:
        """The scenario that makes it."""
        said = {"replicas": self.replicas, "slots": self.slots, "gpu": self.gpu, "tensor-parallel": self.group}
        parts = [f"{kind}={value}" for kind, value in said.items() if value]
        return "+".join([*parts, *([f"spot-nodes={self.spot:g}"] if self.spot else [])])


def space(
    most_replicas: int, slots: Sequence[int | None], gpus: Sequence[str | None], groups: Sequence[int | None] = (None,)
) -> list[list[Configuration]]:
    """Return the families, each from one replica up to ``most_replicas``."""
    return [[Configuration(number, *kind) for number in range(1, most_replicas + 1)] for kind in product(slots, gpus, groups)]
