"""What an installation tells its caller while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

State = Literal["planned", "waiting", "running", "done", "failed"]

_TELLING_SHARE: Final = 0.1
"""Below this share the time so far says little about the rest: downloads come first."""


@dataclass(frozen=True)
class BuildProgress:
    """One event about one build or download.

    ``planned`` comes for every one of them before the first starts; ``waiting`` while another process makes the same tool.
    """

    tool: str
    """The tools it makes, joined by commas; the same in all its events."""
    state: State
    elapsed_s: float
    estimate_s: float
    """For this machine with empty caches; what Go compiled earlier is not compiled again, so it may end sooner."""
    share: float
    """Of the Go packages compiled so far, 0 to 1. A lower bound: packages compiled in an earlier attempt are not counted."""
    detail: str = ""
    """The last line of the log."""

    @property
    def left_s(self) -> float:
        """Seconds that are probably left: by the estimate at first, then by what the work so far has taken on this machine."""
        planned = max(0.0, self.estimate_s - self.elapsed_s)
        if self.share < _TELLING_SHARE:
            return planned
        seen = self.elapsed_s * (1 - self.share) / self.share
        return self.share * seen + (1 - self.share) * planned


Listener = Callable[[BuildProgress], None]


class PlainLines:
    """A listener for output that is no terminal: a line when something starts and ends, and one every ``every_s`` seconds between.

    Args:
        write: takes a line without its end.
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
    """Return seconds as a person says them: ``45 s``, ``5 min 40 s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
