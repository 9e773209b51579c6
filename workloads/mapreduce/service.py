"""The coordinator on a socket of this machine: lines of JSON, one connection a worker.

A worker asks, ``{"ask": 1}``, and is told ``{"task": ["map", 3]}``, ``{"wait": 1}`` or ``{"end": 1}``. It reports ``{"done": ["map", 3]}``,
or ``{"failed": ["map", 3], "error": "..."}``. A connection that breaks is a worker that is gone.
"""

from __future__ import annotations

import hmac
import json
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from foundation.processes.free_port import LOOPBACK
from workloads.mapreduce.coordinator import Coordinator, Task


class Service:
    """Serves ``coordinator`` to workers that know ``secret``."""

    def __init__(self, coordinator: Coordinator, secret: str) -> None:
        self.coordinator = coordinator
        self.changed = threading.Event()
        self._lock = threading.Lock()
        service = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                worker = f"{self.client_address[0]}:{self.client_address[1]}"
                if not hmac.compare_digest(self.rfile.readline().strip(), secret.encode()):
                    return
                try:
                    for line in self.rfile:
                        answer = service.answer(worker, json.loads(line))
                        if answer is not None:
                            self.wfile.write(json.dumps(answer).encode() + b"\n")
                except (OSError, ValueError):
                    pass
                finally:
                    service.gone(worker)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._server = Server((LOOPBACK, 0), Handler)
        self.port = int(self._server.server_address[1])

    def answer(self, worker: str, message: dict[str, Any]) -> dict[str, Any] | None:
        """Return the answer to a message of ``worker``."""
        now_s = time.monotonic()
        with self._lock:
            if "done" in message:
                self.coordinator.succeeded(worker, Task(*message["done"]), now_s)
            elif "failed" in message:
                self.coordinator.failed_at(worker, Task(*message["failed"]), str(message.get("error")))
            else:
                if self.coordinator.finished or self.coordinator.failed:
                    return {"end": 1}
                task = self.coordinator.next_for(worker, now_s)
                return {"wait": 1} if task is None else {"task": [task.phase, task.number]}
        self.changed.set()
        return None

    def gone(self, worker: str) -> None:
        """Give the tasks of a worker to others."""
        with self._lock:
            self.coordinator.lost(worker)
        self.changed.set()

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serve inside the context."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()
