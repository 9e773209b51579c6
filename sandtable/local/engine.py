"""An engine as a child process on this machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Self

from foundation.errors import NotReadyError
from sandtable.local.workload import LocalWorkload
from workloads.engine.errors import EngineStartError
from workloads.engine.spec import EngineSpec


class EngineProcess(LocalWorkload):
    """One engine; a context manager: serving on entry, stopped on exit.

    Args:
        spec: What to serve; port 0 means any free one.
        cpus: Cores it may run on; None leaves the choice to the system.
        log: File that its output is appended to.
        cache: Folder for the synthetic model.
    """

    def __init__(self, spec: EngineSpec, *, cpus: set[int] | None = None, log: Path, cache: Path) -> None:
        def arguments(port: int) -> list[str]:
            return [*replace(spec, port=port).to_args(), f"--cache={cache}"]

        super().__init__("workloads.engine", arguments, port=spec.port, cpus=cpus, log=log)
        self._spec = spec

    @property
    def spec(self) -> EngineSpec:
        """What it serves, with the port it listens on."""
        return replace(self._spec, port=self.port)

    @property
    def comes_back(self) -> bool:
        """Never: whoever has started it starts it again."""
        return False

    def exit_reason(self) -> str:
        """Return how it ended, with the last lines of its log; empty while it runs."""
        reason = super().exit_reason()
        return f"the engine on port {self.port} {reason}" if reason else ""

    def __enter__(self) -> Self:
        """Start it and wait until it answers.

        Raises:
            EngineStartError: it ended, or did not answer within 30 s.
        """
        try:
            return super().__enter__()
        except NotReadyError as error:
            raise EngineStartError(f"the engine on port {self.port} {error}") from error
