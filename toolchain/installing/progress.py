"""Progress events of an installation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

State = Literal["planned", "waiting", "running", "done", "failed"]

_TELLING_SHARE: Final = 0.1
"""Below this share the elapsed time does not predict the rest, because downloads come first."""


@dataclass(frozen=True)
class BuildProgress:
    """One event about one build or download.

    ``planned`` is sent for every one of them before the first starts; ``waiting`` while another process builds the same tool.
    """

    tool: str
    """The tools that it builds, joined by commas; the same in all its events."""
    state: State
    elapsed_s: float
    estimate_s: float
    """Estimate for this machine with empty caches; Go reuses what it compiled earlier, so the build may finish sooner."""
    share: float
    """Share of the Go packages compiled so far, 0 to 1. A lower bound: packages compiled in an earlier attempt do not count."""
    detail: str = ""
    """The last line of the log."""

    @property
    def left_s(self) -> float:
        """Estimated seconds left: from the initial estimate at first, then from the speed on this machine so far."""
        planned = max(0.0, self.estimate_s - self.elapsed_s)
        if self.share < _TELLING_SHARE:
            return planned
        seen = self.elapsed_s * (1 - self.share) / self.share
        return self.share * seen + (1 - self.share) * planned


Listener = Callable[[BuildProgress], None]


class PlainLines:
    """A listener for output that is not a terminal: a line at each start and end, and one every ``every_s`` seconds in between.

    Args:
        write: called with a line without its line end.
        every_s: seconds between two lines about the same tool.
    """

    def __init__(self, write: Callable[[str], None], *, every_s: float = 30.0) -> None:
        self._write, self._every_s = write, every_s
        self._last: dict[str, tuple[State, float]] = {}

    def __call__(self, event: BuildProgress) -> None:
        """Write a line about ``event`` if there is news."""
        state, at = self._last.get(event.tool, (None, 0.0))
        if state == event.state and event.elapsed_s - at < self._every_s:
            return
        self._last[event.tool] = (event.state, event.elapsed_s)
        text = {
            "planned": f"about {duration(event.estimate_s)}",
            "waiting": "another process is building it; waiting",
            "running": f"{event.share:.0%} after {duration(event.elapsed_s)}, about {duration(event.left_s)} left",
            "done": f"done in {duration(event.elapsed_s)}",
            "failed": f"failed after {duration(event.elapsed_s)}",
        }[event.state]
        self._write(f"{event.tool}: {text}")


def duration(seconds: float) -> str:
    """Return a duration in readable form: ``45 s``, ``5 min 40 s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
