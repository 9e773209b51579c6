"""Waiting for records where writers may be other processes, which wake nobody here."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

_POLL_S: Final = 0.02


def wait_for_record(head: Callable[[], int], after_position: int, timeout_s: float) -> bool:
    """Ask for the ``head`` every 20 ms until it is after ``after_position``; return whether it is."""
    deadline = time.monotonic() + timeout_s
    while head() <= after_position:
        if (left_s := deadline - time.monotonic()) <= 0:
            return False
        time.sleep(min(_POLL_S, left_s))
    return True
