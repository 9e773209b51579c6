"""Waiting by asking again, for what gives no sign of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator


def attempts(within_s: float, poll_s: float) -> Iterator[None]:
    """Yield once for each attempt, ``poll_s`` after the end of the one before; end when ``within_s`` has passed since the first.

    There is always one attempt. The caller leaves the loop when one succeeds; what comes after the loop is for when none has.
    """
    until = time.monotonic() + within_s
    while True:
        yield
        if time.monotonic() >= until:
            return
        time.sleep(poll_s)
