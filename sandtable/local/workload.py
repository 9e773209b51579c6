"""A workload that serves HTTP, as a child process on loopback: started, waited for, watched and stopped.

Every wait is bounded. A workload says that its port is taken by exit code 3; where any port would do, it is then started on another.
"""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final, Self

from foundation.errors import NotReadyError
from foundation.processes.free_port import LOOPBACK, free_port
from foundation.processes.readiness import wait_until_ready
from sandtable.local.program import LocalProgram, waited_s

_PORT_TAKEN: Final = 3
_PORT_ATTEMPTS: Final = 3  # between finding a free port and listening on it another program may take it
_START_LIMIT_S: Final = 30.0
_LOG_LINES: Final = 5


class LocalWorkload(LocalProgram):
    """One workload; a context manager: serving on entry, stopped on exit.

    Args:
        module: What ``python -m`` runs.
        arguments: Gives its arguments for a port.
        port: Where it is to listen; 0: on any free port.
        health: Path that answers 200 once it serves.
        cpus: Cores it may run on; None leaves the choice to the system.
        log: File that its output is appended to.
        python: That of the workload's own environment (``toolchain.environments``); None: ours.
    """

    def __init__(
        self,
        module: str,
        arguments: Callable[[int], Sequence[str]],
        *,
        port: int = 0,
        health: str = "/health",
        cpus: AbstractSet[int] | None = None,
        log: Path,
        python: Path | None = None,
    ) -> None:
        super().__init__(module, log=log, python=python, cpus=cpus)
        self.port = port
        self._arguments_for, self._health = arguments, health
        self._attempts = 1 if port else _PORT_ATTEMPTS
        self.started_in_s = 0.0  # how long its last start took

    @property
    def url(self) -> str:
        """``http://127.0.0.1:<port>``."""
        return f"http://{LOOPBACK}:{self.port}"

    def waited_s(self) -> float:
        """Return how long its threads have waited for a core, in seconds; see :func:`waited_s`."""
        return waited_s(self.pid)

    def exit_reason(self) -> str:
        """Return how it ended, with the last lines of its log; empty while it runs."""
        reason = super().exit_reason()
        return self._with_last_lines(reason) if reason else ""

    def __enter__(self) -> Self:
        """Start it and wait until it answers.

        Raises:
            NotReadyError: it ended, or did not answer within 30 s; the text begins with a verb and ends with the last lines of its log.
        """
        any_port = not self.port
        for attempt in range(1, self._attempts + 1):
            if any_port:
                self.port = free_port()
            try:
                self.start()
            except BaseException:  # leave nothing behind on Ctrl-C either
                taken = self._child is not None and self._child.wait(0) == _PORT_TAKEN
                self.stop()
                if taken and attempt < self._attempts:
                    continue
                raise
            return self
        raise AssertionError("unreachable: the last attempt returns or raises")

    def arguments(self) -> Sequence[str]:
        """Return its arguments for the port it has."""
        return self._arguments_for(self.port)

    def start(self) -> None:
        """Start it on its port, also after it has ended, and wait until it answers.

        Raises:
            NotReadyError: it ended, or did not answer within 30 s.
        """
        begun_s = time.monotonic()
        super().start()
        self._wait_until_healthy()
        self.started_in_s = time.monotonic() - begun_s

    def _wait_until_healthy(self) -> None:
        def healthy() -> bool:
            try:
                with urllib.request.urlopen(f"{self.url}{self._health}", timeout=2) as answer:  # noqa: S310  # our own http URL
                    return bool(answer.status == 200)
            except (OSError, urllib.error.URLError):
                return False

        try:
            wait_until_ready(self.child, healthy, within_s=_START_LIMIT_S)
        except NotReadyError as error:
            raise NotReadyError(self._with_last_lines(str(error))) from error

    def _with_last_lines(self, text: str) -> str:
        return "\n".join([text, *(f"  {line}" for line in self.last_lines(_LOG_LINES))])
