"""What happened to a set of requests, in one form for predictions and measurements.

Rule 1: the twin and the load test both produce a list of :class:`RequestRecord`; all figures are computed from it here, so that comparing a
prediction with a measurement is a subtraction.
Rule 2: times are seconds on the run's own clock (0 = start of the run); latencies in an :class:`Outcome` are milliseconds.
Rule 3: latencies count from the *intended* send time, so a late generator or a full queue is never hidden (coordinated omission).

Definitions: TTFT = first output of any kind (text, reasoning, call of a tool) - intended send time. E2E = last output - intended send
time. TPOT = (E2E - TTFT) / (output tokens - 1), defined for requests with at least two output tokens, all of them streamed.
"""

from __future__ import annotations

import enum
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from foundation.measures.served import Served

#: Seconds after which a client gives up on a request, which then counts as failed, both in measurements and in predictions.
REQUEST_TIMEOUT_S: Final = 60.0


class Status(enum.StrEnum):
    """How a request ended."""

    OK = "ok"
    FAILED = "failed"
    REJECTED = "rejected"  # rejected before any work was done, for instance a prompt longer than the context
    LIMITED = "limited"  # refused because the client's own quota is used up, which is no failure of the platform


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request from its intended send to its end; times in seconds since the start of the run.

    ``first_token_s`` is the time of the first output of any kind, ``first_text_s`` of the first text (a model may reason or call a tool
    before or instead of writing text). ``remark``: what is unusual about its times or the server's token counts, None if nothing is.
    ``served``: what the gateway said about it, None without one.
    """

    intended_s: float
    sent_s: float
    first_token_s: float | None
    finished_s: float
    prompt_tokens: int
    output_tokens: int
    replica: str
    status: Status = Status.OK
    error: str | None = None
    first_text_s: float | None = None
    remark: str | None = None
    served: Served | None = None

    @property
    def ttft_ms(self) -> float | None:
        """Time to first token in milliseconds; None without a token."""
        return None if self.first_token_s is None else (self.first_token_s - self.intended_s) * 1e3

    @property
    def first_text_ms(self) -> float | None:
        """Time to first text in milliseconds; None without text."""
        return None if self.first_text_s is None else (self.first_text_s - self.intended_s) * 1e3

    @property
    def e2e_ms(self) -> float:
        """Time to the last token in milliseconds."""
        return (self.finished_s - self.intended_s) * 1e3

    @property
    def tpot_ms(self) -> float | None:
        """Mean time between output tokens in milliseconds, None with fewer than two tokens."""
        if self.first_token_s is None or self.output_tokens < 2:
            return None
        return (self.finished_s - self.first_token_s) * 1e3 / (self.output_tokens - 1)


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Three quantiles with 95 % confidence intervals; NaN without samples.

    The interval is distribution-free: the order statistics whose ranks enclose the quantile with 95 % probability under the binomial
    distribution (Conover, Practical Nonparametric Statistics, section 3.2, normal approximation). An end that would be outside the sample
    is infinite: 20 samples cannot bound a p99 from above.
    """

    p50: float
    p95: float
    p99: float
    n: int
    ci95: dict[str, tuple[float, float]]

    def to_json(self) -> dict[str, Any]:
        """Return JSON-compatible values: NaN and infinities become None."""
        return {
            "p50": _finite(self.p50),
            "p95": _finite(self.p95),
            "p99": _finite(self.p99),
            "n": self.n,
            "ci95": {name: [_finite(low), _finite(high)] for name, (low, high) in self.ci95.items()},
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Quantiles:
        """Read what ``to_json`` wrote; an end that was infinite is infinite again."""
        p50, p95, p99 = (math.nan if document[name] is None else float(document[name]) for name in ("p50", "p95", "p99"))
        empty = not document["n"]
        ends = {
            name: (
                (math.nan if empty else -math.inf) if low is None else float(low),
                (math.nan if empty else math.inf) if high is None else float(high),
            )
            for name, (low, high) in document["ci95"].items()
        }
        return cls(p50, p95, p99, int(document["n"]), ends)


def _finite(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


def quantiles(values: Iterable[float]) -> Quantiles:
    """Return p50, p95, p99 of ``values`` (linear interpolation, type 7) and their intervals.

    >>> q = quantiles(range(1, 102))
    >>> q.p50, q.p95, q.n
    (51.0, 96.0, 101)
    """
    ordered = np.sort(np.asarray(list(values), dtype=float))
    n = len(ordered)
    if n == 0:
        return Quantiles(math.nan, math.nan, math.nan, 0, {f"p{q}": (math.nan, math.nan) for q in (50, 95, 99)})
    points = {f"p{q}": float(np.quantile(ordered, q / 100)) for q in (50, 95, 99)}
    return Quantiles(points["p50"], points["p95"], points["p99"], n, {f"p{q}": _interval(ordered, q / 100) for q in (50, 95, 99)})


def _interval(ordered: np.ndarray[Any, np.dtype[np.float64]], q: float) -> tuple[float, float]:
    n = len(ordered)
    half = 1.959964 * math.sqrt(n * q * (1 - q))
    low, high = math.floor(n * q - half), math.ceil(n * q + half)
    return (float(ordered[low - 1]) if low >= 1 else -math.inf, float(ordered[high - 1]) if high <= n else math.inf)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The summary of a run, predicted or measured. Latencies in milliseconds.

    ``requests`` are those that the platform had to serve, ``good`` and ``failed``; ``limited`` are the others, over their client's quota.
    ``utilisation`` is the share of the run during which a replica had at least one request in flight, averaged over the replicas.
    ``cost_usd_per_hour`` is the price of the nodes that served the run, None if unknown.
    """

    requests: int
    good: int
    failed: int
    ttft_ms: Quantiles
    tpot_ms: Quantiles
    e2e_ms: Quantiles
    output_tokens_per_s: float
    utilisation: float
    duration_s: float
    seed: int | None
    cost_usd_per_hour: float | None = None
    limited: int = 0

    @property
    def n(self) -> int:
        """Number of requests that the latencies were computed from."""
        return self.good

    @classmethod
    def from_records(
        cls,
        records: Sequence[RequestRecord],
        *,
        replicas: Sequence[str],
        seed: int | None,
        cost_usd_per_hour: float | None = None,
        horizon_s: float | None = None,
    ) -> Outcome:
        """Summarise ``records`` over the ``replicas`` that could have served them (idle ones count for the utilisation).

        Rates are over ``horizon_s`` seconds from the start of the run and the time after that until the last request has ended. None: the
        run is known from its requests alone, and lasts from the first to the last end.
        """
        ok = [r for r in records if r.status is Status.OK]
        limited = sum(r.status is Status.LIMITED for r in records)
        end = max((r.finished_s for r in records), default=0.0)
        start = min((r.intended_s for r in records), default=0.0) if horizon_s is None else 0.0
        span = max(end - start, horizon_s or 0.0)
        return cls(
            requests=len(records) - limited,
            good=len(ok),
            failed=len(records) - len(ok) - limited,
            ttft_ms=quantiles(r.ttft_ms for r in ok if r.ttft_ms is not None),
            tpot_ms=quantiles(r.tpot_ms for r in ok if r.tpot_ms is not None),
            e2e_ms=quantiles(r.e2e_ms for r in ok),
            output_tokens_per_s=sum(r.output_tokens for r in ok) / span if span else 0.0,
            utilisation=_busy_share(records, replicas, span),
            duration_s=span,
            seed=seed,
            cost_usd_per_hour=cost_usd_per_hour,
            limited=limited,
        )

    def to_json(self) -> dict[str, Any]:
        """Return JSON-compatible values, the format of a stored baseline."""
        document = asdict(self) | {name: getattr(self, name).to_json() for name in ("ttft_ms", "tpot_ms", "e2e_ms")}
        return document | {"n": self.n}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Outcome:
        """Read what ``to_json`` wrote.

        Raises:
            KeyError: a field is missing, because another version wrote the document.
        """
        fields: dict[str, Any] = {name: document[name] for name in cls.__slots__}
        fields |= {name: Quantiles.from_json(document[name]) for name in ("ttft_ms", "tpot_ms", "e2e_ms")}
        return cls(**fields)


def _busy_share(records: Sequence[RequestRecord], replicas: Sequence[str], span: float) -> float:
    """Union of the intervals with a request in flight, per replica, over the span of the run."""
    if not span or not replicas:
        return 0.0
    intervals: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for r in records:
        intervals[r.replica].append((r.sent_s, r.finished_s))
    busy = 0.0
    for name in replicas:
        covered_until = -math.inf
        for begin, finish in sorted(intervals[name]):
            busy += max(0.0, finish - max(begin, covered_until))
            covered_until = max(covered_until, finish)
    return min(1.0, busy / (span * len(replicas)))
