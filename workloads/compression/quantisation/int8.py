"""Symmetric int8 by row: the format of integer matrix kernels, without a file format of its own.

A row w is stored as q = round(w / s), s = max|w| / 127, so the error of a weight is at most s / 2 and a matrix of r rows takes one byte a
weight and four bytes a row (Jacob et al. 2018, section 2, with a zero point of 0).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from workloads.compression.errors import ShapeError
from workloads.compression.quantisation.blocks import Floats


@dataclass(frozen=True)
class Int8Matrix:
    """``steps`` (rows, columns) in int8 and ``scales`` (rows,) in float32."""

    steps: np.ndarray[Any, np.dtype[np.int8]]
    scales: Floats

    @property
    def size_bytes(self) -> int:
        """Bytes of both arrays."""
        return self.steps.nbytes + self.scales.nbytes

    def weights(self) -> Floats:
        """Return the matrix that it stands for."""
        return self.steps.astype(np.float32) * self.scales[:, None]


def quantise_rows(matrix: Floats) -> Int8Matrix:
    """Return ``matrix`` (rows, columns) with one scale a row.

    Raises:
        ShapeError: it is no matrix.
    """
    if matrix.ndim != 2:
        raise ShapeError(f"int8 by row takes a matrix, not an array of shape {matrix.shape}")
    scales = (np.abs(matrix).max(axis=1) / 127).astype(np.float32)
    steps = np.rint(matrix / np.where(scales == 0, 1, scales)[:, None]).astype(np.int8)
    return Int8Matrix(steps, scales)
