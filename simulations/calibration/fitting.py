"""Fits coefficients to observations.

Rule 1: each experiment counts once, with its fastest repeat, because a disturbance can only add time. The experiments give the relative
costs; the mixed load gives the slowdown in normal operation. For single gaps between tokens the median counts. Errors are relative, because
a step of 2 ms matters as much to the time between tokens as one of 200 ms to the first token.
Rule 2: coefficients are not negative, and what the observations cannot tell apart is not fitted.
"""

from __future__ import annotations

import itertools
import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from simulations.calibration.coefficients import Fit
from simulations.calibration.least_squares import not_negative
from simulations.provenance import Coefficient
from simulations.serving.micro_batches import micro_batches
from simulations.serving.step_times import cold_share, context_work, interpolate, splits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulations.calibration.experiments import EngineStep, Observation

    _Array = np.ndarray[Any, np.dtype[np.float64]]

MICRO_BATCH_TOKENS: Final = 512
"""llama.cpp's default n_ubatch, which the engine leaves as it is."""
_KNEES: Final = (16, 64)
"""Sizes of a micro-batch where the matrix kernels change; from the larger one on the cost of a token is constant."""
_PASSES: Final = 4
_LARGE_ERROR: Final = 0.1
_SHORTEST_S: Final = 1e-6
_COLD_LEFT: Final = tuple(n / 10 for n in range(10))
_COLD_AFTER_S: Final = (0.001, 0.003, 0.01, 0.03, 0.1)
"""The cold term is not linear in these two: all pairs are tried."""


@dataclass(frozen=True, slots=True)
class StepCosts:
    """The fitted part of a :class:`Calibration`; the fields are documented there."""

    split_s: Coefficient
    compute_s: tuple[tuple[int, Coefficient], ...]
    decode_context_s: Coefficient
    prefill_context_s: Coefficient
    cold_s: Coefficient
    cold_left: Coefficient
    cold_after_s: Coefficient
    fit: Fit


@dataclass(frozen=True, slots=True)
class _Sample:
    """A step of an experiment, from all of its repeats, and its weight among all."""

    step: EngineStep
    parts: list[list[Any]]
    seconds: float
    prompt_s: float | None
    weight: float
    repeats: int


def fit_steps(experiments: Sequence[Sequence[Observation]], source: str) -> StepCosts:
    """Fit the costs of steps; each inner sequence holds the repeats of one experiment."""
    samples = [sample for group in experiments for sample in _samples(group)]
    points = _points(samples)
    tried = [_solve(samples, points, left, after_s) for left, after_s in itertools.product(_COLD_LEFT, _COLD_AFTER_S)]
    best = min(tried, key=lambda solution: solution.loss)

    def coefficient(column: int, unit: str) -> Coefficient:
        n = sum(sample.repeats for sample, row in zip(samples, best.rows, strict=True) if row[column])
        return Coefficient(float(best.values[column]), unit, "measured" if n else "assumed", source, n)

    cold_s = coefficient(3, "s/micro-batch")
    return StepCosts(
        split_s=coefficient(0, "s/micro-batch"),
        decode_context_s=coefficient(1, "s/(token * context token)"),
        prefill_context_s=coefficient(2, "s/(token * token before it)"),
        cold_s=cold_s,
        cold_left=Coefficient(best.left, "share", cold_s.provenance, source, cold_s.n),
        cold_after_s=Coefficient(best.after_s, "s", cold_s.provenance, source, cold_s.n),
        compute_s=tuple((tokens, coefficient(4 + n, "s/micro-batch")) for n, tokens in enumerate(points)),
        fit=Fit(float(np.median(best.errors)), float(np.max(best.errors)), sum(sample.repeats for sample in samples)),
    )


