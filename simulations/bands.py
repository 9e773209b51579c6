"""How far a prediction may be off: a 90 % band for each latency quantile, from three causes that are told apart.

* **engine**: the machine is faster or slower from one minute to the next. From the drift between the calibrations before and after a load.
* **calibration**: the coefficients themselves are uncertain. From the errors of their own fit.
* **arrivals**: the same traffic on another day has other requests. From the twin under other seeds of the plan.

A rehearsal has such a band for its p50 and p95, a what-if for every level of its predicted distributions.

Latencies rise with the time of a step, so the band of the first two comes from two runs each, with all steps as slow, or as fast, as a
normal error of 5 % probability makes them. Causes are independent, so they add up in squares, in logarithms. Who sends the very requests
that were predicted leaves out the third.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from foundation.measures.outcome import Outcome
    from simulations.serving import Speed
    from simulations.twin import Twin
    from stacks.traffic import PlannedRequest

#: Standard normal quantile of 95 %: a two-sided band of 90 %.
Z90: Final = 1.644854
#: Relative standard deviation of the machine's speed from one load to the next, if it was measured before and after; assumed. Least value.
LEAST_ENGINE: Final = 0.03
#: The same if it was measured once only, and for machines that are not here; assumed.
ENGINE: Final = 0.06
#: Error of published coefficients; the worst steps of ``sandtable validate kernels`` are off by twice that.
PUBLISHED: Final = 0.10
#: Other seeds of the plan that are tried.
SEEDS: Final = 5

#: A quantile that moves by less is not the engine's.
_UNMOVED: Final = 1e-3

Name = TypeVar("Name", bound=Hashable)

LATENCIES: Final = ("ttft_ms", "tpot_ms", "e2e_ms")
QUANTILES: Final = ("p50", "p95")


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """Relative standard deviations of the time of a step: of the ``engine`` from load to load, and of its ``calibration``."""

    engine: float
    calibration: float


@dataclass(frozen=True, slots=True)
class Band:
    """The 90 % band of one quantile, in its unit, for the very requests of the plan.

    ``engine``, ``calibration`` and ``arrivals`` are half the width that each cause alone would give, as shares of the prediction;
    ``arrivals`` is not part of the band, and NaN if the plan has no other seed.
    """

    predicted: float
    low: float
    high: float
    engine: float
    calibration: float
    arrivals: float

    def covers(self, value: float) -> bool:
        """Whether ``value`` is inside."""
        return self.low <= value <= self.high

    @property
    def another_day(self) -> tuple[float, float]:
        """The band for the same traffic on another day: with ``arrivals``, if they are known."""
        arrivals = 0.0 if math.isnan(self.arrivals) else self.arrivals
        below, above = (math.hypot(_apart(end, self.predicted), arrivals) for end in (self.low, self.high))
        return self.predicted * math.exp(-below), self.predicted * math.exp(above)


def uncertainty(speed: Speed) -> Uncertainty:
    """Return how uncertain the speed of an engine is."""
    fit, load_fit = getattr(speed, "fit", None), getattr(speed, "load_fit", None)
    if not speed.measured or fit is None:
        return Uncertainty(ENGINE, PUBLISHED)
    of_load = 1.4826 * load_fit.median_error / math.sqrt(load_fit.n) if load_fit and load_fit.n else 0.0
    drift = getattr(speed, "drift", None)
    # The load lies somewhere between the two measurements, whose mean is used.
    engine = ENGINE if drift is None else max(LEAST_ENGINE, abs(math.log1p(drift)) / 2)
    return Uncertainty(engine, math.hypot(of_load, fit.median_error))


def bands(
    twin: Twin,
    requests: Sequence[PlannedRequest],
    *,
    seed: int,
    doubt: Uncertainty | None = None,
    other_plan: Callable[[int], Sequence[PlannedRequest]] | None = None,
) -> dict[str, Band]:
    """Return the band of each latency, named like ``p95_ttft_ms``.

    One without a sample is left out, and so is one that the engine hardly moves: it is a provider's, whose uncertainty is not known.

    Args:
        twin: the engines at the predicted speed.
        requests: the plan that was predicted.
        seed: of that plan.
        doubt: how uncertain the speed is; None: as :func:`uncertainty` says.
        other_plan: gives the plan of another seed; None: arrivals are not varied.
    """
    seeds = range(seed + 1, seed + 1 + SEEDS) if other_plan else ()
    others = [_run(twin, other_plan(other), other) for other in seeds] if other_plan else []
    return bands_of(twin, lambda paced: _run(paced, requests, seed), doubt=doubt, others=others)


def bands_of(
    twin: Twin,
    measure: Callable[[Twin], Mapping[Name, float]],
    *,
    doubt: Uncertainty | None = None,
    others: Sequence[Mapping[Name, float]] = (),
) -> dict[Name, Band]:
    """Return the band of each latency that ``measure`` finds in a run of ``twin``, as :func:`bands` does.

    Args:
        twin: the engines at the predicted speed.
        measure: runs a twin under the predicted load and returns latencies by name.
        doubt: how uncertain the speed is; None: as :func:`uncertainty` says.
        others: the same latencies under other arrivals.
    """
    found = doubt or uncertainty(twin.calibration)
    base = measure(twin)
    fast_engine, slow_engine = (measure(_paced(twin, sign * found.engine)) for sign in (-1, 1))
    fast, slow = (measure(_paced(twin, sign * found.calibration)) for sign in (-1, 1))
    bands: dict[Name, Band] = {}
    for name, value in base.items():
        ends = [end.get(name, value) for end in (fast_engine, fast, slow_engine, slow)]
        if not value > 0:
            continue
        below, above = (math.hypot(*(_apart(end, value) for end in pair)) for pair in (ends[:2], ends[2:]))
        if below + above < _UNMOVED and (found.engine or found.calibration):
            continue
        drawn = [math.log(other[name] / value) for other in others if other.get(name, 0) > 0]
        arrivals = Z90 * statistics.stdev(drawn) if len(drawn) > 1 else math.nan
        engine, calibration = ((slowest - fastest) / 2 / value for fastest, slowest in zip(ends[:2], ends[2:], strict=True))
        bands[name] = Band(value, value * math.exp(-below), value * math.exp(above), engine, calibration, arrivals)
    return bands


def quantiles_of(outcome: Outcome) -> dict[str, float]:
    """Return the latency quantiles that have bands."""
    return {f"{quantile}_{latency}": getattr(getattr(outcome, latency), quantile) for latency in LATENCIES for quantile in QUANTILES}


def _run(twin: Twin, requests: Sequence[PlannedRequest], seed: int) -> dict[str, float]:
    return quantiles_of(twin.run(requests, seed=seed).outcome)


def _paced(twin: Twin, deviations: float) -> Twin:
    return replace(twin, calibration=twin.calibration.paced(math.exp(Z90 * deviations), "the end of a band"))


def _apart(other: float, value: float) -> float:
    return abs(math.log(other / value)) if other > 0 else 0.0
