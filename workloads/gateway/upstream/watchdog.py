"""Time limits of the phases of a call, by one timer: a timer per read would cost more than the read.

A timer that fires early, because the limit was moved meanwhile, is set again; a limit that strikes cancels the task, which turns that into
a typed timeout.
"""

from __future__ import annotations

import asyncio


class Watchdog:
    """Watches over one task. ``phase`` is what the task waits for; ``struck`` whether it waited too long."""

    __slots__ = ("_deadline_s", "_handle", "_loop", "_task", "_until_s", "phase", "struck")

    def __init__(self, task: asyncio.Task[object], deadline_s: float) -> None:
        self._task = task
        self._loop = task.get_loop()
        self._deadline_s = deadline_s
        self._until_s = deadline_s
        self._handle: asyncio.TimerHandle | None = None
        self.phase = ""
        self.struck = False

    def expect(self, phase: str, within_s: float) -> None:
        """Expect the task to call again within so many seconds, and before its deadline."""
        until_s = self._loop.time() + within_s
        if until_s >= self._deadline_s:
            phase, until_s = "total", self._deadline_s
        self.phase = phase
        self._until_s = until_s
        if self._handle is None or until_s < self._handle.when():
            if self._handle is not None:
                self._handle.cancel()
            self._handle = self._loop.call_at(until_s, self._fire)

    def still(self, within_s: float) -> None:
        """Move the limit of the present phase."""
        self._until_s = min(self._loop.time() + within_s, self._deadline_s)

    def rest(self) -> None:
        """Watch no longer."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _fire(self) -> None:
        self._handle = None
        if self._loop.time() < self._until_s:
            self._handle = self._loop.call_at(self._until_s, self._fire)
            return
        self.struck = True
        self._task.cancel()
