"""A run over time, computed from its records, so that a measurement and a prediction draw the same curves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from foundation.measures.outcome import RequestRecord, Status

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class TimelinePoint:
    """One interval of the run, from ``at_s`` on; rates are per second over the interval.

    ``in_flight`` counts the requests that were due and not finished at the interval's end: if it keeps growing, the engines are overloaded.
    ``ttft_p50_ms`` is over the requests due in the interval, None if none of them got a token.
    """

    at_s: float
    offered_per_s: float
    finished_per_s: float
    failed_per_s: float
    in_flight: int
    output_tokens_per_s: float
    ttft_p50_ms: float | None


def timeline(records: Sequence[RequestRecord], *, interval_s: float = 1.0) -> list[TimelinePoint]:
    """Return one point for each ``interval_s`` seconds from 0 to the end of the last record; empty without records.

    Requests over their client's quota are left out: nobody had to serve them.
    """
    records = [record for record in records if record.status is not Status.LIMITED]
    if not records:
        return []
    count = max(1, math.ceil(max(max(r.finished_s, r.intended_s) for r in records) / interval_s))

    def slot(at_s: float) -> int:
        return min(count - 1, max(0, int(at_s / interval_s)))

    offered, finished, failed = [0] * count, [0] * count, [0] * count
    tokens = [0.0] * count
    ttfts: list[list[float]] = [[] for _ in range(count)]
    for r in records:
        offered[slot(r.intended_s)] += 1
        (finished if r.status is Status.OK else failed)[slot(r.finished_s)] += 1
        if r.ttft_ms is not None:
            ttfts[slot(r.intended_s)].append(r.ttft_ms)
            _spread(tokens, r, interval_s)
    points = []
    in_flight = 0
    for index in range(count):
        in_flight += offered[index] - finished[index] - failed[index]
        points.append(
            TimelinePoint(
                at_s=index * interval_s,
                offered_per_s=offered[index] / interval_s,
                finished_per_s=finished[index] / interval_s,
                failed_per_s=failed[index] / interval_s,
                in_flight=in_flight,
                output_tokens_per_s=tokens[index] / interval_s,
                ttft_p50_ms=median(ttfts[index]) if ttfts[index] else None,
            )
        )
    return points


def _spread(tokens: list[float], record: RequestRecord, interval_s: float) -> None:
    """Add the record's tokens evenly over the time in which they came."""
    begin, end = record.first_token_s or 0.0, record.finished_s
    first, last = (min(len(tokens) - 1, int(t / interval_s)) for t in (begin, end))
    if first == last:
        tokens[first] += record.output_tokens
        return
    per_second = record.output_tokens / (end - begin)
    for index in range(first, last + 1):
        inside = min(end, (index + 1) * interval_s) - max(begin, index * interval_s)
        tokens[index] += per_second * inside
