"""Ctrl-C, held back for an instant: between a child's birth and the line that knows how to end it.

Signal masks do not do it: Python runs its handlers in the main thread whichever thread took the signal, and children inherit a mask.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_INTERRUPTS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def held_interrupts() -> Iterator[None]:
    """Hold back SIGINT, SIGTERM and SIGHUP until the end of the block; each is then delivered once, to the handler of before.

    So what the block assigns is assigned when ``KeyboardInterrupt`` is raised. In other threads it does nothing: handlers run in the
    main thread only.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: set[int] = set()
    before = {number: signal.getsignal(number) for number in _INTERRUPTS}
    try:
        for number in _INTERRUPTS:
            signal.signal(number, lambda number, _frame: came.add(number))
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for each in came:
            signal.raise_signal(each)
