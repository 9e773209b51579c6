"""Defers Ctrl-C briefly: between the start of a child, or of an event loop, and the statement that records it for cleanup.

Signal masks do not work for this: Python runs handlers in the main thread whichever thread received the signal, and children inherit the
mask.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Coroutine, Iterator
from contextlib import closing, contextmanager
from typing import Any, Final, TypeVar

_Result = TypeVar("_Result")

_INTERRUPTS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def held_interrupts() -> Iterator[None]:
    """Hold back SIGINT, SIGTERM and SIGHUP until the end of the block; each is then delivered once, to the previous handler.

    So the block's assignments are complete when ``KeyboardInterrupt`` is raised. In other threads it does nothing, because handlers run
    only in the main thread.
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


def run_coroutine(main: Coroutine[Any, Any, _Result]) -> _Result:
    """Like ``asyncio.run``, which leaves a half-initialised event loop, and a warning, if Ctrl-C arrives while the loop is created."""
    with closing(main), closing(asyncio.Runner()) as runner:
        with held_interrupts():
            runner.get_loop()
        return runner.run(main)
