"""Runs the Pulumi CLI so that an interrupt leaves a consistent state behind.

Pulumi, told once to stop, finishes the operations in flight and writes its state. The automation library's own runner would leave the
CLI running behind an interrupted caller; this one passes the interrupt on, waits, and only kills on a second interrupt.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from typing import IO, Any, Final

from pulumi.automation import CommandResult, PulumiCommand
from pulumi.automation.errors import create_command_error

from foundation.processes.interrupts import held_interrupts
from stacks.deployment.state import end_session

_PATIENCE_S: Final = 120.0

_Told = Callable[[str], Any] | None


class InterruptibleCommand(PulumiCommand):
    """The Pulumi CLI at ``path``, whose version the toolchain has already checked."""

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
            CommandError: it failed; the text is all that it printed.
            KeyboardInterrupt: we were interrupted; Pulumi has stopped and written its state.
        """
        environment = {**os.environ, **additional_env, "PULUMI_AUTOMATION_API": "true"}
        run = None
        try:
            with held_interrupts():
                run = _Run([self.command, "--non-interactive", *args], cwd, environment, (on_output, on_error))
            run.process.wait()
        except KeyboardInterrupt:
            if run:
                run.stop()
            raise
        finally:
            if run:
                run.end()
        result = CommandResult(stdout="\n".join(run.lines[0]), stderr="\n".join(run.lines[1]), code=run.process.returncode)
        if result.code != 0:
            raise create_command_error(result)
        return result


class _Run:
    """One run of the CLI with the readers of its output."""

    def __init__(self, command: list[str], cwd: str, environment: Mapping[str, str], callbacks: tuple[_Told, _Told]) -> None:
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=environment,
            encoding="utf-8",
            errors="replace",  # a provider may pass on bytes of anything; a reader that dies would end Pulumi with a broken pipe
            start_new_session=True,  # the terminal's Ctrl-C reaches us alone; we pass it on, once
        )
        self.lines: tuple[list[str], list[str]] = ([], [])
        streams = (self.process.stdout, self.process.stderr)
        self._readers = [
            threading.Thread(target=_read, args=(stream, kept, callback), daemon=True)
            for stream, kept, callback in zip(streams, self.lines, callbacks, strict=True)
        ]
        for reader in self._readers:
            reader.start()

    def stop(self) -> None:
        """Pass an interrupt on and wait; at the second one, or after two minutes, kill."""
        try:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(_PATIENCE_S)
        except (KeyboardInterrupt, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()

    def end(self) -> None:
        """Wait for the last of the output."""
        end_session(self.process.pid)  # a plugin that outlived Pulumi would hold the pipes open
        for reader in self._readers:
            reader.join()


def _read(stream: IO[str], kept: list[str], callback: _Told) -> None:
    with stream:
        for line in stream:
            kept.append(line.rstrip())
            if callback:
                callback(kept[-1])
