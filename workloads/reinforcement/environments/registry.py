"""Environments by name: Gymnasium's, and ``recommender`` and ``noughts-and-crosses``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import gymnasium
import numpy as np

from workloads.reinforcement.environments.finite import FiniteEnvironment, FiniteProcess
from workloads.reinforcement.environments.noughts_and_crosses import noughts_and_crosses
from workloads.reinforcement.environments.recommender import recommender
from workloads.reinforcement.errors import SettingsError

OWN: Final[dict[str, Callable[[], FiniteProcess]]] = {"recommender": recommender, "noughts-and-crosses": noughts_and_crosses}


def make(name: str) -> gymnasium.Env[Any, Any]:
    """Return a new environment.

    Raises:
        SettingsError: there is none of that name, or its packages are missing.
    """
    if name in OWN:
        return FiniteEnvironment(OWN[name]())
    try:
        return gymnasium.make(name)
    except (gymnasium.error.Error, ImportError) as error:  # ``module:Name-v0`` is imported first
        raise SettingsError(f"environment {name!r}: {error}; name one of Gymnasium's, or {' or '.join(sorted(OWN))}") from error


def process_of(name: str) -> FiniteProcess:
    """Return the transitions of a finite environment.

    Raises:
        SettingsError: it has none.
    """
    if name in OWN:
        return OWN[name]()
    environment = make(name)
    table = getattr(environment.unwrapped, "P", None)
    start = getattr(environment.unwrapped, "initial_state_distrib", None)
    if table is None or start is None or environment.spec is None or environment.spec.max_episode_steps is None:
        raise SettingsError(f"environment {name!r} has no table of transitions; exact values and Q-learning need one, like FrozenLake-v1")
    transitions = [[[(float(p), int(s), float(r), bool(end)) for p, s, r, end in table[state][a]] for a in table[state]] for state in table]
    return FiniteProcess(transitions, np.asarray(start, dtype=float), environment.spec.max_episode_steps)
