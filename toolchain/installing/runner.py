"""Runs recipes, two at a time, and installs their results into the cache.

Rule 1: a tool is installed only if it starts and prints the right version.
Rule 2: however this loop ends (success, failure, Ctrl-C, an error of the listener), no child process and no lock is left behind.
Rule 3: one thread; each recipe is a state machine that ``step`` advances.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from foundation.processes.child import Child
from foundation.processes.interrupts import held_interrupts
from toolchain.cache import Receipt, digest_of, explained
from toolchain.errors import InstallFailedError
from toolchain.finding.probe import ProbeError, version_of
from toolchain.finding.resolver import Resolver
from toolchain.installing.diagnosis import diagnose, tail
from toolchain.installing.progress import BuildProgress, Listener, State
from toolchain.installing.recipes import Recipe

AT_MOST: Final = 2
_GRACE_S: Final = 5.0


def run(
    recipes: Sequence[Recipe],
    resolver: Resolver,
    listener: Listener,
    *,
    clock: Callable[[], float] = time.monotonic,
    poll_s: float = 0.2,
) -> None:
    """Build everything that ``recipes`` describe; results of another process are taken from the cache.

    Raises:
        InstallFailedError: a command failed; the others are stopped, and Go's cache keeps what they compiled.
        CacheError: the cache cannot be written.
    """
    todo = deque(recipes)
    running: list[_Run] = []
    try:
        while todo or running:
            while todo and len(running) < AT_MOST:
                running.append(_Run(todo.popleft(), resolver, listener, clock))
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
    """The state of one recipe: waiting for the lock, running, installed."""

    def __init__(self, recipe: Recipe, resolver: Resolver, listener: Listener, clock: Callable[[], float]) -> None:
        self._recipe, self._resolver, self._listener, self._clock = recipe, resolver, listener, clock
        self._cache = resolver.cache
        self._lock = self._cache.lock(recipe.subject)
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
            if all(self._cache.find(entry.name, self._resolver.key(entry)) for entry in self._recipe.entries):
                self._tell("done", share=1.0)
                self.stop()
                return True
            self._start()
        assert self.child is not None
        returncode = self.child.wait(0)
        if returncode is None:
            log = self._log()
            lines = log.splitlines()
            self._tell("running", share=self._recipe.share(log), detail=lines[-1] if lines else "")
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
        self._staging = self._cache.stage(self._recipe.subject)
        path = self._cache.log(self._recipe.subject)
        with explained(path):
            self._output = path.open("wb")
            command = self._recipe.command(self._staging)
        with held_interrupts():
            self.child = Child(command.args, env=command.env, stdout=self._output, stderr=subprocess.STDOUT, grace_s=_GRACE_S).start()

    def _install(self) -> None:
        assert self._staging is not None
        for entry in self._recipe.entries:
            key = self._resolver.key(entry)
            with explained(self._staging):
                folder, binary = self._recipe.product(entry, self._staging)
            path = folder / binary
            try:
                version = version_of(path, entry, environ=self._resolver.environ)
            except ProbeError as error:
                raise self._unfit(entry.name, str(error)) from error
            if version != entry.version:
                raise self._unfit(entry.name, f"says that it is {version}, not {entry.version}")
            receipt = Receipt(
                name=entry.name,
                version=version,
                origin=self._recipe.origin,
                binary=binary,
                sha256=digest_of(path),
                size=path.stat().st_size,
                made_with=self._recipe.made_with,
                seconds=round(self._clock() - self._started, 1),
            )
            self._cache.install(folder, receipt, key)

    def _failure(self, returncode: int) -> InstallFailedError:
        self._tell("failed")
        log = self._log()
        diagnosis = diagnose(log, returncode)
        path = self._cache.log(self._recipe.subject)
        return InstallFailedError(self._recipe.title, diagnosis.reason, diagnosis.fix, log=path, tail=tail(log))

    def _unfit(self, name: str, what: str) -> InstallFailedError:
        self._tell("failed")
        log = self._cache.log(self._recipe.subject)
        fix = "report it with the log; the catalogue and the module do not agree"
        return InstallFailedError(name, f"what was installed {what}; it is not kept", fix, log=log, tail=tail(self._log()))

    def _log(self) -> str:
        with suppress(OSError):
            return self._cache.log(self._recipe.subject).read_text(encoding="utf-8", errors="replace")
        return ""

    def _tell(self, state: State, *, share: float = 0.0, detail: str = "") -> None:
        elapsed = self._clock() - self._started
        self._listener(BuildProgress(self._recipe.title, state, elapsed, self._recipe.estimate_s, share, detail))


def _pause(running: Sequence[_Run], poll_s: float) -> None:
    """Wait ``poll_s``, or less if a process ends."""
    child = next((attempt.child for attempt in running if attempt.child is not None), None)
    if child is None:
        time.sleep(poll_s)
    else:
        child.wait(poll_s)
