"""Runs the Pulumi CLI so that an interrupt leaves a consistent state behind.

On a first interrupt Pulumi finishes the operations in flight and writes its state. The Automation API's own runner would leave the CLI
running after its caller is interrupted; this one forwards the interrupt, waits, and kills only on a second interrupt.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from typing import IO, Any, Final

from pulumi.automation import CommandResult, PulumiCommand
from pulumi.automation.errors import create_command_error

from foundation.processes.child import Child
from foundation.processes.interrupts import held_interrupts

_PATIENCE_S: Final = 120.0

_Told = Callable[[str], Any] | None


class InterruptibleCommand(PulumiCommand):
    """The Pulumi CLI at ``path``; the toolchain has already checked its version."""

    def __init__(self, path: str, version: str) -> None:
        from semver import VersionInfo

        self.command = path
        self.version = VersionInfo.parse(version)

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: Callable[[str], Any] | None = None,
        on_error: Callable[[str], Any] | None = None,
    ) -> CommandResult:
        """Run ``pulumi ARGS``.

        Raises:
            CommandError: it failed; the text is its whole output.
            KeyboardInterrupt: we were interrupted; Pulumi has stopped and written its state.
        """
        environment = {**os.environ, **additional_env, "PULUMI_AUTOMATION_API": "true"}
        run = None
        try:
            with held_interrupts():
                run = _Run([self.command, "--non-interactive", *args], cwd, environment, (on_output, on_error))
            run.child.wait()
        finally:
            if run:
                run.end()
        result = CommandResult(stdout="\n".join(run.lines[0]), stderr="\n".join(run.lines[1]), code=run.child.process.returncode)
        if result.code != 0:
            raise create_command_error(result)
        return result


class _Run:
    """One run of the CLI with the readers of its output."""

    def __init__(self, command: list[str], cwd: str, environment: Mapping[str, str], callbacks: tuple[_Told, _Told]) -> None:
        self.child = Child(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=environment,
            session=True,  # plugins have their own process groups; one that outlives Pulumi would hold the pipes open
            grace_s=_PATIENCE_S,
        ).start()
        self.lines: tuple[list[str], list[str]] = ([], [])
        streams = (self.child.process.stdout, self.child.process.stderr)
        self._readers = [
            threading.Thread(target=_read, args=(stream, kept, callback), daemon=True)
            for stream, kept, callback in zip(streams, self.lines, callbacks, strict=True)
        ]
        for reader in self._readers:
            reader.start()

    def end(self) -> None:
        """Interrupt Pulumi if it is still running, and wait for it and for the rest of its output; a second interrupt kills it."""
        try:
            self.child.stop(by=signal.SIGINT)
        finally:
            for reader in self._readers:
                reader.join()


def _read(stream: IO[bytes], kept: list[str], callback: _Told) -> None:
    # A provider may print arbitrary bytes; a reader that fails would kill Pulumi with a broken pipe.
    with io.TextIOWrapper(stream, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            kept.append(line.rstrip())
            if callback:
                callback(kept[-1])
