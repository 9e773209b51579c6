"""Sends spans to a collector: OTLP over HTTP, from a thread of its own, so that a collector that is away delays no round."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Final

from foundation.tracing.spans import Span, SpanBuffer
from workloads.federation.tracing import SpanSink, ignore

_EVERY_S: Final = 5.0
_TIMEOUT_S: Final = 3.0


@contextmanager
def exporting(service: str, endpoint: str, say: Callable[[str], None]) -> Iterator[SpanSink]:
    """Send the spans that the block hands in, every five seconds and at its end.

    Args:
        service: name of the service that they are of.
        endpoint: ``http://host:port`` of the collector; empty: nothing is sent.
        say: gets a line when spans are lost, and when they arrive again.
    """
    if not endpoint:
        yield ignore
        return
    spans: SimpleQueue[Span] = SimpleQueue()
    ended = Event()

    def send() -> None:
        buffer, arriving = SpanBuffer(service), True
        while not ended.is_set() or not spans.empty():
            ended.wait(_EVERY_S)
            while True:
                try:
                    buffer.add(spans.get_nowait())
                except Empty:
                    break
            if (body := buffer.take()) is None:
                continue
            problem = _post(endpoint, body)
            if bool(problem) == arriving:
                say(f"spans are lost: {endpoint}: {problem}" if problem else f"spans arrive again at {endpoint}")
            arriving = not problem

    thread = Thread(target=send, name="spans", daemon=True)
    thread.start()
    try:
        yield spans.put
    finally:
        ended.set()
        thread.join()


def _post(endpoint: str, body: bytes) -> str:
    """Send one batch; return what went wrong."""
    request = urllib.request.Request(  # noqa: S310  # the operator's own address
        endpoint.rstrip("/") + "/v1/traces", body, {"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S):  # noqa: S310
            return ""
    except OSError as error:  # also what urllib raises for a status of 400 and above
        return str(getattr(error, "reason", error))
    except ValueError as error:
        return str(error)
