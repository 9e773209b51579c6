"""The warm-up of a run that starts empty: how many of its first values to leave out.

MSER-5 cuts where the standard error of the mean of what is left is smallest: cutting more removes the bias of the start, cutting too much
leaves too few values (White, Cobb and Spratt, A Comparison of Five Steady-State Truncation Heuristics for Simulation, WSC 2000).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

#: Values are averaged in batches of five first; single ones are too noisy to find a trend in.
BATCH: Final = 5
#: Fewer batches than this may agree by chance.
FEWEST: Final = 5


def warm_up(values: Sequence[float]) -> int | None:
    """Return how many of the first ``values`` to leave out.

    None means that the run is too short: the best cut lies in its second half, where the rule finds a cut by chance.
    """
    means = [sum(values[start : start + BATCH]) / BATCH for start in range(0, len(values) - BATCH + 1, BATCH)]
    # Sums over the tail from each cut, from the last to the first.
    best, cut = float("inf"), None
    total = squares = 0.0
    centre = sum(means) / len(means) if means else 0.0  # sums of squares about a distant point would cancel
    for kept, mean in enumerate(reversed(means), start=1):
        total += mean - centre
        squares += (mean - centre) ** 2
        if kept < FEWEST:
            continue
        error = max(squares - total * total / kept, 0.0) / (kept * kept)
        if error <= best:
            best, cut = error, len(means) - kept
    return None if cut is None or cut > len(means) / 2 else cut * BATCH
