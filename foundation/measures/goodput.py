"""Goodput: the requests that were served as promised (Zhong et al., DistServe, OSDI 2024).

A request counts if it was good and stayed within every limit. A limit on a p95 holds exactly where at least 95 % of the requests stay
within it, so a rate holds its thresholds where the share that counts is at least 95 %. What is over its client's own quota was promised to
nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from foundation.measures.outcome import RequestRecord, Status


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one request in milliseconds; None: none."""

    ttft_ms: float | None = None
    tpot_ms: float | None = None
    e2e_ms: float | None = None

    def met_by(self, record: RequestRecord) -> bool:
        """Return whether a request was served as promised."""
        if record.status is not Status.OK:
            return False
        found = ((self.ttft_ms, record.ttft_ms), (self.tpot_ms, record.tpot_ms), (self.e2e_ms, record.e2e_ms))
        return all(limit is None or value is None or value < limit for limit, value in found)


def goodput(records: Sequence[RequestRecord], limits: Limits) -> float:
    """Return the share of ``records`` that was served as promised; NaN without requests."""
    promised = [record for record in records if record.status is not Status.LIMITED]
    return sum(map(limits.met_by, promised)) / len(promised) if promised else float("nan")


def limits_of(expressions: Iterable[tuple[str, float]]) -> Limits:
    """Return the limits that thresholds on a p95 set, given as (metric, limit); the strictest counts."""
    known: dict[str, float] = {}
    for metric, limit in expressions:
        if metric.startswith("p95_") and (name := metric.removeprefix("p95_")) in Limits.__slots__:
            known[name] = min(limit, known.get(name, limit))
    return Limits(**known)
