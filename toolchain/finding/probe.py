"""Queries the version of an executable.

Rule: an executable is judged only by its output; a copy without output, or with unexpected output, does not fit.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from foundation.processes.child import Child

if TYPE_CHECKING:
    from toolchain.catalogue import ToolEntry


class ProbeError(Exception):
    """The executable did not print its version; the message says what it did instead."""


def version_of(path: Path, entry: ToolEntry, *, environ: Mapping[str, str], timeout_s: float = 10.0) -> str:
    """Run ``path`` with the entry's version arguments and return the version; ``entry.version`` if the entry has no arguments.

    Raises:
        ProbeError: it cannot be started, takes longer than ``timeout_s``, or prints no version.
    """
    if not os.access(path, os.X_OK) or path.is_dir():
        raise ProbeError("is not an executable file" if path.exists() else "does not exist")
    if not entry.version_command:
        return entry.version
    # `go version` may download another toolchain and `pulumi version` may check for updates: a version query must do neither.
    quiet = {**environ, "GOTOOLCHAIN": "local", "PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        text = _answer([str(path), *entry.version_command], quiet, timeout_s)
    except subprocess.TimeoutExpired as error:
        raise ProbeError(f"did not answer `{' '.join(entry.version_command)}` within {timeout_s:g} s") from error
    except OSError as error:
        raise ProbeError(f"cannot be started: {error.strerror}") from error
    match = re.search(entry.version_pattern, text, re.MULTILINE)
    if match is None:
        first = next(iter(text.strip().splitlines()), "nothing")
        raise ProbeError(f"`{' '.join(entry.version_command)}` printed no version ({first[:80]})")
    return match[1]


def _answer(command: list[str], environ: Mapping[str, str], timeout_s: float) -> str:
    """Return the output of a command; it is killed when the wait ends, with any children that a wrapper script has started."""
    with Child(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, grace_s=0) as child, child.process as process:
        try:
            output, _ = process.communicate(timeout=timeout_s)
        except BaseException:
            child.stop()  # before the pipe is closed, which would block on remaining writers
            raise
    return output.decode(errors="replace")
