"""The load that was sent, and the load generator's own figures."""

from __future__ import annotations

from typing import Annotated, Literal

from sandtable.document.parts.base import Drawn, Figure, Label, Number, Part, rounded

_Rate = Annotated[float, rounded(3)]


class Generator(Part):
    """The load generator during one run: a measurement is only as good as its instrument."""

    kind: Annotated[Literal["open-loop", "closed-loop"] | None, Label("kind")] = None
    processes: Annotated[int | None, Label("processes", "count")] = None
    wall_s: Annotated[Figure, Label("wall time", "s")] = None
    cpu_s: Annotated[Figure, Label("CPU time", "s")] = None
    cpu_share: Annotated[Figure, Label("CPU of the busiest process", "share")] = None
    planned: Annotated[int | None, Label("planned", "count")] = None
    sent: Annotated[int | None, Label("sent", "count")] = None
    frames: Annotated[int | None, Label("frames", "count")] = None
    """Server-sent events received."""
    offered_per_s: Annotated[Figure, Label("offered", "per_s")] = None
    achieved_per_s: Annotated[Figure, Label("achieved", "per_s")] = None
    lag_p50_ms: Annotated[Figure, Label("lag p50", "ms")] = None
    """Time from the intended to the actual send; null for a closed loop, which has no intended times."""
    lag_p99_ms: Annotated[Figure, Label("lag p99", "ms")] = None
    lag_max_ms: Annotated[Figure, Label("lag max", "ms")] = None
    achieved_share: Annotated[Figure, Label("achieved of offered", "share")] = None
    cpu_ms_per_request: Annotated[Figure, Label("CPU per request", "ms")] = None
    cpu_us_per_frame: Annotated[Figure, Label("CPU per frame", "us")] = None


class ErrorCount(Part):
    """Why requests failed, and how many of them."""

    error: str = ""
    count: int = 0


class Load(Part):
    """The planned load, and whether its measurement counts."""

    arrivals: str = ""
    shape: str = ""
    trace: str | None = None
    """Path of the trace as the environment names it; null if the arrivals are generated."""
    requests: int = 0
    """How many requests were planned."""
    rate_per_s: Number = None
    """Mean planned rate; for a trace, its rows over duration_s, null if all rows have the same time."""
    duration_s: Number = None
    """Seconds; for a trace, from its first row to the last that was sent."""
    seed: int | None = None
    generator: Generator | None = None
    """Null if nothing was measured."""
    invalid: tuple[str, ...] = ()
    """Why the measurement does not count; empty if it does."""
    errors: tuple[ErrorCount, ...] = ()
    """Why requests failed, the most frequent first."""
    notes: tuple[str, ...] = ()
    """Notes for the reader: rows of a trace that were skipped, cut off or clipped, a baseline that was not compared."""


class Tick(Part):
    """One slice of the load test from ``at_s`` on: rates per second, requests in flight at its end, median TTFT of requests due in it."""

    at_s: _Rate
    offered_per_s: _Rate = 0.0
    finished_per_s: _Rate = 0.0
    failed_per_s: _Rate = 0.0
    in_flight: int = 0
    output_tokens_per_s: _Rate = 0.0
    ttft_p50_ms: Drawn = None
