"""LoRA: a matrix is tuned by the product of two thin ones (Hu et al. 2022).

W' = W + s B A with A (rank, columns), B (rows, rank), s = alpha / rank. B begins at zero, so nothing changes at step 0; after training the
product is added to W and costs nothing at inference. Parameters: rank (rows + columns) a matrix instead of rows x columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from workloads.compression.errors import ShapeError
from workloads.compression.model.transformer import Adapters, Weights


@dataclass(frozen=True)
class Lora:
    """Adapters by weight name: ``down`` (rank, columns) and ``up`` (rows, rank), with their scale."""

    down: dict[str, Tensor]
    up: dict[str, Tensor]
    scale: float

    def parameters(self) -> dict[str, Tensor]:
        """Return every tensor by name, to be trained."""
        return {f"{name}/{part}": tensors[name] for part, tensors in (("down", self.down), ("up", self.up)) for name in tensors}

    def adapters(self) -> Adapters:
        """Return what a forward pass applies beside the weights."""
        return {name: (down, self.up[name] * self.scale) for name, down in self.down.items()}


def attach(weights: Mapping[str, Tensor], names: Iterable[str], rank: int, *, alpha: float | None = None, seed: int = 0) -> Lora:
    """Return new adapters for the matrices ``names``; ``alpha`` is twice the rank by default.

    Raises:
        ShapeError: a weight is no matrix, or the rank exceeds it.
    """
    generator = torch.Generator().manual_seed(seed)
    down, up = {}, {}
    for name in names:
        matrix = weights[name]
        if matrix.ndim != 2 or not 1 <= rank <= min(matrix.shape):
            raise ShapeError(f"{name} of shape {tuple(matrix.shape)} takes no adapter of rank {rank}")
        down[name] = torch.randn(rank, matrix.shape[1], generator=generator) / matrix.shape[1] ** 0.5
        up[name] = torch.zeros(matrix.shape[0], rank)
    return Lora(down, up, (2 * rank if alpha is None else alpha) / rank)


def merged(weights: Weights, lora: Lora) -> Weights:
    """Return the weights with the adapters added to them."""
    with torch.no_grad():
        return weights | {name: weights[name] + up @ down for name, (down, up) in lora.adapters().items()}
