"""Spans as OTLP/HTTP JSON (OpenTelemetry protocol 1.x), in batches; one request costs some microseconds where an SDK costs 150.

Rule 1: spans wait in a bounded buffer; when it is full the newest are dropped and counted, never waited for.
Rule 2: they wait as bytes. Thousands of them as objects would take ten times the memory, and writing them all at once would hold up an
event loop for as long as some hundred requests.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any, Final

from foundation.dialects import json_bytes

_MOST_WAITING: Final = 8192
#: Kinds of spans: within one program, or a call of another one.
INTERNAL: Final = 1
CLIENT: Final = 3
_ERROR: Final = 2


@dataclass(slots=True)
class Span:
    """One operation; times are Unix nanoseconds."""

    name: str
    start_ns: int
    end_ns: int = 0
    trace_id: str = ""
    parent_id: str = ""
    span_id: str = field(default_factory=lambda: secrets.token_hex(8))
    attributes: dict[str, Any] = field(default_factory=dict)
    events: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)
    error: str = ""
    kind: int = INTERNAL

    @property
    def traceparent(self) -> str:
        """The header for the called service (W3C Trace Context)."""
        return f"00-{self.trace_id}-{self.span_id}-01"


def begin(name: str, start_ns: int, traceparent: str) -> Span:
    """Return the span of a call, in the caller's trace if it has one."""
    version, _, rest = traceparent.partition("-")
    trace_id, _, rest = rest.partition("-")
    parent_id = rest.partition("-")[0]
    if version == "00" and _is_hex(trace_id, 32) and _is_hex(parent_id, 16):
        return Span(name, start_ns, trace_id=trace_id, parent_id=parent_id, kind=CLIENT)
    return Span(name, start_ns, trace_id=secrets.token_hex(16), kind=CLIENT)


def _is_hex(text: str, length: int) -> bool:
    return len(text) == length and text.strip("0") != "" and all(character in "0123456789abcdef" for character in text)


class SpanBuffer:
    """Spans that wait to be exported."""

    def __init__(self, service_name: str) -> None:
        self._dropped = 0
        self._waiting: list[bytes] = []
        self.name(service_name)

    def name(self, service_name: str) -> None:
        """Name the service that the spans are of."""
        resource = json_bytes.encode({"attributes": [_attribute("service.name", service_name)]})
        self._head = b'{"resourceSpans":[{"resource":' + resource + b',"scopeSpans":[{"scope":{"name":"sandtable"},"spans":['

    def add(self, span: Span) -> None:
        """Keep a span that has ended."""
        if len(self._waiting) >= _MOST_WAITING:
            self._dropped += 1
            return
        self._waiting.append(json_bytes.encode(_span(span)))

    def forget_dropped(self) -> int:
        """Return how many spans were dropped since this was asked last."""
        dropped, self._dropped = self._dropped, 0
        return dropped

    def take(self) -> bytes | None:
        """Return the body of one export; None if no span is waiting."""
        if not self._waiting:
            return None
        spans, self._waiting = self._waiting, []
        return self._head + b",".join(spans) + b"]}]}]}"


def _span(span: Span) -> dict[str, Any]:
    return {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        **({"parentSpanId": span.parent_id} if span.parent_id else {}),
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": [_attribute(name, value) for name, value in span.attributes.items()],
        "events": [
            {"timeUnixNano": str(at), "name": name, "attributes": [_attribute(key, value) for key, value in attributes.items()]}
            for at, name, attributes in span.events
        ],
        "status": {"code": _ERROR, "message": span.error} if span.error else {},
    }


def _attribute(name: str, value: Any) -> dict[str, Any]:
    kind = type(value)
    if kind is str:
        return {"key": name, "value": {"stringValue": value}}
    if kind is int:
        return {"key": name, "value": {"intValue": str(value)}}
    if kind is float:
        return {"key": name, "value": {"doubleValue": value}}
    if kind is bool:
        return {"key": name, "value": {"boolValue": value}}
    if kind is list:
        return {"key": name, "value": {"arrayValue": {"values": [{"stringValue": str(one)} for one in value]}}}
    return {"key": name, "value": {"stringValue": str(value)}}
