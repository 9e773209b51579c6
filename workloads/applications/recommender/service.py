"""Recommendations to people: their profile is the state, the policy names a genre, the catalogue an item of it.

Every recommendation is logged with the probability it was drawn with, so that other policies can be judged from the log
(``evaluation/off_policy.py``).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from workloads.applications.errors import RequestError
from workloads.applications.recommender.exploration import exploring
from workloads.reinforcement.environments.recommender import GENRES, state_of
from workloads.reinforcement.evaluation.off_policy import Log

_FORGETTING: Final = 0.8
"""A profile keeps so much of its past with each piece of feedback."""
_NOT_AGAIN: Final = 3
_MOST_ROUNDS: Final = 100_000
"""Rounds in the log, and recommendations that wait for feedback: the oldest go."""


@dataclass
class Profile:
    """What is known of a person: a weight by genre, the last genre, and the items of late."""

    weights: np.ndarray[Any, np.dtype[np.float64]] = field(default_factory=lambda: np.zeros(GENRES))
    last: int = 0
    recent: deque[str] = field(default_factory=lambda: deque(maxlen=_NOT_AGAIN))

    @property
    def state(self) -> int:
        """The state that the policy sees: the genre of most weight, and the last one."""
        return state_of(int(self.weights.argmax()), self.last)

    def learn(self, genre: int, *, clicked: bool) -> None:
        """Take feedback in."""
        self.weights *= _FORGETTING
        self.weights[genre] += 1.0 if clicked else -0.25
        self.last = genre


@dataclass(frozen=True)
class Recommendation:
    """An item for a person, to be named in the feedback."""

    number: int
    person: str
    item: str
    genre: int


@dataclass(frozen=True)
class _Shown:
    """A recommendation, the state it was made in, and the chance of its genre."""

    recommendation: Recommendation
    state: int
    chance: float


class Recommender:
    """Recommends items of ``catalogue`` by the policy ``actions``.

    Args:
        actions: genre by state, shape (64,).
        catalogue: items by genre, at least one each.
        explored: share of recommendations that are drawn uniformly; ``exploration.loss_bound`` states its price.
        seed: of the draws.

    Raises:
        RequestError: a genre has no item, the policy is none of this catalogue, or the share is not from 0 to 1.
    """

    def __init__(
        self, actions: np.ndarray[Any, np.dtype[np.int64]], catalogue: dict[int, tuple[str, ...]], *, explored: float, seed: int = 0
    ) -> None:
        if missing := [genre for genre in range(GENRES) if not catalogue.get(genre)]:
            raise RequestError(f"the catalogue has nothing of genre {missing[0]}; each of the {GENRES} genres needs an item")
        if actions.shape != (GENRES**2,) or not 0 <= explored <= 1:
            raise RequestError(f"a policy of {GENRES**2} states and a share from 0 to 1 are expected, not {actions.shape} and {explored}")
        self._chances, self._catalogue = exploring(actions, GENRES, explored), catalogue
        self._random = np.random.default_rng(seed)
        self._profiles: dict[str, Profile] = {}
        self._waiting: dict[int, _Shown] = {}
        self._rounds = deque[tuple[_Shown, bool]](maxlen=_MOST_ROUNDS)
        self._count = 0

    @property
    def people(self) -> int:
        """How many have a profile."""
        return len(self._profiles)

    @property
    def rounds(self) -> int:
        """How many recommendations with their feedback are in the log."""
        return len(self._rounds)

    def recommend(self, person: str) -> Recommendation:
        """Return an item for ``person``, one that was not shown of late where the genre has others."""
        profile = self._profiles.setdefault(person, Profile())
        chances = self._chances[profile.state]
        genre = int(self._random.choice(GENRES, p=chances))
        items = self._catalogue[genre]
        fresh = [item for item in items if item not in profile.recent] or list(items)
        item = fresh[int(self._random.integers(len(fresh)))]
        profile.recent.append(item)
        self._count += 1
        shown = Recommendation(self._count, person, item, genre)
        self._waiting[self._count] = _Shown(shown, profile.state, float(chances[genre]))
        if len(self._waiting) > _MOST_ROUNDS:
            del self._waiting[next(iter(self._waiting))]
        return shown

    def feedback(self, number: int, *, clicked: bool) -> None:
        """Take in what became of recommendation ``number``.

        Raises:
            RequestError: there is no such recommendation, or its feedback has been given.
        """
        shown = self._waiting.pop(number, None)
        if shown is None:
            raise RequestError(f"recommendation {number} waits for no feedback")
        self._profiles[shown.recommendation.person].learn(shown.recommendation.genre, clicked=clicked)
        self._rounds.append((shown, clicked))

    def forget(self, person: str) -> None:
        """Drop the profile of ``person``; the log has no names."""
        self._profiles.pop(person, None)
        self._waiting = {number: shown for number, shown in self._waiting.items() if shown.recommendation.person != person}

    def log(self) -> Log:
        """Return what was shown and clicked, for off-policy evaluation.

        Raises:
            SettingsError: nothing has been yet.
        """
        states, genres, chances, clicks = (
            ([], [], [], [])
            if not self._rounds
            else zip(*((shown.state, shown.recommendation.genre, shown.chance, clicked) for shown, clicked in self._rounds), strict=True)
        )
        return Log(np.array(states, dtype=np.int64), np.array(genres, dtype=np.int64), np.array(clicks, dtype=float), np.array(chances))
