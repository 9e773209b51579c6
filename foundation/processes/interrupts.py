"""Ctrl-C, held back for an instant: between the birth of a child, or of an event loop, and the line that knows how to end it.

Signal masks do not do it: Python runs its handlers in the main thread whichever thread took the signal, and children inherit a mask.
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


def run_coroutine(main: Coroutine[Any, Any, _Result]) -> _Result:
    """Do what ``asyncio.run`` does, whose event loop is half of one where Ctrl-C comes while it is made, and complains when it is freed."""
    with closing(main), closing(asyncio.Runner()) as runner:
        with held_interrupts():
            runner.get_loop()
        return runner.run(main)
