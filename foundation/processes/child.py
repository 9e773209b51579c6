"""A child process that ends with its parent, however the parent ends: a return, an error, Ctrl-C, SIGKILL.

Rule 1: a child belongs to a process group led by a shell, the watch. The watch blocks on a pipe that only the parent holds open. When the
parent dies, the kernel closes the pipe and the watch kills the group. There is no gap: between fork and exec the child also holds the pipe
open, and by exec it is in the group.
Rule 2: the group is not the terminal's foreground group, so Ctrl-C reaches only the parent, which stops its children in order.
Rule 3: only this child and its group are ever signalled. The watch is reaped last, so the group id cannot have been reused.
Rule 4: interrupts are held while the child starts (``interrupts.py``), so that a started child is always recorded and can be stopped.

A child whose own children leave the group, such as Pulumi's plugins, gets a session instead: its program starts only after the watch has
received the session id, and the watch kills the whole session.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from foundation.processes.interrupts import held_interrupts
from foundation.processes.output import last_lines

_DEAF: Final = "trap '' INT TERM HUP; read -r _; "
_WATCH_GROUP: Final = _DEAF + "kill -KILL 0"
_WATCH_SESSION: Final = _DEAF + 'pkill -KILL -s "$0" || kill -KILL -- "-$0"'  # pkill may be missing; the group is most of the session
_ON_SIGNAL: Final = 'read -r _ && exec "$@" </dev/null'


class Child:
    """One child process; a context manager that starts it on entry and ends it, with its group, on exit.

    Args:
        command: Program and arguments; never a shell line.
        env: Its whole environment; None: ours.
        cwd: Its working directory; None: ours.
        log: File to which its output and errors are appended, instead of ``stdout`` and ``stderr``.
        stdin, stdout, stderr: As for ``subprocess.Popen``, in bytes. The caller reads and closes the pipes (:attr:`process`).
        session: Whether its children may leave its process group. Its standard input is empty then, and a program that cannot be run
            shows as exit code 126 or 127.
        grace_s: Seconds between SIGTERM and SIGKILL at the end; 0: killed immediately.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | Path | None = None,
        log: Path | None = None,
        stdin: int = subprocess.DEVNULL,
        stdout: int | IO[bytes] = subprocess.DEVNULL,
        stderr: int | IO[bytes] = subprocess.DEVNULL,
        session: bool = False,
        grace_s: float = 5.0,
    ) -> None:
        self._command = [str(part) for part in command]
        self._env, self._cwd = env, cwd
        self._log, self._log_start = log, 0
        self._stdin, self._stdout, self._stderr = stdin, stdout, stderr
        self._session = session
        self._grace_s = grace_s
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process, for its pipes.

        Raises:
            RuntimeError: it has not been started.
        """
        if self._process is None:
            raise RuntimeError(f"{self._command[0]} has not been started")
        return self._process

    @property
    def pid(self) -> int:
        """Process id; raises like :attr:`process`."""
        return self.process.pid

    def start(self) -> Self:
        """Start it.

        Raises:
            OSError: it cannot be started, or its log cannot be written; nothing is left behind.
        """
        assert self._watch is None, "it has been started"
        try:
            with ExitStack() as files, held_interrupts():
                if self._log is not None:
                    self._stdout = files.enter_context(self._log.open("ab"))
                    self._stderr = subprocess.STDOUT
                    self._log_start = self._stdout.tell()
                if self._session:
                    self._start_session()
                else:
                    self._start_group()
        except BaseException:  # also an interrupt that was held
            self._kill()
            raise
        return self

    def __enter__(self) -> Self:
        """Start it; raises like :meth:`start`."""
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """End it."""
        self.stop()

    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Wait for its end, at most ``timeout_s``; return its exit code, minus the signal that ended it, or None if it still runs."""
        with suppress(subprocess.TimeoutExpired):
            return self.process.wait(timeout_s)
        return None

    def exit_reason(self) -> str:
        """Return how it ended; empty while it runs and before it has started."""
        code = None if self._process is None else self._process.poll()
        return "" if code is None else ending(code)

    def last_lines(self, count: int) -> list[str]:
        """Return the last lines that it has written to its log, without earlier content of the file."""
        return last_lines(self._log, count, start=self._log_start) if self._log is not None else []

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        """Stop it: send the signal, wait for the grace period, then kill the rest of its group. Does nothing if it is already stopped.

        A second Ctrl-C ends only the wait.
        """
        try:
            if self.alive() and self._grace_s:
                self.process.send_signal(by)
                self.wait(self._grace_s)
        finally:
            self._kill()

    def _start_group(self) -> None:
        self._watch = _watch(_WATCH_GROUP)
        self._process = subprocess.Popen(
            self._command,
            env=self._env,
            cwd=self._cwd,
            stdin=self._stdin,
            stdout=self._stdout,
            stderr=self._stderr,
            process_group=self._watch.pid,
        )

    def _start_session(self) -> None:
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _ON_SIGNAL, "sh", *self._command],
            env=self._env,
            cwd=self._cwd,
            stdin=subprocess.PIPE,
            stdout=self._stdout,
            stderr=self._stderr,
            start_new_session=True,
        )
        self._watch = _watch(_WATCH_SESSION, str(self._process.pid))
        assert self._process.stdin is not None
        with suppress(BrokenPipeError), self._process.stdin as gate:
            gate.write(b"\n")

    def _kill(self) -> None:
        with held_interrupts():
            if self._watch is not None and not self._session:
                with suppress(ProcessLookupError, PermissionError):  # macOS raises the latter for a group of zombies
                    os.killpg(self._watch.pid, signal.SIGKILL)
            if self._process is not None:
                self._process.kill()
                self._process.wait()
                if self._session:
                    end_session(self._process.pid)
            if self._watch is not None:
                self._watch.kill()
                self._watch.wait()
                assert self._watch.stdin is not None
                self._watch.stdin.close()
                self._watch = None


def ending(code: int) -> str:
    """Return how a process with this exit code ended: ``ended with exit code 3``, ``was ended by signal 9``."""
    return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"


def end_session(leader: int) -> None:
    """Kill the processes of a session whose leader has gone.

    The id is not reused while the session exists. If another process has it now, that process leads a session of its own; do not call this
    for that session.
    """
    import psutil

    if leader <= 0 or leader == os.getsid(0):
        return
    for process in psutil.process_iter():
        with suppress(OSError, psutil.Error):
            if process.pid != leader and os.getsid(process.pid) == leader:
                process.kill()


def _watch(script: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["/bin/sh", "-c", script, *arguments],
        env={"PATH": os.defpath},
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,
    )
