"""JSON over HTTP for the applications: one function answers every path."""

from __future__ import annotations

import json
import signal
import socket
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from workloads.applications.errors import ApplicationError, RequestError

_LARGEST_BODY: Final = 65_536

Answer = Callable[[str, dict[str, Any]], dict[str, Any]]
"""From path and body to the answer; raises ``ApplicationError`` where there is none. Called in many threads."""


class JsonServer(ThreadingHTTPServer):
    """Serves ``answer`` on ``listener``: GET with an empty body, POST with a JSON object; an ``ApplicationError`` is status 400."""

    daemon_threads = True

    def __init__(self, answer: Answer, listener: socket.socket) -> None:
        super().__init__(listener.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket, self.server_address = listener, listener.getsockname()
        self.answer = answer


def serve_until_stopped(server: JsonServer, line: str) -> None:
    """Print ``line`` and serve until SIGTERM or Ctrl-C."""
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: threading.Thread(target=server.shutdown).start())
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
    server.serve_forever(poll_interval=0.1)
    server.server_close()


def number(asked: dict[str, Any], name: str, kind: type[float]) -> Any:
    """Return the number ``name`` of a request. Raises ``RequestError``."""
    try:
        return kind(asked[name])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise RequestError(f"{name}: a number is expected") from None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one segment: in two, the second waits 40 ms for the first one's acknowledgement (RFC 896, RFC 1122)
    server: JsonServer

    def do_GET(self) -> None:
        self._send({})

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or int(length) > _LARGEST_BODY:
            self.close_connection = True
            self._write(HTTPStatus.BAD_REQUEST, {"error": f"a body of at most {_LARGEST_BODY} bytes with its Content-Length is expected"})
            return
        try:
            asked = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            asked = None
        if isinstance(asked, dict):
            self._send(asked)
        else:
            self._write(HTTPStatus.BAD_REQUEST, {"error": "a JSON object is expected"})

    def _send(self, asked: dict[str, Any]) -> None:
        try:
            self._write(HTTPStatus.OK, self.server.answer(self.path, asked))
        except ApplicationError as error:
            self._write(HTTPStatus.BAD_REQUEST, {"error": str(error)})

    def _write(self, status: HTTPStatus, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  # the base class's name
        """Write nothing: a line a request would be most of the work."""
