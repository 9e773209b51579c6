"""A program of this project as a child process: started, killed, started again and stopped.

The child never outlives us (``foundation/processes/child.py``).
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from foundation.processes.child import Child
from foundation.processes.python import python_environment

_ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class LocalProgram:
    """One program; a context manager: started on entry, stopped on exit.

    Args:
        module: What ``python -m`` runs.
        arguments: Of the program.
        log: File that its output is appended to; its folder is made.
        python: That of the workload's own environment (``toolchain.environments``); None: ours.
        cpus: Cores it may run on; None leaves the choice to the system.
        one_thread: Whether numpy gets one thread: programs that run side by side are the parallelism themselves.
        grace_s: Seconds between SIGTERM and SIGKILL when it is stopped.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str] = (),
        *,
        log: Path,
        python: Path | None = None,
        cpus: AbstractSet[int] | None = None,
        one_thread: bool = False,
        grace_s: float = 3.0,
    ) -> None:
        self._module, self._arguments = module, arguments
        self._log, self._python, self._cpus = log, python, cpus
        self._one_thread, self._grace_s = one_thread, grace_s
        self._child: Child | None = None

    @property
    def child(self) -> Child:
        """The process of its last start.

        Raises:
            RuntimeError: it has not been started.
        """
        if self._child is None:
            raise RuntimeError(f"{self._module} has not been started")
        return self._child

    @property
    def pid(self) -> int:
        """Process id; raises like :attr:`child`."""
        return self.child.pid

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._child is not None and self._child.alive()

    def exit_reason(self) -> str:
        """Return how it ended; empty while it runs."""
        return self._child.exit_reason() if self._child is not None else ""

    def last_lines(self, count: int) -> list[str]:
        """Return the last lines of its log since its last start."""
        return self._child.last_lines(count) if self._child is not None else []

    def __enter__(self) -> Self:
        """Start it; raises OSError if it cannot be started."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """End it."""
        self.stop()

    def start(self) -> None:
        """Start it, also after it has ended; raises OSError if it cannot be started."""
        self.stop()
        self._log.parent.mkdir(parents=True, exist_ok=True)
        command = [self._python or sys.executable, "-m", self._module, *self.arguments()]
        env = python_environment(own=self._python is not None) | (_ONE_THREAD if self._one_thread else {})
        self._child = Child(command, env=env, log=self._log, grace_s=self._grace_s).start()
        if self._cpus is not None and hasattr(os, "sched_setaffinity"):
            # Threads started later inherit it; the child is still loading Python when this runs.
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(self._child.pid, self._cpus)

    def arguments(self) -> Sequence[str]:
        """Return the arguments of the next start."""
        return self._arguments

    def kill(self) -> None:
        """End it at once, as a crash does: SIGKILL. Does nothing if it has ended."""
        if self.alive():
            os.kill(self.pid, signal.SIGKILL)

    def stop(self) -> None:
        """Stop it: SIGTERM, then SIGKILL after the grace period. Does nothing if it has ended."""
        if self._child is not None:
            self._child.stop()


def waited_s(pid: int) -> float:
    """Return how long the threads of a process have waited for a core, in seconds: the time that other programs took from it.

    Linux only (``/proc/<pid>/task/<tid>/schedstat``); 0 elsewhere, and once it has ended.
    """
    waited = 0
    for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):  # a thread may end meanwhile
            waited += int(file.read_text().split()[1])
    return waited / 1e9
