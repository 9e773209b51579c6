"""A group whose members are processes of this machine: for drills, tests and benchmarks."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from foundation.errors import NotReadyError
from foundation.processes.child import Child
from foundation.processes.free_port import LOOPBACK, is_taken
from workloads.consensus.spec import DEFAULT_ELECTION_MS, CoordinationSpec, Reads

_START_S = 30.0
#: Below the ports that Linux gives to outgoing connections (ip_local_port_range), which would take a member's while it is down.
_PORTS = range(20_000, 32_000)


class LocalGroup:
    """Members ``n0``, ``n1``, …; a context manager that starts them on entry and ends them on exit.

    Args:
        folder: for their data and logs.
        size: how many.
        cluster: the name of the group.
        election_ms: as of ``CoordinationSpec``.
        reads: likewise.
        certificates: returns the folder with a member's certificates; None: plain TCP.
        program: that serves, in place of ``python -m workloads.consensus``.
        within: member -> (host, command that runs a program there): network namespaces.
    """

    def __init__(
        self,
        folder: Path,
        size: int = 3,
        *,
        cluster: str = "local",
        election_ms: int = DEFAULT_ELECTION_MS,
        reads: Reads = Reads.INDEX,
        certificates: Callable[[str], Path] | None = None,
        program: Sequence[str] = (sys.executable, "-m", "workloads.consensus"),
        within: Mapping[str, tuple[str, Sequence[str]]] | None = None,
    ) -> None:
        self.cluster = cluster
        self.folder = folder
        names = [f"n{number}" for number in range(size)]
        self._within = within or dict.fromkeys(names, (LOOPBACK, ()))
        self.members = {name: f"{self._within[name][0]}:{_lasting_port()}" for name in names}
        self.health = {name: _lasting_port() for name in names}
        self._election_ms, self._reads = election_ms, reads
        self._certificates = certificates
        self._program = program
        self._children: dict[str, Child] = {}

    def __enter__(self) -> Self:
        """Start all members.

        Raises:
            NotReadyError: one of them has ended, or does not say that it serves.
        """
        try:
            self.start(*self.members)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """End all members."""
        self.stop()

    def start(self, *names: str) -> None:
        """Start members that do not run, and wait until they serve. Raises as ``__enter__``."""
        for name in names:
            log = self.log(name)
            log.parent.mkdir(parents=True, exist_ok=True)
            environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
            command = [*self._within[name][1], *self._program, "serve", *self.spec(name).to_args(), f"--host={self._within[name][0]}"]
            self._children[name] = Child(command, env=environment, log=log).start()
        for name in names:
            self._wait_until_it_serves(name)

    def stop(self, *names: str) -> None:
        """Stop members in good order; without names, all of them."""
        chosen = names or tuple(self._children)
        if not names:
            for name in chosen:
                self.resume(name)
        for name in chosen:
            self._children.pop(name).stop()

    def kill(self, name: str) -> None:
        """End a member without notice."""
        child = self._children.pop(name)
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)
        child.stop()

    def pause(self, name: str) -> None:
        """Stop a member's process where it is."""
        os.kill(self._children[name].pid, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let it go on."""
        with suppress(ProcessLookupError):
            os.kill(self._children[name].pid, signal.SIGCONT)

    def runs(self, name: str) -> bool:
        """Return whether a member runs."""
        return name in self._children and self._children[name].alive()

    def log(self, name: str) -> Path:
        """Return the file with a member's output."""
        return self.folder / f"{name}.log"

    def data(self, name: str) -> Path:
        """Return a member's folder."""
        return self.folder / name

    def spec(self, name: str) -> CoordinationSpec:
        """Return a member's arguments."""
        certificates = str(self._certificates(name)) if self._certificates else None
        port = int(self.members[name].rpartition(":")[2])
        return CoordinationSpec(
            self.cluster, self.members, str(self.data(name)), certificates, port, self.health[name], self._election_ms, name, self._reads
        )

    def _wait_until_it_serves(self, name: str) -> None:
        child, until_s = self._children[name], time.monotonic() + _START_S
        while not any("listens on" in line for line in child.last_lines(20)):
            if not child.alive() or time.monotonic() > until_s:
                reason = child.exit_reason() or f"did not serve within {_START_S:g} s"
                raise NotReadyError(f"{name} {reason}: {' '.join(child.last_lines(3))}")
            child.wait(0.02)


def _lasting_port() -> int:
    chance = random.SystemRandom()
    return next(port for port in iter(lambda: chance.choice(_PORTS), None) if not is_taken(port))
