"""Which of several equivalent targets is next: the better of two random ones, by requests in flight and latency.

Power of two choices (Mitzenmacher, IEEE TPDS 12(10), 2001) avoids herding to the single best target; the latency is an exponentially
weighted mean of times to the first token, so that a fast region gets more traffic.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final, Protocol, TypeVar

_LONGEST_REST_S: Final = 300.0


class Load:
    """A target's requests in flight, and its usual time to the first token."""

    __slots__ = ("in_flight", "rests_until_s", "ttft_s")

    def __init__(self) -> None:
        self.in_flight = 0
        self.ttft_s = 0.0
        self.rests_until_s = 0.0  # the provider asked to be left alone; monotonic

    def saw(self, ttft_s: float) -> None:
        """Take one time to the first token."""
        self.ttft_s = ttft_s if not self.ttft_s else 0.8 * self.ttft_s + 0.2 * ttft_s

    def rests(self, now_s: float, seconds: float) -> None:
        """Come last for so long, as the provider asked, but look again after five minutes."""
        self.rests_until_s = now_s + min(seconds, _LONGEST_REST_S)

    @property
    def score(self) -> float:
        """Smaller is better; a target without history is tried early."""
        return (self.in_flight + 1) * (self.ttft_s or 1e-3)


class Loaded(Protocol):
    """Something with a load and a weight."""

    @property
    def load(self) -> Load: ...  # noqa: D102
    @property
    def weight(self) -> float: ...  # noqa: D102


T = TypeVar("T", bound=Loaded)


def choose(targets: Sequence[T], random: Random) -> T:
    """Return the better of two targets drawn by weight."""
    if len(targets) == 1:
        return targets[0]
    one, two = random.choices(targets, weights=[target.weight for target in targets], k=2)
    return one if one.load.score <= two.load.score else two
