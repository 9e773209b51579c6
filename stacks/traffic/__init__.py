"""The load as data: when to send which request, with how many tokens.

The load test sends the same plan that the twin predicts, so a difference between them is the model's error, not random variation.
"""

from stacks.traffic.drawn import Drawn
from stacks.traffic.errors import (
    BadTraceRowsError,
    EmptyTraceError,
    PlanTooLongError,
    TraceError,
    UnknownTraceFormatError,
    UnreadableTraceError,
)
from stacks.traffic.planning import MAX_REQUESTS, drawn_plan, mixed_ways, plan, repeats_of, request_lengths, trace_path
from stacks.traffic.request import PlannedRequest
from stacks.traffic.shapes import SHAPES, Shape
from stacks.traffic.traces import BadRow, Trace, TraceRow, read_trace

__all__ = [
    "MAX_REQUESTS",
    "SHAPES",
    "BadRow",
    "BadTraceRowsError",
    "Drawn",
    "EmptyTraceError",
    "PlanTooLongError",
    "PlannedRequest",
    "Shape",
    "Trace",
    "TraceError",
    "TraceRow",
    "UnknownTraceFormatError",
    "UnreadableTraceError",
    "drawn_plan",
    "mixed_ways",
    "plan",
    "read_trace",
    "repeats_of",
    "request_lengths",
    "trace_path",
]