def fit_requests(experiments: Sequence[Sequence[Observation]], source: str) -> tuple[Coefficient, Coefficient]:
    """Fit the request's overhead outside its steps: a fixed time and a time per prompt token."""
    prompts = [group for group in experiments if group[0].overhead_s is not None]
    tokens = [float(group[0].steps[0].batch[0].tokens) for group in prompts]
    overheads = [statistics.median(o.overhead_s for o in group if o.overhead_s is not None) for group in prompts]
    fixed, each = not_negative(np.column_stack([np.ones(len(tokens)), tokens]), np.array(overheads))
    n = sum(map(len, prompts))
    return (
        Coefficient(float(fixed), "s/request", "measured", source, n),
        Coefficient(float(each), "s/prompt token", "measured", source, n),
    )


def _samples(group: Sequence[Observation]) -> list[_Sample]:
    found = []
    for number, step in enumerate(group[0].steps):
        repeats = [observation.steps[number] for observation in group]
        prompts = [r.prompt_s for r in repeats if r.prompt_s is not None]
        parts = list(micro_batches(step.batch, limit=MICRO_BATCH_TOKENS))
        # A prompt, or a mean over many steps, is never faster than the engine. A single gap can be, if both tokens arrive in one read.
        among = min if step.prompt_s is None else statistics.median
        seconds = among([r.seconds for r in repeats])
        # The steps after a prompt together weigh as much as one step, like the prompt itself.
        weight = 1.0 if step.prompt_s is None else 1 / math.sqrt(len(group[0].steps) - 1)
        found.append(_Sample(step, parts, seconds, statistics.median(prompts) if prompts else None, weight, len(repeats)))
    return found


@dataclass(frozen=True, slots=True)
class _Solution:
    left: float
    after_s: float
    rows: _Array
    values: _Array
    errors: _Array
    loss: float


def _solve(samples: Sequence[_Sample], points: Sequence[int], left: float, after_s: float) -> _Solution:
    """Fit by iteratively reweighted least squares (Huber 1964): errors are relative to the fitted time, and large ones count less.

    A disturbance can shrink the gap between two tokens to nothing, if both arrive in one read, or make it arbitrarily large.
    """
    rows = np.array([_row(sample, points, left, after_s) for sample in samples])
    seconds = np.array([sample.seconds for sample in samples])
    weights = np.array([sample.weight for sample in samples])
    typical = np.median(seconds[weights < 1]) if np.any(weights < 1) else 0.0
    scale = np.maximum(seconds, max(typical / 2, _SHORTEST_S))
    trust = weights
    for _ in range(_PASSES):
        values = not_negative(rows * (trust / scale)[:, None], seconds * trust / scale)
        fitted = rows @ values
        scale = np.maximum(fitted, _SHORTEST_S)
        errors = np.abs(seconds - fitted) / scale
        trust = weights * np.sqrt(np.minimum(1.0, _LARGE_ERROR / np.maximum(errors, _LARGE_ERROR)))
    within = np.minimum(errors, _LARGE_ERROR)
    loss = float(np.sum(weights**2 * within * (2 * errors - within)))
    return _Solution(left, after_s, rows, values, errors, loss)


def _points(samples: Sequence[_Sample]) -> list[int]:
    """Return the micro-batch sizes to fit: the observed generating batches, and the knees that prompts reach."""
    sizes = {sum(row.tokens for row in rows) for sample in samples for rows in sample.parts}
    together = {len(rows) for sample in samples for rows in sample.parts}
    largest = max(sizes)
    return sorted({1, *together, *(knee for knee in _KNEES if knee < largest), largest, *([2] if largest == 1 else [])})


def _row(sample: _Sample, points: Sequence[int], left: float, after_s: float) -> _Array:
    """Return how often each coefficient occurs in the step."""
    row = np.zeros(4 + len(points))
    row[0] = float(splits(len(sample.parts)))
    for rows in sample.parts:
        decode, prefill = context_work(rows)
        row[1] += decode
        row[2] += prefill
        for position, weight in interpolate(sum(r.tokens for r in rows), points):
            row[4 + position] += weight
    if sample.prompt_s is not None:
        row[3] = cold_share(0.0, sample.prompt_s, after_s) * left**sample.step.since
    return row
