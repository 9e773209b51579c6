"""Overload, seen from outside: requests arrive faster than they end, so that those in flight only grow.

A queue that is busy but holds returns to where it was; under overload the backlog has a slope. Clients that give up end the growth after
their patience, so the slope shows only before that, and there is nothing to learn from going on.
"""

from __future__ import annotations

from typing import Final

#: Requests between two looks.
_EVERY: Final = 100
#: Looks before a verdict: with fewer, a burst looks like a slope.
_FEWEST_LOOKS: Final = 8
#: The least growth that counts, as a share of the arrivals.
_SLOPE: Final = 0.05
#: The least backlog that counts, in requests for each that can be served at the same time.
_DEPTH: Final = 3.0


class Backlog:
    """Counts the requests in flight; ``places`` is how many can be served at the same time.

    Once it is certain that the backlog only grows, ``grows_per_s`` is its slope and ``holds_per_s`` the rate at which requests ended well
    meanwhile, both in requests per second, and ``seen_s`` the time. The latter rate is the largest that the engines hold: they were never
    idle.
    """

    def __init__(self, places: int) -> None:
        self.grows_per_s: float | None = None
        self.holds_per_s = 0.0
        self.seen_s: float | None = None
        self._places = places
        self._arrived = self._in_flight = self._good = 0
        self._looks: list[tuple[float, int, int]] = []
        self._held = False

    def hold(self) -> None:
        """Stop judging: what serves the requests is about to change."""
        self._held = True
        self._looks.clear()

    def judge(self, places: int) -> None:
        """Judge from now on, with ``places``, if it was held; what was seen under other conditions is forgotten."""
        if self._held:
            self._held, self._places = False, places

    def arrive(self, at_s: float) -> None:
        """Count an arrival."""
        self._arrived += 1
        self._in_flight += 1
        if self._arrived % _EVERY == 0 and not self._held:
            self._looks.append((at_s, self._in_flight, self._good))
            self._judge()

    def end(self, *, good: bool) -> None:
        """Count an end."""
        self._in_flight -= 1
        self._good += good

    def _judge(self) -> None:
        """Compare the quarters of what was seen: growth must show between all of them, and in the slope from the second on."""
        looks = self._looks
        if len(looks) < _FEWEST_LOOKS or self._in_flight < _DEPTH * self._places:
            return
        quarter = len(looks) // 4
        means = [sum(depth for _, depth, _ in looks[start : start + quarter]) / quarter for start in range(0, 4 * quarter, quarter)]
        if not means[0] < means[1] < means[2] < means[3]:
            return
        slope = _slope([(at_s, depth) for at_s, depth, _ in looks[quarter:]])
        begun_s, _, good_before = looks[quarter]
        ended_s, _, good = looks[-1]
        arrivals = (len(looks) - quarter - 1) * _EVERY
        if slope > 0 and slope * (ended_s - begun_s) > _SLOPE * arrivals:
            self.grows_per_s, self.seen_s = slope, ended_s
            self.holds_per_s = (good - good_before) / (ended_s - begun_s)


def _slope(points: list[tuple[float, int]]) -> float:
    """Return the slope of the line with the least squares through ``points``; 0 if all are at the same time."""
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
