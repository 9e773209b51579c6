"""How many samples a metric needs before it can be judged.

Rule 1: for a percentile the number follows from the intervals of ``foundation.measures.outcome``. A share has its own interval
(``foundation.measures.shares``) and needs no minimum. A throughput or a utilisation is a single number per run, without an interval, so it
needs enough requests that one or two do not change it.
Rule 2: too few samples for one metric do not affect the others: the share of failures, for example, is still known.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Final

from foundation.measures.outcome import Outcome, Quantiles

_Z95: Final = 1.959964
_FIX: Final = "lengthen the run or raise the rate"
_RATES: Final = frozenset({"output_tokens_per_s", "utilisation"})
_REQUESTS_FOR_RATES: Final = 20
"""A convention: with fewer, a single request is more than 5 % of the sample."""
_PERCENTILE: Final = re.compile(r"^p(50|95|99)_(ttft|tpot|e2e)_ms$")


def samples_needed(percentile: int) -> int:
    """Return how many samples bound ``percentile`` from above with 95 % confidence.

    The upper end of the interval is the order statistic of rank ceil(nq + z sqrt(nq(1 - q))); it exists once n >= z^2 q / (1 - q).

    >>> samples_needed(50), samples_needed(95), samples_needed(99)
    (4, 73, 381)
    """
    q = percentile / 100
    return math.ceil(_Z95**2 * q / (1 - q))


def percentile_of(metric: str) -> int | None:
    """Return 95 for ``p95_gateway_overhead_ms``; None if ``metric`` is no percentile."""
    match = re.match(r"p(50|95|99)_", metric)
    return int(match[1]) if match else None


def too_few_samples(outcome: Outcome, metric: str) -> str | None:
    """Return why ``outcome`` cannot decide about ``metric``, such as ``p95_ttft_ms``; None if it can, or if it needs no samples."""
    if metric in _RATES and outcome.requests < _REQUESTS_FOR_RATES:
        return f"too few samples for {metric}: {outcome.requests} requests, {_REQUESTS_FOR_RATES} needed; {_FIX}"
    if not (match := _PERCENTILE.match(metric)):
        return None
    quantiles: Quantiles = getattr(outcome, f"{match[2]}_ms")
    needed = samples_needed(int(match[1]))
    if quantiles.n >= needed:
        return None
    return f"too few samples for {metric}: {quantiles.n}, {needed} needed to bound it from above; {_FIX}"


def no_good_request(outcome: Outcome) -> str | None:
    """Return a sentence if all requests failed; None if one was good, or if none was sent."""
    if outcome.good or not outcome.requests:
        return None
    return f"no request was good: {outcome.failed} of {outcome.requests} failed"


def undersampled(outcome: Outcome, metrics: Iterable[str]) -> tuple[str, ...]:
    """Return why ``outcome`` cannot decide about one or more of ``metrics``, or about anything; empty if it can decide about all."""
    reasons = [no_good_request(outcome), *(too_few_samples(outcome, metric) for metric in dict.fromkeys(metrics))]
    return tuple(reason for reason in reasons if reason)
