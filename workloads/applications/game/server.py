"""The model server over HTTP: moves, results of games, new versions.

* ``POST /move {"board": "X.O......"}`` → ``{"cell": 4, "version": 1}``
* ``POST /result {"version": 1, "reward": 1}`` → ``{"rolled_back": false}``
* ``POST /versions {"policy": "<path>"}`` → ``{"version": 2, "value": 0.99}``; answered moves go on meanwhile
* ``GET /health`` → versions with their games and mean rewards
"""

from __future__ import annotations

import json
import socket
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from workloads.applications.errors import ApplicationError, RequestError
from workloads.applications.game.policies import move, read_policy, value
from workloads.applications.game.versions import Versions

_LARGEST_BODY: Final = 65_536


class ModelServer(ThreadingHTTPServer):
    """Serves ``versions`` on ``listener``; policies are read only below ``folder``."""

    daemon_threads = True

    def __init__(self, versions: Versions, listener: socket.socket, folder: Path) -> None:
        super().__init__(listener.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket, self.server_address = listener, listener.getsockname()
        self.versions, self._folder = versions, folder.resolve()

    def answer(self, path: str, asked: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a request.

        Raises:
            ApplicationError: it cannot be answered.
        """
        versions = self.versions
        if path == "/health":
            current = versions.current
            return {
                "version": current.number, "games": current.rewards.count, "mean_reward": current.rewards.mean,
                "rolled_back": versions.rolled_back,
            }  # fmt: skip
        if path == "/move":
            version = versions.current
            return {"cell": move(version.actions, str(asked.get("board"))), "version": version.number}
        if path == "/result":
            return {"rolled_back": versions.report(_number(asked, "version", int), _number(asked, "reward", float))}
        if path == "/versions":
            chosen = (self._folder / str(asked.get("policy"))).resolve()
            if not chosen.is_relative_to(self._folder):
                raise RequestError(f"policy {asked.get('policy')!r}: name a file below {self._folder}")
            actions = read_policy(chosen)
            return {"value": value(actions), "version": versions.deploy(actions).number}
        raise RequestError(f"{path}: there are /move, /result, /versions and /health")


def _number(asked: dict[str, Any], name: str, kind: type[float]) -> Any:
    try:
        return kind(asked[name])
    except (KeyError, TypeError, ValueError):
        raise RequestError(f"{name}: a number is expected") from None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ModelServer

    def do_GET(self) -> None:
        self._send({})

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > _LARGEST_BODY:
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
        """Write nothing: a line a move would be most of the work."""
