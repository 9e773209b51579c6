"""A stop that loses nothing: SIGTERM and Ctrl-C ask the loop to write a checkpoint and end.

Kubernetes sends SIGTERM when a pod is evicted and SIGKILL after ``terminationGracePeriodSeconds``; a spot node leaves two minutes. The exit
code is 143 (128 + SIGTERM) and not 0, because a worker that exits with 0 counts as completed and would not be started again.
"""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Final, Self

STOPPED: Final = 143


class StopRequest:
    """A context manager that turns SIGTERM and SIGINT into :attr:`requested`, which a loop reads once a step."""

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        """Install the handlers."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        """Restore the handlers of before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True
