"""Low-rank factors by singular value decomposition: the best there are for their rank (Eckart and Young 1936).

The relative error in the Frobenius norm is sqrt(sum of squared singular values left out) / ||W||. Two factors pay while
rank < rows x columns / (rows + columns).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from workloads.compression.errors import ShapeError


@dataclass(frozen=True)
class Factors:
    """``left`` (rows, rank) @ ``right`` (rank, columns), and the relative error that theory gives them."""

    left: Tensor
    right: Tensor
    relative_error: float


def factorise(matrix: Tensor, rank: int) -> Factors:
    """Return the best factors of ``matrix`` with ``rank``.

    Raises:
        ShapeError: it is no matrix, or has no such rank.
    """
    if matrix.ndim != 2 or not 1 <= rank <= min(matrix.shape):
        raise ShapeError(f"an array of shape {tuple(matrix.shape)} has no factors of rank {rank}")
    left, values, right = torch.linalg.svd(matrix.to(torch.float64), full_matrices=False)
    root = values[:rank].sqrt()
    error = float(values[rank:].square().sum().sqrt() / values.square().sum().sqrt())
    return Factors((left[:, :rank] * root).to(matrix.dtype), (root[:, None] * right[:rank]).to(matrix.dtype), error)
