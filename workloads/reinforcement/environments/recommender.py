"""A recommender whose best policy can be computed: what is clicked now bores later.

A person has an interest in one of eight genres and remembers the last item. A click is likely for the genre of interest, less so for its
neighbours, and unlikely for what was shown just before. What is shown draws the interest towards it. A policy that takes the likeliest
click each time (myopic) is therefore worse than one that keeps the person interested.

State: interest x last item (64). Action: genre shown (8). Reward: 1 for a click. Discount 0.95, episodes of 100 requests.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from workloads.reinforcement.environments.finite import FiniteProcess, Outcome

GENRES: Final = 8
_DISCOUNT: Final = 0.95
_REQUESTS: Final = 100
#: Chance of a click by the distance between the interest and the genre shown, on a circle of genres.
_CLICK: Final = (0.9, 0.45, 0.2, 0.1, 0.05)
_BORED: Final = 0.4
"""Factor on the chance of a click on the genre that was shown just before."""
_DRIFT: Final = 0.35
"""Chance that the interest moves one genre after what was shown: towards it, or away where the person is bored."""
#: Genres hold attention differently: the chance of a click is multiplied by this.
_APPEAL: Final = (1.0, 0.8, 0.6, 0.5, 0.5, 0.5, 0.6, 0.8)


def state_of(interest: int, last: int) -> int:
    """Return the number of a state."""
    return interest * GENRES + last


def click_chance(state: int, genre: int) -> float:
    """Return the chance that ``genre``, shown in ``state``, is clicked."""
    interest, last = divmod(state, GENRES)
    gap = abs(interest - genre)
    chance = _CLICK[min(gap, GENRES - gap)] * _APPEAL[genre]
    return chance * _BORED if genre == last else chance


def recommender() -> FiniteProcess:
    """Return the process."""
    transitions = [[_outcomes(state, genre) for genre in range(GENRES)] for state in range(GENRES * GENRES)]
    return FiniteProcess(transitions, np.full(GENRES * GENRES, 1 / GENRES**2), _REQUESTS, _DISCOUNT)


def myopic() -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the policy that shows the likeliest click, shape (64,)."""
    return np.array([max(range(GENRES), key=lambda genre, state=state: click_chance(state, genre)) for state in range(GENRES**2)])  # type: ignore[misc]


def _outcomes(state: int, genre: int) -> list[Outcome]:
    interest, last = divmod(state, GENRES)
    click = click_chance(state, genre)
    step = 1 if (genre - interest) % GENRES <= GENRES // 2 else -1
    moved = interest if genre == interest else (interest + (-step if genre == last else step)) % GENRES
    outcomes: list[Outcome] = []
    for clicked, chance in ((1.0, click), (0.0, 1 - click)):
        for following, share in ((moved, _DRIFT), (interest, 1 - _DRIFT)):
            outcomes.append((chance * share, state_of(following, genre), clicked, False))
    return outcomes
