"""What a measurement needs of an engine, wherever it runs."""

from __future__ import annotations

from typing import Protocol


class ServingEngine(Protocol):
    """An engine that serves at ``url``: a process of ours, or that of a pod."""

    @property
    def url(self) -> str:
        """Where it answers."""

    def alive(self) -> bool:
        """Whether it still runs, without a restart."""

    def waited_s(self) -> float:
        """Return how long it has waited for a core."""

    def exit_reason(self) -> str:
        """Return how it ended; empty while it runs."""
