"""Servers that outlive their starter; a record on disk identifies them later.

Rule 1: a pid alone proves nothing, because pids are reused. A process is ours if its pid, its start time and its whole command line match
the record. It is never searched for by name.
Rule 2: it leads its own session, so that Ctrl-C in the starter's terminal does not reach it.
Rule 3: it does not inherit the caller's environment, in which a variable meant for another program could change its behaviour.
Rule 4: the start and the record are one step, during which interrupts are held. A SIGKILL in between leaves a process without a record; a
caller that can recognise such strays ends them before the next start.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from foundation.processes.atomic_file import write_text
from foundation.processes.attempts import attempts
from foundation.processes.interrupts import held_interrupts

_LAST_RESORT_S: Final = 5.0
_POLL_S: Final = 0.01


def start_detached(command: Sequence[str], record: Path, *, env: Mapping[str, str], log: Path, through: Sequence[str] = ()) -> None:
    """Start ``command`` with ``log`` for its output (appended, readable only by its owner), and write its identity to ``record``.

    ``through`` is a launcher, such as ``nice`` or ``nsenter``, which executes the command in its own process.

    Raises:
        OSError: the log or the record cannot be written, or the program cannot be run.
    """
    output = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    with held_interrupts():
        # Not subprocess.Popen: it warns when it is garbage-collected while the process runs, which is the purpose here.
        pid = os.posix_spawn(
            (*through, *command)[0],
            [*through, *command],
            env,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), output, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
            setsigmask=(),
            setsigdef=(signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP),
        )
        _wait_for_birth(pid, list(command) if through else None)
        write_text(record, json.dumps({"pid": pid, "started": _started(pid), "command": list(command)}))


def find_detached(record: Path) -> psutil.Process | None:
    """Return the process of ``record``; None if it has ended, or if there is no such record."""
    try:
        remembered = json.loads(record.read_text(encoding="utf-8"))
        process = psutil.Process(int(remembered["pid"]))
        ours = process.cmdline() == remembered["command"] and _started(process.pid) == remembered["started"]
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
    return process if ours else None  # a zombie has no command line


def end_processes(processes: Sequence[psutil.Process], patience_s: float) -> None:
    """Send SIGTERM to all processes, and SIGKILL to those that take longer than ``patience_s``."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    alive = _wait_for_ends(processes, patience_s)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    _wait_for_ends(alive, _LAST_RESORT_S)


def _wait_for_ends(processes: Sequence[psutil.Process], within_s: float) -> list[psutil.Process]:
    """Return those that are still running after ``within_s`` at most."""
    alive = list(processes)
    for _ in attempts(within_s, _POLL_S):
        if not (alive := [process for process in alive if not _has_ended(process)]):
            break
    return alive


def _has_ended(process: psutil.Process) -> bool:
    """Whether it runs no more. The init of some containers and virtual machines takes seconds to reap what others left to it."""
    try:
        if process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1:
            return False
        with suppress(psutil.TimeoutExpired):
            process.wait(0)  # reaps a child of our own
    except psutil.NoSuchProcess:
        pass
    return True


def _started(pid: int) -> float | None:
    """Return when a process started, in a system-specific unit; None if it has ended.

    On Linux in ticks since boot (proc(5), stat, field 22), because the time of day changes with clock adjustments.
    """
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19])
    with suppress(psutil.Error):
        return psutil.Process(pid).create_time()
    return None


def _wait_for_birth(pid: int, command: list[str] | None) -> None:
    """Wait until a new process has a command line, which the kernel sets shortly after the start returns; or has this one, or has ended."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        while (process.cmdline() != command if command else not process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
            os.sched_yield()
