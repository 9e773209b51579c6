"""Spans of a run: one trace for each round, with its attempts, their stages, and the training of each client.

Ids follow from run, round and attempt, so the clients' spans hang below the server's without a field on the wire. Each line of the audit
log has the id of its round's trace. No span has a measure of private data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, TypeAlias

from foundation.tracing.spans import Span
from workloads.telemetry import federation as names

#: Run, round and attempt.
Place: TypeAlias = tuple[str, int, int]
#: Gets each span that has ended.
SpanSink: TypeAlias = Callable[[Span], None]


def ignore(_span: Span) -> None:
    """Take a span that nobody wants."""


def trace_id(run: str, number: int = 0) -> str:
    """Return the trace id of a round, 32 hexadecimal digits; 0: of what belongs to no round."""
    return sha256(f"{run}/{number}".encode()).hexdigest()[:32]


def attempt_span(place: Place, begun_s: float, ended_s: float, attributes: Mapping[str, Any], *, error: str = "") -> Span:
    """Return the span of an attempt of a round; times are seconds since 1970, and ``error`` says why it gave no model."""
    run, number, attempt = place
    own = {names.RUN: run, names.ROUND: number, names.ATTEMPT: attempt, **attributes}
    return Span(
        names.ROUND_SPAN, _ns(begun_s), _ns(ended_s), trace_id=trace_id(run, number), span_id=_span_id(place), attributes=own, error=error
    )


def part_span(name: str, place: Place, begun_s: float, ended_s: float, attributes: Mapping[str, Any], *, error: str = "") -> Span:
    """Return the span of a part of an attempt: a stage, or the training of a client; times as for :func:`attempt_span`."""
    run, number, _ = place
    own = trace_id(run, number)
    return Span(name, _ns(begun_s), _ns(ended_s), trace_id=own, parent_id=_span_id(place), attributes=dict(attributes), error=error)


def _span_id(place: Place) -> str:
    return sha256("/".join(map(str, place)).encode()).hexdigest()[32:48]


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
