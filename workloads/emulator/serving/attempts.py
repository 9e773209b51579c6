"""The requests that arrived, in order: tests and rehearsals use it to see how often and when a client tried."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

_KEPT: Final = 100_000


@dataclass(slots=True)
class Attempt:
    """One request. Times are seconds on the emulator's monotonic clock, whose ``now_s`` the log shows beside them.

    ``outcome``: ``pending``, ``answered``, ``refused``, ``broken`` (by a fault) or ``client-gone``.
    """

    number: int
    at_s: float
    provider: str
    dialect: str
    model: str
    stream: bool
    fault: str = ""
    status: int = 0
    outcome: str = "pending"
    ended_s: float = 0.0
    prompt_tokens: int = 0
    output_tokens: int = 0
    request: str = ""


class AttemptLog:
    """The newest attempts."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.in_hand = 0
        self._number = 0

    def begin(self, *, now_s: float, provider: str, dialect: str) -> Attempt:
        """Open an attempt."""
        self._number += 1
        attempt = Attempt(self._number, now_s, provider, dialect, "", stream=False)
        if len(self.attempts) >= _KEPT:
            del self.attempts[: _KEPT // 2]
        self.attempts.append(attempt)
        self.in_hand += 1
        return attempt

    def end(self, attempt: Attempt, now_s: float) -> None:
        """Close an attempt."""
        attempt.ended_s = now_s
        self.in_hand -= 1

    def to_json(self, now_s: float) -> dict[str, Any]:
        """Return the log."""
        return {"now_s": now_s, "in_hand": self.in_hand, "attempts": [asdict(attempt) for attempt in self.attempts]}
