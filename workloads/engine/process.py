"""An engine as a child process on this machine: started, waited for, watched and ended.

Rule 1: the child never outlives its parent: its standard input is a pipe that only the parent holds open, and its end ends the child.
Rule 2: only this child is ever signalled, by its process id, and every wait is bounded.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from foundation.processes.interrupts import held_interrupts
from workloads.engine.errors import EngineStartError, PortTakenError

if TYPE_CHECKING:
    from types import TracebackType

    from workloads.engine.spec import EngineSpec

_START_LIMIT_S: Final = 30.0
_STOP_LIMIT_S: Final = 3.0
_POLL_S: Final = 0.02
_PORT_ATTEMPTS: Final = 3  # between finding a free port and listening on it another program may take it


class EngineProcess:
    """One engine; a context manager that has it serving on entry and ended on exit.

    Args:
        spec: What to serve; port 0 means any free one.
        cpus: Cores it may run on; None leaves that to the system.
        log: File that its output is written to.
        cache: Folder for the synthetic model.
    """

    def __init__(self, spec: EngineSpec, *, cpus: set[int] | None = None, log: Path, cache: Path) -> None:
        self.spec = spec
        self._cpus = cpus
        self._log = log
        self._log_from = 0
        self._cache = cache
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """``http://127.0.0.1:<port>``."""
        return f"http://127.0.0.1:{self.spec.port}"

    @property
    def pid(self) -> int:
        """Process id.

        Raises:
            RuntimeError: it has not been started.
        """
        if self._child is None:
            raise RuntimeError("the engine has not been started")
        return self._child.pid

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._child is not None and self._child.poll() is None

    def waited_s(self) -> float:
        """Return how long its threads have stood in line for a core, in seconds; what others on the machine took from it.

        Linux only (``/proc/<pid>/task/<tid>/schedstat``); 0 elsewhere, and once it has ended.
        """
        waited = 0
        for file in Path(f"/proc/{self.pid}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):  # a thread may end meanwhile
                waited += int(file.read_text().split()[1])
        return waited / 1e9

    def exit_reason(self) -> str:
        """Say how it ended, with the last lines of its log; empty while it runs."""
        if self._child is None or (code := self._child.poll()) is None:
            return ""
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return f"the engine on port {self.spec.port} {how}\n{self._last_lines()}".rstrip()

    def __enter__(self) -> Self:
        """Start it and wait until it answers.

        Raises:
            EngineStartError: it ended, or did not answer within 30 s.
        """
        attempts = 1 if self.spec.port else _PORT_ATTEMPTS
        any_port = not self.spec.port
        for attempt in range(attempts):
            if any_port:
                self.spec = replace(self.spec, port=_free_port())
            try:
                self._start()
                self._wait_until_healthy()
            except BaseException:  # also on Ctrl-C nothing is left behind
                taken = self._child is not None and self._child.poll() == PortTakenError.exit_code
                self.stop()
                if taken and attempt + 1 < attempts:
                    continue
                raise
            return self
        raise AssertionError("unreachable: the last attempt returns or raises")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """End it."""
        self.stop()

    def stop(self) -> None:
        """End it: politely, and after 3 s by force. Does nothing where it has ended."""
        if self._child is None:
            return
        if self._child.poll() is None:
            self._child.terminate()
            try:
                self._child.wait(_STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        if self._child.stdin is not None:
            with contextlib.suppress(OSError):
                self._child.stdin.close()

    def _start(self) -> None:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "workloads.engine", *self.spec.to_args(), f"--cache={self._cache}", "--until-stdin-ends"]
        with self._log.open("ab") as log, held_interrupts():
            self._log_from = log.tell()
            # Its own session: Ctrl-C goes to the parent, which then ends its children in order.
            self._child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, env=child_environment()
            )
        if self._cpus is not None and hasattr(os, "sched_setaffinity"):
            # Threads started later inherit it; the child is still loading Python when this runs.
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(self._child.pid, self._cpus)

    def _wait_until_healthy(self) -> None:
        until = time.monotonic() + _START_LIMIT_S
        while time.monotonic() < until:
            if not self.alive():
                raise EngineStartError(self.exit_reason())
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:  # noqa: S310  # our own http URL
                    if answer.status == 200:
                        return
            except (OSError, urllib.error.URLError):
                time.sleep(_POLL_S)
        raise EngineStartError(
            f"the engine on port {self.spec.port} did not answer within {_START_LIMIT_S:g} s\n{self._last_lines()}".rstrip()
        )

    def _last_lines(self, count: int = 5) -> str:
        try:
            with self._log.open("rb") as log:
                log.seek(self._log_from)  # before it stands what earlier engines said
                lines = log.read().decode(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(f"  {line}" for line in lines[-count:])


def child_environment() -> dict[str, str]:
    """Return the environment of the child: this tree importable, and none of the caller's secrets is needed there."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV") if name in os.environ}
    root = str(Path(__file__).resolve().parents[2])
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH")))), "PYTHONUNBUFFERED": "1"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
