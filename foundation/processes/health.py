"""Probes and metrics of a program over plain HTTP: ``/live``, ``/ready`` and, where it has any, ``/metrics``.

``/live`` answers as long as the process does. ``/ready`` answers 200 once the program does its work and 503 until then.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Final

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""Of Prometheus' text format."""


@contextmanager
def health(listener: socket.socket, ready: Callable[[], bool], metrics: Callable[[], str] | None = None) -> Iterator[None]:
    """Answer on a listening socket until the end of the block; both functions are called in other threads."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics" and metrics is not None:
                self._answer(HTTPStatus.OK, metrics(), CONTENT_TYPE)
            elif self.path == "/live" or (self.path == "/ready" and ready()):
                self._answer(HTTPStatus.OK, "ok\n")
            else:
                self._answer(HTTPStatus.SERVICE_UNAVAILABLE if self.path == "/ready" else HTTPStatus.NOT_FOUND, "no\n")

        def _answer(self, status: HTTPStatus, text: str, kind: str = "text/plain") -> None:
            content = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class' name
            """Say nothing: a probe comes every few seconds."""

    server = ThreadingHTTPServer(listener.getsockname(), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
