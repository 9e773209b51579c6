"""Off-policy evaluation: the value of a policy from the log of another one, one step a context.

* IPS: mean of w r, with w = pi(a|x) / pi_0(a|x); unbiased where pi_0 plays whatever pi may play (Horvitz and Thompson 1952).
* SNIPS: sum w r / sum w; a little biased, with less variance, and unchanged when a constant is added (Swaminathan and Joachims 2015).
* DR: model + mean of w (r - model of a); unbiased if either the weights or the model are right (Dudik, Langford and Li 2011).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from workloads.reinforcement.errors import SettingsError

Floats = np.ndarray[Any, np.dtype[np.float64]]
_NORMAL_95 = 1.96


@dataclass(frozen=True)
class Log:
    """What a policy has done: arrays over the rounds.

    ``contexts`` and ``actions`` are numbers, ``rewards`` what came of it, ``chances`` the probability with which the action was drawn.
    """

    contexts: np.ndarray[Any, np.dtype[np.int64]]
    actions: np.ndarray[Any, np.dtype[np.int64]]
    rewards: Floats
    chances: Floats

    def __post_init__(self) -> None:
        if not len(self.contexts) == len(self.actions) == len(self.rewards) == len(self.chances) > 0:
            raise SettingsError("the arrays of a log are empty, or of different lengths")
        if not ((self.chances > 0) & (self.chances <= 1)).all():
            raise SettingsError("a logged action has a chance outside (0, 1]; without it the log says nothing about other policies")


@dataclass(frozen=True)
class Estimate:
    """A value with the half width of its 95 % interval."""

    value: float
    half_width: float


def ips(log: Log, policy: Floats) -> Estimate:
    """Return the value of ``policy`` (contexts, actions) by inverse propensity scores."""
    return _mean(_weights(log, policy) * log.rewards)


def snips(log: Log, policy: Floats) -> Estimate:
    """Return the value of ``policy`` by self-normalised scores; the interval is that of the linearised ratio."""
    weights = _weights(log, policy)
    value = float((weights * log.rewards).sum() / weights.sum()) if weights.any() else math.nan
    spread = _mean(weights * (log.rewards - value) / weights.mean() if weights.any() else weights)
    return Estimate(value, spread.half_width)


def doubly_robust(log: Log, policy: Floats, model: Floats) -> Estimate:
    """Return the value of ``policy`` by the doubly robust estimator; ``model`` (contexts, actions) guesses rewards."""
    guessed = (policy * model).sum(axis=1)[log.contexts]
    return _mean(guessed + _weights(log, policy) * (log.rewards - model[log.contexts, log.actions]))


def fitted_model(log: Log, shape: tuple[int, int]) -> Floats:
    """Return the mean logged reward by context and action, and the mean of all where nothing was logged."""
    pairs = log.contexts * shape[1] + log.actions
    counts, sums = (np.bincount(pairs, weights=weights, minlength=shape[0] * shape[1]) for weights in (None, log.rewards))
    return np.where(counts > 0, sums / np.maximum(counts, 1), log.rewards.mean()).reshape(shape)


def _weights(log: Log, policy: Floats) -> Floats:
    return np.asarray(policy[log.contexts, log.actions] / log.chances)


def _mean(values: Floats) -> Estimate:
    deviation = float(values.std(ddof=1)) if len(values) > 1 else math.inf
    return Estimate(float(values.mean()), _NORMAL_95 * deviation / math.sqrt(len(values)))
