"""Servers that are meant to outlive us: a record on disk finds them again.

Rule 1: a pid alone proves nothing, because pids come back. A process is ours when its pid, the time of its start and its whole command line
are the recorded ones. It is never found by name.
Rule 2: it leads a session of its own, so that a Ctrl-C meant for us never reaches it.
Rule 3: nothing of the caller's environment reaches it: a variable meant for something else would change what it does.
Rule 4: birth and record are one step, in which interrupts are held. A SIGKILL in between leaves a process without a record: whoever has a
way to recognise such strays ends them before the next start.
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
from foundation.processes.interrupts import held_interrupts

_LAST_RESORT_S: Final = 5.0


def start_detached(command: Sequence[str], record: Path, *, env: Mapping[str, str], log: Path) -> None:
    """Start ``command`` with ``log`` for its output (appended, readable by its owner alone), and remember it in ``record``.

    Raises:
        OSError: the log or the record cannot be written, or the program cannot be run.
    """
    output = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    with held_interrupts():
        # Not subprocess.Popen: its object complains when it is dropped while the process runs, which is the very purpose here.
        pid = os.posix_spawn(
            command[0],
            list(command),
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
        _wait_for_birth(pid)
        write_text(record, json.dumps({"pid": pid, "started": _started(pid), "command": list(command)}))


def find_detached(record: Path) -> psutil.Process | None:
    """Return the process that ``record`` remembers; None where it has ended, or where there is no such record."""
    try:
        remembered = json.loads(record.read_text(encoding="utf-8"))
        process = psutil.Process(int(remembered["pid"]))
        ours = process.cmdline() == remembered["command"] and _started(process.pid) == remembered["started"]
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
    return process if ours else None  # a zombie has no command line


def end_processes(processes: Sequence[psutil.Process], patience_s: float) -> None:
    """End processes together by SIGTERM, and by SIGKILL those that take longer than ``patience_s``."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(processes, patience_s)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, _LAST_RESORT_S)


def _started(pid: int) -> float | None:
    """Return when a process started, in a unit of the system's own; None where it has ended.

    On Linux in ticks since boot (proc(5), stat, field 22): the time of day would move with the clock's corrections.
    """
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19])
    with suppress(psutil.Error):
        return psutil.Process(pid).create_time()
    return None


def _wait_for_birth(pid: int) -> None:
    """Wait the instant until a new process has its command line: we go on a moment before the kernel has written it."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        while not process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
            os.sched_yield()
