"""What a measurement needs of an engine, wherever it runs."""

from __future__ import annotations

from typing import Protocol


class ServingEngine(Protocol):
    """An engine that serves at ``url``: a process of ours, or that of a pod."""

    @property
    def url(self) -> str:
        """Where it answers."""

    @property
    def started_in_s(self) -> float:
        """How long its last start took, until it served."""

    @property
    def comes_back(self) -> bool:
        """Whether somebody else starts it again when it has ended."""

    def alive(self) -> bool:
        """Whether it still runs, without a restart."""

    def waited_s(self) -> float:
        """Return how long it has waited for a core."""

    def exit_reason(self) -> str:
        """Return how it ended; empty while it runs."""

    def kill(self) -> None:
        """End it at once (SIGKILL)."""

    def start(self) -> None:
        """Start it again, where nobody else does."""
