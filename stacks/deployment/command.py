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

from stacks.deployment.state import end_session

_PATIENCE_S: Final = 120.0


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
        process = subprocess.Popen(
            [self.command, "--non-interactive", *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=environment,
            encoding="utf-8",
            start_new_session=True,  # the terminal's Ctrl-C reaches us alone; we pass it on, once
        )
        lines: tuple[list[str], list[str]] = ([], [])
        readers = [
            threading.Thread(target=_read, args=(stream, kept, callback), daemon=True)
            for stream, kept, callback in zip((process.stdout, process.stderr), lines, (on_output, on_error), strict=True)
        ]
        try:
            for reader in reversed(readers):  # who reads the first line of stdout may interrupt us: all are at work by then
                reader.start()
            process.wait()
        except KeyboardInterrupt:
            _stop(process)
            raise
        finally:
            end_session(process.pid)  # a plugin that outlived Pulumi would hold the pipes open
            for reader in readers:
                if reader.is_alive():
                    reader.join()
        result = CommandResult(stdout="\n".join(lines[0]), stderr="\n".join(lines[1]), code=process.returncode)
        if process.returncode != 0:
            raise create_command_error(result)
        return result


def _read(stream: IO[str], kept: list[str], callback: Callable[[str], Any] | None) -> None:
    with stream:
        for line in stream:
            kept.append(line.rstrip())
            if callback:
                callback(kept[-1])


def _stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_PATIENCE_S)
    except (KeyboardInterrupt, subprocess.TimeoutExpired):
        process.kill()
        process.wait()
