"""The servers of one cluster as detached processes, with their records and logs in one folder.

They outlive the command that starts them (``foundation/processes/detached.py``). Processes that a killed start left without a record are
recognised by their command line, which contains the cluster's folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from foundation.processes.detached import end_processes, find_detached, start_detached
from foundation.processes.interrupts import held_interrupts
from foundation.processes.output import last_lines

_LOG_LINES: Final = 12
_LAST_RESORT_S: Final = 5.0
#: A node's servers run programs of the administrator: mount, iptables, ipset.
_SYSTEM_PATH: Final = os.pathsep.join(("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"))


@dataclass(frozen=True)
class Server:
    """A process to keep running: its name and its command. ``through``: a launcher that executes the command in its own place."""

    name: str
    command: Sequence[str]
    through: Sequence[str] = ()


class Processes:
    """The processes of one cluster, with their pid files and logs in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def log(self, name: str) -> Path:
        """File with the output of the process called ``name``; the previous process's output is in ``<file>.before``."""
        return self.folder / f"{name}.log"

    def start(self, server: Server) -> bool:
        """Start ``server`` unless it is already running; return whether it was started.

        Raises:
            OSError: the log or the pid file cannot be written, or the program cannot be run.
        """
        if self.alive(server.name):
            return False
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._end_strays({server.name})
        log = self.log(server.name)
        with suppress(FileNotFoundError):
            log.replace(log.with_suffix(".log.before"))
        env = {"PATH": _SYSTEM_PATH, "HOME": str(self.folder)}
        start_detached(server.command, self._record(server.name), env=env, log=log, through=server.through)
        return True

    def alive(self, name: str) -> bool:
        """Whether the process that we started under ``name`` is still running."""
        return self._find(name) is not None

    def pid(self, name: str) -> int:
        """The id of the running process called ``name``.

        Raises:
            LookupError: it is not running.
        """
        process = self._find(name)
        if process is None:
            raise LookupError(f"{name} is not running; its log is {self.log(name)}")
        return process.pid

    def stop(self, names: Iterable[str], patience_s: float) -> None:
        """Send SIGTERM to all the processes, and SIGKILL to those that take longer than ``patience_s``."""
        names = tuple(names)
        end_processes([process for name in names if (process := self._find(name))], patience_s)
        self._end_strays(set(names))
        for name in names:
            self._record(name).unlink(missing_ok=True)

    @contextmanager
    def kept_to(self, names: Iterable[str], cores: frozenset[int]) -> Iterator[None]:
        """Pin the running ones of the processes to ``cores`` for a while, then unpin them. Linux only."""
        names = tuple(names)
        try:
            self._keep_to(names, cores)
            yield
        finally:
            with held_interrupts():
                self.let_go(names)

    def let_go(self, names: Iterable[str]) -> None:
        """Give the running ones all of our cores again; a measurement that was killed leaves them pinned to fewer."""
        if hasattr(os, "sched_getaffinity"):
            self._keep_to(names, os.sched_getaffinity(0))

    def _keep_to(self, names: Iterable[str], cores: AbstractSet[int]) -> None:
        for name in names:
            if process := self._find(name):
                _keep_to(process.pid, cores)

    def last_words(self, name: str) -> str:
        """The last lines of a process's log, indented, for an error message."""
        log = self.log(name)
        if not log.exists():
            return "    (no log)"
        return "\n".join(f"    {line[:240]}" for line in last_lines(log, _LOG_LINES)) or "    (the log is empty)"

    def _end_strays(self, names: AbstractSet[str]) -> None:
        """Stop processes without a record: a start was killed before it wrote one, or the pid files were removed or corrupted."""
        own = f"{self.folder.parent}{os.sep}"
        strays = []
        for process in psutil.process_iter(["cmdline"]):
            program, *arguments = process.info["cmdline"] or [""]
            if Path(program).name in names and any(argument.partition("=")[2].startswith(own) for argument in arguments):
                strays.append(process)
        end_processes(strays, _LAST_RESORT_S)

    def _record(self, name: str) -> Path:
        return self.folder / f"{name}.pid"

    def _find(self, name: str) -> psutil.Process | None:
        return find_detached(self._record(name))


def _keep_to(pid: int, cores: AbstractSet[int]) -> None:
    """Set the affinity of every thread: on Linux it is a thread's property, and a new thread inherits that of its creator."""
    done = set[str]()
    with suppress(FileNotFoundError):  # it has ended
        while new := {thread.name for thread in Path(f"/proc/{pid}/task").iterdir()} - done:
            for thread in new:
                with suppress(ProcessLookupError):
                    os.sched_setaffinity(int(thread), cores)
            done |= new
