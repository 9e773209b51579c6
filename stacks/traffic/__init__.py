"""The load as data: which request is to be sent when, with how many tokens.

The load test sends this plan and the twin predicts the same plan, so a difference between them is the model's error and not
another draw of the dice.
"""

from stacks.traffic.errors import (
    BadTraceRowsError,
    EmptyTraceError,
    PlanTooLongError,
    TraceError,
    UnknownTraceFormatError,
    UnreadableTraceError,
)
from stacks.traffic.planning import MAX_REQUESTS, plan, request_lengths, trace_path
from stacks.traffic.request import PlannedRequest
from stacks.traffic.shapes import SHAPES, Shape
from stacks.traffic.traces import BadRow, Trace, TraceRow, read_trace

__all__ = [
    "MAX_REQUESTS",
    "SHAPES",
    "BadRow",
    "BadTraceRowsError",
    "EmptyTraceError",
    "PlanTooLongError",
    "PlannedRequest",
    "Shape",
    "Trace",
    "TraceError",
    "TraceRow",
    "UnknownTraceFormatError",
    "UnreadableTraceError",
    "plan",
    "read_trace",
    "request_lengths",
    "trace_path",
]
