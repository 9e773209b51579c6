"""Timeouts for the phases of a call, with a single timer: a timer per read would cost more than the read.

A timer that fires early, because the deadline has moved, is restarted; an expired deadline cancels the task, which turns that into a typed
timeout. While the client does not take what is sent to it, the provider is not late: the connection has its own limit for that.
"""

from __future__ import annotations

import asyncio
from typing import Final

_LOOK_AGAIN_S: Final = 0.25


class Watchdog:
    """Watches one task. ``phase`` is what it waits for, ``struck`` whether it timed out; ``paused`` is set while it awaits the client."""

    __slots__ = ("_deadline_s", "_handle", "_loop", "_task", "_until_s", "paused", "phase", "struck")

    def __init__(self, task: asyncio.Task[object], deadline_s: float) -> None:
        self._task = task
        self._loop = task.get_loop()
        self._deadline_s = deadline_s
        self._until_s = deadline_s
        self._handle: asyncio.TimerHandle | None = None
        self.phase = ""
        self.struck = False
        self.paused = False

    def expect(self, phase: str, within_s: float) -> None:
        """Start a phase: the task must call again within that many seconds, and before its deadline."""
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
        """Extend the current phase."""
        self._until_s = min(self._loop.time() + within_s, self._deadline_s)

    def rest(self) -> None:
        """Stop watching."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _fire(self) -> None:
        self._handle = None
        if self.paused:
            self._handle = self._loop.call_later(_LOOK_AGAIN_S, self._fire)
            return
        if self._loop.time() < self._until_s:
            self._handle = self._loop.call_at(self._until_s, self._fire)
            return
        self.struck = True
        self._task.cancel()
