"""Waits for a server that we have started until it responds, exits, or takes too long."""

from __future__ import annotations

import time
from collections.abc import Callable

from foundation.errors import NotReadyError
from foundation.processes.child import Child


def wait_until_ready(child: Child, ready: Callable[[], bool], *, within_s: float, poll_s: float = 0.02) -> None:
    """Wait until ``ready`` returns True; it is called every ``poll_s`` and must not raise.

    Raises:
        NotReadyError: the child exited first, or ``within_s`` has passed; the text begins with a verb, without the server's name.
    """
    until = time.monotonic() + within_s
    while not ready():
        if not child.alive():
            raise NotReadyError(child.exit_reason())
        if time.monotonic() > until:
            raise NotReadyError(f"did not answer within {within_s:g} s")
        child.wait(poll_s)
