"""Whether a measurement is worse than the saved baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from foundation.measures import share_interval
from policies.verdict.thresholds import number

if TYPE_CHECKING:
    from foundation.measures import Outcome
    from policies.verdict.evidence import Evidence

#: A quantile or the share of failures is a regression from this factor on, and only if the intervals do not overlap.
REGRESSION_FACTOR: Final = 1.10


def regressions(evidence: Evidence) -> list[str]:
    """Return what is worse than the saved baseline; empty without a baseline or if the measurement is invalid."""
    before, after = evidence.baseline, evidence.measured
    if before is None or after is None or not evidence.counts:
        return []
    return [*_slower(before, after), *_more_failures(before, after)]


def _slower(before: Outcome, after: Outcome) -> list[str]:
    worse = []
    for latency in ("ttft_ms", "tpot_ms", "e2e_ms"):
        kept, seen = getattr(before, latency), getattr(after, latency)
        for name in ("p50", "p95"):
            old, new = getattr(kept, name), getattr(seen, name)
            if new > old * REGRESSION_FACTOR and seen.ci95[name][0] > kept.ci95[name][1]:
                worse.append(f"{name} of {latency} is {number(new)}, the kept baseline {number(old)} (+{(new / old - 1):.0%})")
    return worse


def _more_failures(before: Outcome, after: Outcome) -> list[str]:
    if not before.requests or not after.requests:
        return []
    old, new = before.failed / before.requests, after.failed / after.requests
    apart = share_interval(after.failed, after.requests)[0] > share_interval(before.failed, before.requests)[1]
    if not apart or new <= old * REGRESSION_FACTOR:
        return []
    return [f"{after.failed} of {after.requests} requests failed, with the kept baseline {before.failed} of {before.requests}"]
