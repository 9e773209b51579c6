"""Statistics about the load generator itself: a measurement is only as good as its instrument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class GeneratorStats:
    """The generator during one run.

    ``planned`` requests were due and ``sent`` of them handed to the network; rates are over the time from the first to the last, 0 if that
    time is zero. In a closed loop, ``planned`` is the number of requests due at the planned rate, or the number sent if there was no
    planned rate; its rates are over the run. The send lag is the time from the intended to the actual send; None for a closed loop, which
    has no intended times. ``cpu_s`` is the CPU time of all ``processes``; ``cpu_share`` that of the busiest as a share of one core (each
    uses one thread). ``frames`` is the number of server-sent events received.
    """

    kind: Literal["open-loop", "closed-loop"]
    processes: int
    wall_s: float
    cpu_s: float
    cpu_share: float
    planned: int
    sent: int
    frames: int
    offered_per_s: float
    achieved_per_s: float
    lag_p50_ms: float | None = None
    lag_p99_ms: float | None = None
    lag_max_ms: float | None = None

    @property
    def achieved_share(self) -> float:
        """Achieved over offered rate; sent over planned requests if all were due at the same time; 1 without requests."""
        if self.offered_per_s:
            return self.achieved_per_s / self.offered_per_s
        return self.sent / self.planned if self.planned else 1.0

    @property
    def cpu_ms_per_request(self) -> float:
        """CPU milliseconds per request, including its frames; 0 without requests."""
        return self.cpu_s * 1e3 / self.sent if self.sent else 0.0

    @property
    def cpu_us_per_frame(self) -> float:
        """CPU microseconds per frame, including all other work; 0 without frames."""
        return self.cpu_s * 1e6 / self.frames if self.frames else 0.0


def open_loop_stats(sends: Sequence[tuple[float, float | None]], *, wall_s: float, cpu_s: float, frames: int) -> GeneratorStats:
    """Summarise ``sends``: (intended, actual) seconds of every request that was due; actual is None if it could not be sent."""
    lags = [(sent - due) * 1e3 for due, sent in sends if sent is not None]
    p50, p99, largest = (float(v) for v in np.quantile(lags, (0.5, 0.99, 1.0))) if lags else (None, None, None)
    offered = _rate([due for due, _ in sends], len(sends))
    # Both rates count from the first intended time: a generator that starts late is late.
    first = sends[0][0] if sends else 0.0
    achieved = _rate([first, *(sent for _, sent in sends if sent is not None)], len(lags))
    return GeneratorStats(
        kind="open-loop",
        processes=1,
        wall_s=wall_s,
        cpu_s=cpu_s,
        cpu_share=cpu_s / wall_s if wall_s else 0.0,
        planned=len(sends),
        sent=len(lags),
        frames=frames,
        offered_per_s=offered,
        achieved_per_s=achieved,
        lag_p50_ms=p50,
        lag_p99_ms=p99,
        lag_max_ms=largest,
    )


def _rate(times: Sequence[float], count: int) -> float:
    span = max(times) - min(times) if count >= 2 else 0.0
    return (count - 1) / span if span else 0.0
