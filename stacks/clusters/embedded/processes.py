"""Plain processes that outlive us: started in sessions of their own, remembered by pid and command, ended by pid.

Rule 1: a Ctrl-C meant for us never reaches them, and they are never found by name.
Rule 2: a pid alone proves nothing, because pids come back. A process is ours when its pid and its whole command line, which names the
cluster's folder, are the recorded ones.
Rule 3: nothing of the caller's environment reaches them: an ``ETCD_*`` or a proxy meant for something else would change what they do.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from foundation.processes.interrupts import held_interrupts

_LOG_LINES: Final = 12
_LAST_RESORT_S: Final = 5.0


@dataclass(frozen=True)
class Server:
    """A process to keep running: its name and its command."""

    name: str
    command: Sequence[str]


class Processes:
    """The processes of one cluster, with their pid files and logs in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def log(self, name: str) -> Path:
        """File with the output of the process called ``name``; the one before it ended with ``.before``."""
        return self.folder / f"{name}.log"

    def start(self, server: Server) -> bool:
        """Start ``server`` unless it runs already; tell whether it was started.

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
        output = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        with held_interrupts():
            # Not subprocess.Popen: its object complains when it is dropped while the process runs, which is the very purpose here.
            pid = os.posix_spawn(
                server.command[0],
                list(server.command),
                {"PATH": os.defpath, "HOME": str(self.folder)},
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 1, str(log), output, 0o600),
                    (os.POSIX_SPAWN_DUP2, 1, 2),
                ],
                setsid=True,
                setsigmask=(),
                setsigdef=(signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP),
            )
            _wait_for_birth(pid)
            record = self._record(server.name)
            partial = record.with_suffix(".partial")
            partial.write_text(json.dumps({"pid": pid, "command": list(server.command)}), encoding="utf-8")
            partial.replace(record)
        return True

    def alive(self, name: str) -> bool:
        """Whether the process that we started under ``name`` still runs."""
        return self._find(name) is not None

    def stop(self, names: Iterable[str], patience_s: float) -> None:
        """End processes together by SIGTERM, and by SIGKILL those that take longer than ``patience_s``."""
        names = tuple(names)
        _end([process for name in names if (process := self._find(name))], patience_s)
        self._end_strays(set(names))
        for name in names:
            self._record(name).unlink(missing_ok=True)

    @contextmanager
    def kept_to(self, names: Iterable[str], cores: frozenset[int]) -> Iterator[None]:
        """Keep those of the processes that run to ``cores`` for a while, then let them go. Linux only."""
        names = tuple(names)
        try:
            self._keep_to(names, cores)
            yield
        finally:
            with held_interrupts():
                self.let_go(names)

    def let_go(self, names: Iterable[str]) -> None:
        """Give those of the processes that run all cores of ours; they keep to fewer where a measurement was killed."""
        if hasattr(os, "sched_getaffinity"):
            self._keep_to(names, os.sched_getaffinity(0))

    def _keep_to(self, names: Iterable[str], cores: AbstractSet[int]) -> None:
        for name in names:
            if process := self._find(name):
                _keep_to(process.pid, cores)

    def last_words(self, name: str) -> str:
        """Last lines of a process's log, indented, for an error message."""
        try:
            lines = self.log(name).read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]
        except OSError:
            return "    (no log)"
        return "\n".join(f"    {line[:240]}" for line in lines) or "    (the log is empty)"

    def _end_strays(self, names: AbstractSet[str]) -> None:
        """End what nobody has written down: a start was killed before it did, or the pid files were removed or broken."""
        own = f"{self.folder.parent}{os.sep}"
        strays = []
        for process in psutil.process_iter(["cmdline"]):
            program, *arguments = process.info["cmdline"] or [""]
            if Path(program).name in names and any(argument.partition("=")[2].startswith(own) for argument in arguments):
                strays.append(process)
        _end(strays, _LAST_RESORT_S)

    def _record(self, name: str) -> Path:
        return self.folder / f"{name}.pid"

    def _find(self, name: str) -> psutil.Process | None:
        try:
            record = json.loads(self._record(name).read_text(encoding="utf-8"))
            process = psutil.Process(int(record["pid"]))
            return process if process.cmdline() == record["command"] else None  # a zombie has no command line
        except (OSError, ValueError, KeyError, TypeError, psutil.Error):
            return None


def _wait_for_birth(pid: int) -> None:
    """Wait the instant until a new process has its command line: we go on a moment before the kernel has written it."""
    process = psutil.Process(pid)
    with suppress(psutil.Error):
        while not process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
            os.sched_yield()


def _keep_to(pid: int, cores: AbstractSet[int]) -> None:
    """Set the cores of every thread: a process has none of its own, and a new thread has those of the one that starts it."""
    done = set[str]()
    with suppress(FileNotFoundError):  # it has ended
        while new := {thread.name for thread in Path(f"/proc/{pid}/task").iterdir()} - done:
            for thread in new:
                with suppress(ProcessLookupError):
                    os.sched_setaffinity(int(thread), cores)
            done |= new


def _end(processes: Sequence[psutil.Process], patience_s: float) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(processes, patience_s)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, _LAST_RESORT_S)
