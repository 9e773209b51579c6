"""The environment that a process was started with."""

from __future__ import annotations

import psutil

from foundation.processes.attempts import attempts


def environ_of(pid: int) -> dict[str, str]:
    """Return the environment of a process that has just been started: in the middle of its exec it has none."""
    for _ in attempts(within_s=60, poll_s=0.01):
        if found := psutil.Process(pid).environ():
            return found
    return {}
