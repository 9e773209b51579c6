"""From observations to coefficients.

Rule 1: each experiment counts once, with the median of its repeats; errors are relative, because a step of 2 ms matters as much to the
time between tokens as one of 200 ms to the first token.
Rule 2: coefficients are not negative, and what the observations cannot tell apart is not fitted.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from simulations.calibration.coefficients import Coefficient, Fit
from simulations.calibration.least_squares import not_negative
from simulations.serving.micro_batches import micro_batches
from simulations.serving.step_times import context_work, interpolate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulations.calibration.experiments import Observation

    _Array = np.ndarray[Any, np.dtype[np.float64]]

MICRO_BATCH_TOKENS: Final = 512
"""llama.cpp's default n_ubatch, which the engine leaves as it is."""
_KNEES: Final = (16, 64)
"""Sizes of a micro-batch where the matrix kernels change; from the larger one on the cost of a token is constant."""


@dataclass(frozen=True, slots=True)
class StepCosts:
    """The fitted part of a calibration; see there."""

    step_s: Coefficient
    compute_s: tuple[tuple[int, Coefficient], ...]
    decode_context_s: Coefficient
    prefill_context_s: Coefficient
    fit: Fit


def fit_steps(experiments: Sequence[Sequence[Observation]], source: str) -> StepCosts:
    """Fit the costs of steps; each inner sequence holds the repeats of one experiment."""
    repeats = [len(group) for group in experiments]
    seconds = np.array([statistics.median(o.seconds for o in group) for group in experiments])
    batches = [list(micro_batches(group[0].batch, limit=MICRO_BATCH_TOKENS, together=False)) for group in experiments]
    points = _points(batches)
    rows = np.array([_row(parts, points) for parts in batches])
    # Without a step of several micro-batches the fixed costs of a step and of a micro-batch are one number, kept with the latter.
    if all(len(parts) == 1 for parts in batches):
        rows[:, 0] = 0.0
    values = not_negative(rows / seconds[:, None], np.ones(len(seconds)))
    errors = np.abs(rows @ values / seconds - 1)

    def coefficient(column: int, unit: str) -> Coefficient:
        n = sum(count for count, row in zip(repeats, rows, strict=True) if row[column])
        return Coefficient(float(values[column]), unit, "measured" if n else "assumed", source, n)

    return StepCosts(
        step_s=coefficient(0, "s/step"),
        decode_context_s=coefficient(1, "s/(token * context token)"),
        prefill_context_s=coefficient(2, "s/(token * token before it)"),
        compute_s=tuple((tokens, coefficient(3 + n, "s/micro-batch")) for n, tokens in enumerate(points)),
        fit=Fit(float(np.median(errors)), float(np.max(errors)), sum(repeats)),
    )


def fit_requests(experiments: Sequence[Sequence[Observation]], source: str) -> tuple[Coefficient, Coefficient]:
    """Fit what a request costs beside its steps: a fixed time, and one for each prompt token."""
    prompts = [group for group in experiments if group[0].overhead_s is not None]
    tokens = [float(group[0].batch[0].tokens) for group in prompts]
    overheads = [statistics.median(o.overhead_s for o in group if o.overhead_s is not None) for group in prompts]
    fixed, each = not_negative(np.column_stack([np.ones(len(tokens)), tokens]), np.array(overheads))
    n = sum(map(len, prompts))
    return (
        Coefficient(float(fixed), "s/request", "measured", source, n),
        Coefficient(float(each), "s/prompt token", "measured", source, n),
    )


def _points(batches: Sequence[Sequence[Sequence[Any]]]) -> list[int]:
    """Return the sizes of micro-batch whose cost is fitted: those that generated together, and the knees that prompts reach."""
    sizes = {sum(row.tokens for row in rows) for parts in batches for rows in parts}
    together = {len(rows) for parts in batches for rows in parts}
    largest = max(sizes)
    return sorted({1, *together, *(knee for knee in _KNEES if knee < largest), largest, *([2] if largest == 1 else [])})


def _row(parts: Sequence[Sequence[Any]], points: Sequence[int]) -> _Array:
    """Return how often each coefficient occurs in a step of these micro-batches."""
    row = np.zeros(3 + len(points))
    row[0] = 1.0
    for rows in parts:
        decode, prefill = context_work(rows)
        row[1] += decode
        row[2] += prefill
        for position, weight in interpolate(sum(r.tokens for r in rows), points):
            row[3 + position] += weight
    return row
