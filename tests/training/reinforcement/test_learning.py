"""The algorithms: what they learn, that they resume bit by bit, and what stops them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch

from foundation.training import CheckpointError, StopRequest
from workloads.reinforcement.course import Course, Stopped
from workloads.reinforcement.deep import dqn, ppo
from workloads.reinforcement.deep.advantages import advantages
from workloads.reinforcement.deep.playing import Best, returns
from workloads.reinforcement.environments.episodes import Episodes
from workloads.reinforcement.environments.registry import make, process_of
from workloads.reinforcement.errors import DivergedError, EnvironmentFailedError, SettingsError
from workloads.reinforcement.evaluation.exact import Solver
from workloads.reinforcement.evaluation.seeds import scores
from workloads.reinforcement.tabular import q_learning
from workloads.reinforcement.training import solved_from, train


def cart_pole() -> gymnasium.Env[Any, Any]:
    return make("CartPole-v1")


Q = q_learning.QSettings(steps=3000, seed=5)
DQN = dqn.DqnSettings(steps=700, hidden=(16,), batch=16, learn_from=100, evaluate_every=250, evaluate_episodes=2, seed=5)
PPO = ppo.PpoSettings(steps=2048, hidden=(16,), epochs=2, environments=4, batch=64, evaluate_every=500, evaluate_episodes=2, seed=5)
RUNS: dict[str, Callable[[Course], Any]] = {
    "q-learning": lambda course: {"table": q_learning.learn(lambda: make("Taxi-v4"), Q, course)},
    "dqn": lambda course: dqn.learn(cart_pole, DQN, course),
    "ppo": lambda course: ppo.learn(cart_pole, PPO, course),
}


class Broken(gymnasium.Env[Any, Any]):
    """Returns something that is not a number at its twelfth step."""

    observation_space, action_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32), gymnasium.spaces.Discrete(2)

    def __init__(self, observation: float = 0.0, reward: float = 0.0) -> None:
        self.count, self.bad = 0, (np.array([observation, 0], dtype=np.float32), reward)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        return np.zeros(2, dtype=np.float32), {}

    def step(self, _action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.count += 1
        observation, reward = self.bad if self.count == 12 else (np.zeros(2, dtype=np.float32), 1.0)
        return observation, reward, False, False, {}


@pytest.mark.parametrize("name", sorted(RUNS))
def test_a_run_that_is_stopped_in_the_middle_of_an_episode_ends_with_the_same_bits(name: str, tmp_path: Path) -> None:
    stop, path, asked = StopRequest(), tmp_path / "a.checkpoint", 0

    class After(StopRequest):
        @property
        def requested(self) -> bool:  # type: ignore[override]
            nonlocal asked
            asked += 1
            return asked == 5 if name == "ppo" else asked == 333

        @requested.setter
        def requested(self, value: bool) -> None: ...

    with pytest.raises(Stopped, match="is kept in"):
        RUNS[name](Course(path, 10**9, After()))
    resumed, whole = Course(path, 10**9, stop), Course()
    ours, theirs = RUNS[name](resumed), RUNS[name](whole)
    assert all(np.array_equal(np.asarray(ours[key]), np.asarray(theirs[key])) for key in theirs)
    assert resumed.curve == whole.curve
    again = RUNS[name](Course(path))
    assert all(np.array_equal(np.asarray(again[key]), np.asarray(theirs[key])) for key in theirs)


def test_other_settings_do_not_resume_a_run(tmp_path: Path) -> None:
    path = tmp_path / "a.checkpoint"
    q_learning.learn(lambda: make("Taxi-v4"), Q, Course(path))
    with pytest.raises(CheckpointError, match="other settings: seed 5, now 6"):
        q_learning.learn(lambda: make("Taxi-v4"), replace(Q, seed=6), Course(path))
    with pytest.raises(CheckpointError, match="a checkpoint of reinforcement/q-learning, not of reinforcement/dqn"):
        dqn.learn(cart_pole, DQN, Course(path))


def test_q_learning_reaches_the_optimum_of_the_recommender() -> None:
    process = process_of("recommender")
    table = q_learning.learn(lambda: make("recommender"), q_learning.QSettings(steps=200_000, seed=7))
    solver = Solver(process)
    assert solver.expected_return(table.argmax(axis=1)) >= 0.97 * solver.optimal_return()


def test_ppo_learns_to_balance() -> None:
    settings = ppo.PpoSettings(steps=8_192, evaluate_every=2_048, evaluate_episodes=5, seed=11)
    best = ppo.learn(cart_pole, settings)
    assert np.mean(returns(cart_pole, ppo.greedy(best), 10, 99)) > 150


def test_advantages_are_the_closed_form() -> None:
    rewards, values, over = np.array([[1.0], [2.0], [3.0]]), np.array([[0.5], [0.4], [0.3]]), np.array([[0.0], [1.0], [0.0]])
    following = np.array([[0.4], [0.0], [0.7]])
    found = advantages(rewards, values, following, over, discount=0.9, smoothing=0.8)
    first, second, third = 1 + 0.9 * 0.4 - 0.5, 2 - 0.4, 3 + 0.9 * 0.7 - 0.3
    assert found[:, 0] == pytest.approx([first + 0.72 * second, second, third])


def test_the_whole_return_is_smoothing_one() -> None:
    rewards, values = np.ones((5, 2)), np.full((5, 2), 0.3)
    following = np.vstack([values[1:], np.zeros((1, 2))])
    found = advantages(rewards, values, following, np.zeros((5, 2)), discount=0.9, smoothing=1.0)
    assert found[0] + values[0] == pytest.approx(sum(0.9**k for k in range(5)))


def test_double_estimates_choose_with_one_network_and_value_with_the_other() -> None:
    online = {"0/weight": torch.tensor([[1.0], [0.0]]), "0/bias": torch.zeros(2)}
    target = {"0/weight": torch.tensor([[5.0], [9.0]]), "0/bias": torch.zeros(2)}
    batch = {
        "before": torch.zeros(1, 1),
        "after": torch.ones(1, 1),
        "action": torch.tensor([0]),
        "reward": torch.ones(1),
        "discount": torch.tensor([0.5]),
    }
    assert dqn.td_loss(online, target, batch).item() == pytest.approx(1 + 0.5 * 5 - 0.5)  # Huber: |3.5| - 0.5
    assert dqn.td_loss(online, target, batch | {"discount": torch.zeros(1)}).item() == pytest.approx(0.5)


class EachInTurn:
    """Draws every place once."""

    def integers(self, high: int, size: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        assert size == high
        return np.arange(high)


def test_rewards_are_added_up_to_the_end_of_an_episode_and_of_what_was_seen() -> None:
    memory = dqn.Memory(capacity=6, observation=1)
    for step, (ended, over) in enumerate([(0, 0)] * 3 + [(1, 1)] + [(0, 1)] + [(0, 0)] * 3):  # 0 and 1 are overwritten by 6 and 7
        memory.add(before=step, after=step + 1, action=0, reward=float(2**step), ended=ended, over=over)
    found = memory.sample(6, 3, 0.5, EachInTurn())  # type: ignore[arg-type]  # places 0 to 5 hold steps 6, 7, 2, 3, 4, 5
    assert found["before"][:, 0].tolist() == [6, 7, 2, 3, 4, 5]
    assert found["after"][:, 0].tolist() == [8, 8, 4, 4, 5, 8]
    assert found["reward"].tolist() == [64 + 64, 128, 4 + 4, 8, 16, 32 + 32 + 32]
    assert found["discount"].tolist() == [0.25, 0.5, 0, 0, 0.5, 0.125]


@pytest.mark.parametrize("bad", [{"observation": math.nan}, {"observation": math.inf}, {"reward": math.nan}])
def test_an_environment_that_returns_no_number_is_named(bad: dict[str, float]) -> None:
    with pytest.raises(EnvironmentFailedError, match="episode 0, step 12: the environment returned"):
        ppo.learn(lambda: Broken(**bad), replace(PPO, environments=1))


def test_an_environment_that_begins_with_no_number_or_raises_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Broken, "reset", lambda _env, **_: (np.full(2, math.nan, dtype=np.float32), {}))
        with pytest.raises(EnvironmentFailedError, match="episode 0, step 0: the environment returned"):
            Episodes(Broken, 0)
    monkeypatch.setattr(Broken, "step", lambda *_: {}["board"])
    with pytest.raises(EnvironmentFailedError, match="episode 0, step 0: the environment raised KeyError: 'board'; mend"):
        Episodes(Broken, 0).step(1)


def test_a_loss_that_is_not_finite_keeps_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.checkpoint"
    real, calls = ppo.loss, 0

    def exploding(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        value, kl = real(*arguments)
        return (value * math.nan if calls == 30 else value), kl

    monkeypatch.setattr(ppo, "loss", exploding)
    with pytest.raises(DivergedError, match=r"the loss is nan; the checkpoint of step \d+ is kept"):
        ppo.learn(cart_pole, replace(PPO, target_kl=99), Course(path, 128))
    assert path.exists()


def test_what_an_algorithm_cannot_learn_is_refused() -> None:
    with pytest.raises(SettingsError, match="no table"):
        train("q-learning", "CartPole-v1", 10, 0, Course())
    with pytest.raises(SettingsError, match="needs observations of numbers"):
        train("dqn", "Taxi-v4", 10, 0, Course())
    with pytest.raises(SettingsError, match="numbered states"):
        q_learning.learn(cart_pole, Q)


def test_the_best_policy_is_the_latest_of_equals() -> None:
    best = Best({"w": torch.tensor(0.0)})
    for value, mean in ((1.0, 5.0), (2.0, 9.0), (3.0, 9.0), (4.0, 8.0)):
        best.offer({"w": torch.tensor(value)}, mean)
    assert (float(best.parameters["w"]), best.mean) == (3.0, 9.0)


def test_scores_say_how_many_seeds_there_were() -> None:
    assert str(scores([1, 2, 3, 4, 5], 3)) == "median 3, 1 to 5, 3 of 5 solved"
    assert str(scores([1, 2], 3)).endswith("0 of 2 solved, fewer than 5 seeds")
    assert solved_from("CartPole-v1") == 475
    assert solved_from("FrozenLake-v1") == pytest.approx(0.97 * 0.7442, abs=1e-4)


def test_an_episode_depends_on_its_seed_alone() -> None:
    one, two = Episodes(cart_pole, 1, 2), Episodes(cart_pole, 1, 2)
    for _ in range(9):
        one.step(0)
    one.next_episode()
    two.next_episode()
    assert np.array_equal(one.observation, two.observation)
    assert not np.array_equal(one.observation, Episodes(cart_pole, 1, 3).observation)
