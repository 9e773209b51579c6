"""The gate before the verdict: is this measurement one of the engines, or one of the generator and of chance?

Limits: a send lag whose p99 is over 10 ms, a generator that uses 90 % of its core, and sends under 99 % of the offered rate are
common ground of the tools in the field; the sample sizes follow from the intervals of ``workloads.telemetry.outcome``.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from loadtests.measurement.generator import GeneratorStats
    from workloads.telemetry.outcome import Outcome, Quantiles

LAG_P99_LIMIT_MS: Final = 10.0
CPU_SHARE_LIMIT: Final = 0.9
ACHIEVED_SHARE_LIMIT: Final = 0.99

_Z95: Final = 1.959964
_PERCENTILE = re.compile(r"^p(50|95|99)_(ttft|tpot|e2e)_ms$")


def samples_needed(percentile: int) -> int:
    """Return how many samples bound ``percentile`` from above with 95 % confidence.

    The upper end of the interval is the order statistic of rank ceil(nq + z sqrt(nq(1 - q))); it exists once n >= z^2 q / (1 - q).

    >>> samples_needed(50), samples_needed(95), samples_needed(99)
    (4, 73, 381)
    """
    q = percentile / 100
    return math.ceil(_Z95**2 * q / (1 - q))


def invalid_reasons(outcome: Outcome, generator: GeneratorStats, *, metrics: Iterable[str] = ()) -> tuple[str, ...]:
    """Return why the run cannot be judged, the instrument first; empty for a valid run.

    ``metrics`` are the names that thresholds ask for, such as ``p95_ttft_ms``; those that are no percentile need no samples.
    """
    if not outcome.requests:
        return ("nothing was measured: no request was sent",)
    return (*_instrument(generator), *_samples(outcome, metrics))


def _instrument(generator: GeneratorStats) -> list[str]:
    reasons = []
    if generator.lag_p99_ms is not None and generator.lag_p99_ms > LAG_P99_LIMIT_MS:
        reasons.append(
            f"the generator sent late: the p99 of its send lag is {generator.lag_p99_ms:.1f} ms, allowed are {LAG_P99_LIMIT_MS:g} ms; "
            "leave it a core of its own, or lower the rate"
        )
    if generator.cpu_share >= CPU_SHARE_LIMIT:
        reasons.append(
            f"the generator was saturated: it used {generator.cpu_share:.0%} of a core, allowed are under {CPU_SHARE_LIMIT:.0%}; "
            "lower the rate, or generate the load with more processes"
        )
    if generator.achieved_share < ACHIEVED_SHARE_LIMIT:
        reasons.append(
            f"the generator fell behind: it sent {generator.sent} of {generator.planned} requests, at {generator.achieved_per_s:.2f}/s "
            f"where {generator.offered_per_s:.2f}/s were due ({generator.achieved_share:.1%}, wanted are {ACHIEVED_SHARE_LIMIT:.0%}); "
            "lower the rate"
        )
    return reasons


def _samples(outcome: Outcome, metrics: Iterable[str]) -> list[str]:
    reasons = []
    for metric in dict.fromkeys(metrics):
        if not (match := _PERCENTILE.match(metric)):
            continue
        quantiles: Quantiles = getattr(outcome, f"{match[2]}_ms")
        needed = samples_needed(int(match[1]))
        if quantiles.n < needed:
            reasons.append(
                f"too few samples for {metric}: {quantiles.n}, needed are {needed} to bound it from above; "
                "lengthen the run or raise the rate"
            )
    return reasons
