"""A federation as processes of this machine."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from foundation.processes.child import Child
from foundation.processes.free_port import free_port
from foundation.processes.python import python_environment
from workloads.federation.definition import Definition
from workloads.federation.spec import ClientSpec, ServerSpec

MODULE = "workloads.federation"
SERVER = "spiffe://test/server"
NAMES = ("a", "b", "c")


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", MODULE, *arguments], env=python_environment(), capture_output=True, text=True, timeout=180, check=False
    )


def until(condition: Callable[[], bool], tell: Callable[[], str] = str) -> None:
    """Wait, for as long as the slowest machine may need; ``tell`` says what there was to see where it was in vain."""
    end = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < end, tell()
        time.sleep(0.05)


class Processes:
    """A server and three clients, enrolled and started.

    Args:
        folder: of everything.
        definition: of the federation.
        stack: ends the processes.
        otlp_endpoint: where they send spans.
    """

    def __init__(self, folder: Path, definition: Definition, stack: ExitStack, *, otlp_endpoint: str = "") -> None:
        self.folder, self.definition, self._stack = folder, definition, stack
        self.otlp_endpoint = otlp_endpoint
        self.port, self.health_port = free_port(), free_port()
        done = command(
            "enrol",
            f"--definition={definition.to_json()}",
            "--names=" + ",".join(NAMES),
            f"--folder={folder}",
            f"--server-identity={SERVER}",
            "--client-identity=spiffe://test/client/{name}",
        )
        assert done.returncode == 0, done.stderr
        self.clients = {name: self.client(name) for name in NAMES}
        self.server = self.start_server()

    def start(self, name: str, arguments: list[str]) -> Child:
        child = Child([sys.executable, "-m", MODULE, *arguments], env=python_environment(), log=self.folder / f"{name}.log")
        return self._stack.enter_context(child)

    def start_server(self) -> Child:
        folder = self.folder / "server"
        spec = ServerSpec(
            self.definition,
            str(self.folder / "roster.json"),
            str(folder),
            str(folder / "tls"),
            port=self.port,
            health_port=self.health_port,
            otlp_endpoint=self.otlp_endpoint,
        )
        self.server = self.start("server", ["server", *spec.to_args()])
        return self.server

    def client(self, name: str, definition: Definition | None = None) -> Child:
        folder = self.folder / name
        spec = ClientSpec(
            definition or self.definition,
            str(self.folder / "roster.json"),
            str(folder),
            str(folder / "tls"),
            name,
            f"127.0.0.1:{self.port}",
            SERVER,
            health_port=free_port(),
            otlp_endpoint=self.otlp_endpoint,
        )
        return self.start(name, ["client", *spec.to_args()])

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait as :func:`until` does; shows what each program has written."""
        until(condition, lambda: "\n".join(f"{name} wrote:\n{self.log(name)[-2000:]}" for name in ("server", *NAMES)))

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}{path}", timeout=60) as answer:
            return str(answer.read().decode())

    def finished(self) -> bool:
        assert self.server.alive(), self.log("server")
        return (self.folder / "server" / "report.json").exists()
