"""Least squares with coefficients that are never negative (Lawson and Hanson, Solving Least Squares Problems, 1974, chapter 23)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    _Array = np.ndarray[Any, np.dtype[np.float64]]

_SLACK: Final = 1e-12


def not_negative(a: _Array, b: _Array) -> _Array:
    """Return x >= 0 that minimises the Euclidean norm of ``a @ x - b``.

    >>> not_negative(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([2.0, -3.0])).tolist()
    [2.0, 0.0]
    """
    columns = a.shape[1]
    # Normalise the columns, so that the tolerance means the same for each.
    scale = np.linalg.norm(a, axis=0)
    scale[scale == 0] = 1.0
    a = a / scale
    x = np.zeros(columns)
    free = np.zeros(columns, dtype=bool)
    for _ in range(3 * columns):
        gradient = a.T @ (b - a @ x)
        candidates = np.where(free, -np.inf, gradient)
        best = int(np.argmax(candidates))
        if candidates[best] <= _SLACK:
            break
        free[best] = True
        x = _with_free(a, b, x, free)
    return np.asarray(x / scale, dtype=np.float64)


def _with_free(a: _Array, b: _Array, x: _Array, free: np.ndarray[Any, np.dtype[np.bool_]]) -> _Array:
    """Solve for the ``free`` coefficients; those that would become negative are fixed at 0."""
    while free.any():
        wanted = np.zeros_like(x)
        wanted[free] = np.linalg.lstsq(a[:, free], b, rcond=None)[0]
        negative = free & (wanted <= 0)
        if not negative.any():
            return wanted
        share = np.min(x[negative] / (x[negative] - wanted[negative] + _SLACK))
        x = x + share * (wanted - x)
        free &= x > _SLACK
        x = np.where(free, x, 0.0)
    return np.zeros_like(x)
