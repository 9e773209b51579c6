"""Does work that fills the cache, two commands at a time.

Rule 1: what another process has finished meanwhile is taken from the cache.
Rule 2: however this loop ends (success, failure, Ctrl-C, an error of the listener), no child process and no lock is left behind.
Rule 3: one thread; each piece of work is a state machine that ``step`` advances.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final, Protocol

from foundation.processes.child import Child
from foundation.processes.interrupts import held_interrupts
from toolchain.cache import Cache, explained
from toolchain.errors import InstallFailedError
from toolchain.installing.diagnosis import diagnose, tail
from toolchain.installing.progress import BuildProgress, Listener, State
from toolchain.installing.recipes import Command

AT_MOST: Final = 2
_GRACE_S: Final = 5.0


class Work(Protocol):
    """What one command makes, and how its result gets into the cache."""

    @property
    def subject(self) -> str:
        """Name of the lock and of the log."""

    @property
    def title(self) -> str:
        """What it makes, in progress reports."""

    @property
    def estimate_s(self) -> float:
        """Expected duration on this machine with empty caches."""

    def finished(self) -> bool:
        """Whether the cache has the result."""

    def command(self, staging: Path) -> Command:
        """Return the command that does it below the folder ``staging``; it may first write files there."""

    def share(self, log: str) -> float:
        """Return the share that is done according to the log, 0 to 1."""

    def install(self, staging: Path, seconds: float) -> None:
        """After success: move the result into the cache.

        Raises:
            InstallFailedError: it is not what was wanted.
        """


def run(
    works: Sequence[Work],
    cache: Cache,
    listener: Listener,
    *,
    clock: Callable[[], float] = time.monotonic,
    poll_s: float = 0.2,
) -> None:
    """Do all ``works``, the first ones first.

    Raises:
        InstallFailedError: a command failed; the others are stopped, and Go's cache keeps what they compiled.
        CacheError: the cache cannot be written.
    """
    todo = deque(works)
    running: list[_Run] = []
    try:
        while todo or running:
            while todo and len(running) < AT_MOST:
                running.append(_Run(todo.popleft(), cache, listener, clock))
            for attempt in list(running):
                if attempt.step():
                    running.remove(attempt)
            if running:
                _pause(running, poll_s)
    finally:
        with held_interrupts():  # a second Ctrl-C would orphan the builds that are not stopped yet
            for attempt in running:
                attempt.stop()


class _Run:
    """The state of one piece of work: waiting for the lock, running, installed."""

    def __init__(self, work: Work, cache: Cache, listener: Listener, clock: Callable[[], float]) -> None:
        self._work, self._cache, self._listener, self._clock = work, cache, listener, clock
        self._lock = cache.lock(work.subject)
        self._started = clock()
        self._staging: Path | None = None
        self._output: IO[bytes] | None = None
        self.child: Child | None = None

    def step(self) -> bool:
        """Advance as far as possible without blocking; return whether it is finished."""
        if self.child is None:
            if not self._lock.try_acquire():
                self._tell("waiting")
                return False
            if self._work.finished():
                self._tell("done", share=1.0)
                self.stop()
                return True
            self._start()
        assert self.child is not None
        returncode = self.child.wait(0)
        if returncode is None:
            log = self._log()
            lines = log.splitlines()
            self._tell("running", share=self._work.share(log), detail=lines[-1] if lines else "")
            return False
        if returncode != 0:
            raise self._failure(returncode)
        self._install()
        self._tell("done", share=1.0)
        self.stop()
        return True

    def stop(self) -> None:
        """Stop the process and all its children, remove the staging folder, release the lock."""
        if self.child is not None:
            self.child.stop()
        if self._output is not None:
            self._output.close()
        if self._staging is not None:
            shutil.rmtree(self._staging, ignore_errors=True)
        self._lock.release()

    def _start(self) -> None:
        self._started = self._clock()
        self._staging = self._cache.stage(self._work.subject)
        path = self._cache.log(self._work.subject)
        with explained(path):
            self._output = path.open("wb")
            command = self._work.command(self._staging)
        with held_interrupts():
            self.child = Child(command.args, env=command.env, stdout=self._output, stderr=subprocess.STDOUT, grace_s=_GRACE_S).start()

    def _install(self) -> None:
        assert self._staging is not None
        try:
            with explained(self._staging):
                self._work.install(self._staging, round(self._clock() - self._started, 1))
        except InstallFailedError:
            self._tell("failed")
            raise

    def _failure(self, returncode: int) -> InstallFailedError:
        self._tell("failed")
        log = self._log()
        diagnosis = diagnose(log, returncode)
        path = self._cache.log(self._work.subject)
        return InstallFailedError(self._work.title, diagnosis.reason, diagnosis.fix, log=path, tail=tail(log))

    def _log(self) -> str:
        with suppress(OSError):
            return self._cache.log(self._work.subject).read_text(encoding="utf-8", errors="replace")
        return ""

    def _tell(self, state: State, *, share: float = 0.0, detail: str = "") -> None:
        elapsed = self._clock() - self._started
        self._listener(BuildProgress(self._work.title, state, elapsed, self._work.estimate_s, share, detail))


def _pause(running: Sequence[_Run], poll_s: float) -> None:
    """Wait ``poll_s``, or less if a process ends."""
    child = next((attempt.child for attempt in running if attempt.child is not None), None)
    if child is None:
        time.sleep(poll_s)
    else:
        child.wait(poll_s)
