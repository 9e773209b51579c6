"""Q-learning (Watkins 1989): a table of action values, moved towards reward plus the best value that follows.

The learning rate of a pair falls with the visits to it, as convergence asks (Watkins and Dayan 1992, the conditions of Robbins and Monro);
exploration is epsilon-greedy and falls linearly. The environment's table is not read: it serves only to judge the result exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import gymnasium
import numpy as np

from workloads.reinforcement.course import Course, generator_state, restored_generator
from workloads.reinforcement.environments.episodes import Episodes
from workloads.reinforcement.errors import SettingsError

Table = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class QSettings:
    """``steps`` of the environment; the rate of the n-th visit is max(``rate`` / (1 + ``rate_decay`` n), ``least_rate``)."""

    steps: int = 400_000
    discount: float = 0.99
    rate: float = 0.5
    rate_decay: float = 0.005
    least_rate: float = 0.002
    exploration: float = 1.0
    least_exploration: float = 0.05
    exploring_share: float = 0.6
    """Share of the steps over which exploration falls."""
    seed: int = 0


def learn(make: Callable[[], gymnasium.Env[Any, Any]], settings: QSettings, course: Course | None = None) -> Table:
    """Return action values, shape (states, actions); the policy is their ``argmax``.

    Raises:
        SettingsError: observations or actions are not numbered.
        EnvironmentFailedError, Stopped, CheckpointError: as in ``Course`` and ``Episodes``.
    """
    course = course or Course()
    episodes = Episodes(make, settings.seed)
    if not all(isinstance(space, gymnasium.spaces.Discrete) for space in (episodes.observation_space, episodes.action_space)):
        raise SettingsError("Q-learning needs numbered states and actions; take DQN or PPO for this environment")
    states, actions = int(episodes.observation_space.n), int(episodes.action_space.n)
    table, visits = np.zeros((states, actions)), np.zeros((states, actions), dtype=np.int64)
    random, begun, recent = np.random.default_rng(settings.seed), 0, list[float]()
    if (found := course.begin("reinforcement/q-learning", asdict(settings))) is not None:
        with course.restoring():
            table, visits = found.arrays["table"].copy(), found.arrays["visits"].copy()
            random, begun, recent = restored_generator(found.facts["random"]), found.facts["step"], list(found.facts["recent"])
            episodes.restore(found.facts["episodes"])

    def state_now() -> tuple[dict[str, Any], dict[str, Any]]:
        facts = {"random": generator_state(random), "episodes": episodes.state(), "recent": recent}
        return {"table": table, "visits": visits}, facts

    falling, every = max(1, int(settings.steps * settings.exploring_share)), max(1, settings.steps // 50)
    for step in range(begun, settings.steps):
        exploration = max(settings.least_exploration, settings.exploration * (1 - step / falling))
        state = episodes.observation
        row = table[state]
        action = int(random.integers(actions)) if random.random() < exploration else int(row.argmax())
        came = episodes.step(action)
        target = came.reward + (0.0 if came.terminated else settings.discount * table[came.observation].max())
        count = visits[state, action]
        visits[state, action] = count + 1
        row[action] += max(settings.least_rate, settings.rate / (1 + settings.rate_decay * count)) * (target - row[action])
        if came.over:
            recent.append(episodes.next_episode())
        done = step + 1
        if done % every == 0 and recent:
            course.point(done, float(np.mean(recent)))
            recent.clear()
        course.after(done, state_now, last=done == settings.steps)
    return table
