"""A sweep in worker processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Self

from simulations.errors import SimulationError
from simulations.sweeps.port import Answer, Item


class Workers:
    """Up to ``number`` processes, which start with the first sweep and end with the block; a single item is run in this process.

    They are started afresh, not forked: a fork would copy the locks of this process's threads.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._pool is None:
            return
        # After an error or Ctrl-C nobody wants what is still being computed, and the interpreter would wait for it.
        unwanted = [] if kind is None else list(self._pool._processes.values())  # noqa: SLF001  # Python 3.14 has a method for it
        self._pool.shutdown(wait=kind is None, cancel_futures=True)
        for process in unwanted:
            process.terminate()

    def map(self, run: Callable[[Item], Answer], items: Sequence[Item]) -> list[Answer]:
        """Return ``run`` of each item.

        Raises:
            SimulationError: a worker was killed, as the kernel does where memory is short.
        """
        if self._number < 2 or len(items) < 2:
            return [run(item) for item in items]
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._number, mp_context=context, initializer=_begin)
        try:
            return list(self._pool.map(run, items))
        except BrokenProcessPool as error:
            raise SimulationError("a worker process of the sweep was killed; is memory short? Use fewer: --workers 1") from error


def _begin() -> None:
    """Leave Ctrl-C to the parent, and end with it however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None, "only a worker begins here"

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
