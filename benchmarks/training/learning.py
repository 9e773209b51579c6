"""Reinforcement learning: seeds on which nothing was set."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from benchmarks.training.peer_reward_model import accuracy_of_trl
from benchmarks.training.table import Row
from foundation.training import StopRequest
from workloads.reinforcement.course import Course, Stopped
from workloads.reinforcement.environments.recommender import myopic, recommender
from workloads.reinforcement.environments.registry import process_of
from workloads.reinforcement.evaluation.exact import Solver
from workloads.reinforcement.evaluation.seeds import scores
from workloads.reinforcement.preferences.experiment import run
from workloads.reinforcement.preferences.language import reference
from workloads.reinforcement.preferences.reward_model import compared
from workloads.reinforcement.training import train

SOLVED = {"PPO": 500, "DQN": 475}
TABULAR = {"FrozenLake-v1": (400_000, 0.73), "Taxi-v4": (400_000, 7.8)}


def trained(algorithm: str, environment: str, steps: int, seeds: Sequence[int], solved_from: float) -> str:
    """Return the scores of ``seeds`` as text."""
    begun = time.process_time()
    found = [train(algorithm, environment, steps, seed, Course()).score for seed in seeds]
    return f"{scores(found, solved_from)}; {(time.process_time() - begun) / len(seeds):.0f} s CPU"


def tabular(seeds: Sequence[int]) -> list[Row]:
    """Q-learning in FrozenLake and Taxi, judged exactly."""
    rows = []
    for name, (steps, wanted) in TABULAR.items():
        solver = Solver(process_of(name))
        optimum = solver.expected_return(solver.optimal_policy(discount=0.9999))
        rows.append(
            Row(f"Q-learning {name}, exact", trained("q-learning", name, steps, seeds, wanted), f">= {wanted}", f"optimum {optimum:.4f}")
        )
    return rows


def deep(name: str, steps: int, wanted: str, seeds: Sequence[int]) -> list[Row]:
    """``PPO`` or ``DQN`` in CartPole."""
    reached = trained(name.lower(), "CartPole-v1", steps, seeds, SOLVED[name])
    return [Row(f"{name} CartPole-v1, {steps // 1000}k steps", reached, wanted, f"SB3: see `{name.lower()}-peer`")]


def peer(name: str, seeds: Sequence[int]) -> list[Row]:
    """Stable-Baselines3's ``PPO`` or ``DQN`` with the settings of rl-zoo on the same seeds, 100 episodes of its last policy."""
    from stable_baselines3 import DQN, PPO
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.evaluation import evaluate_policy

    found = []
    for seed in seeds:
        eight = make_vec_env("CartPole-v1", n_envs=8, seed=seed)
        if name == "PPO":
            model = PPO(
                "MlpPolicy", eight, n_steps=32, batch_size=256, gae_lambda=0.8, gamma=0.98,
                n_epochs=20, ent_coef=0.0,
                learning_rate=lambda left: 1e-3 * left, clip_range=lambda left: 0.2 * left, seed=seed, device="cpu",
            ).learn(100_000)  # fmt: skip
        else:
            model = DQN(
                "MlpPolicy", make_vec_env("CartPole-v1", seed=seed), learning_rate=2.3e-3, batch_size=64, buffer_size=100_000,
                learning_starts=1000, gamma=0.99, target_update_interval=10, train_freq=256, gradient_steps=128,
                exploration_fraction=0.16, exploration_final_eps=0.04, policy_kwargs={"net_arch": [256, 256]}, seed=seed, device="cpu",
            ).learn(50_000)  # fmt: skip
        found.append(float(evaluate_policy(model, make_vec_env("CartPole-v1", n_envs=8, seed=seed + 1), n_eval_episodes=100)[0]))
    reached = str(scores(found, SOLVED[name]))
    return [Row(f"SB3 {version('stable-baselines3')}, {name} CartPole-v1", reached, "-", "is the peer")]


def recommender_rows(seeds: Sequence[int]) -> list[Row]:
    """Q-learning as a recommender, judged exactly."""
    solver = Solver(recommender())
    best, greedy = solver.optimal_return(), solver.expected_return(myopic())
    found = [train("q-learning", "recommender", 400_000, seed, Course()).score for seed in seeds]
    worst = min(found)
    reached = f"{worst / best:.1%} of the optimum, {worst / greedy - 1:+.1%} over myopic, worst of {len(found)}"
    return [Row("recommender, exact", reached, ">= 97 %, >= +10 %", f"optimum {best:.2f}, myopic {greedy:.2f}")]


def feedback(seeds: Sequence[int]) -> list[Row]:
    """Reward model beside TRL's, tuning within a bound, over-optimisation."""
    came = [run(8192, 8.0, seed, lambda _line: None) for seed in seeds]
    right = [each.accuracy for each in came]
    kept = [(each.kept[0].gold, each.kept[-1].gold, each.kept[-1].kl) for each in came]
    free = [(max(point.gold for point in each.runs[0.0]), each.runs[0.0][-1].gold) for each in came]

    def middle(values: Sequence[float]) -> float:
        return float(np.median(values))

    n = f"median of {len(came)}"
    gold = f"{middle([k[0] for k in kept]):.2f} to {middle([k[1] for k in kept]):.2f} at {middle([k[2] for k in kept]):.1f} nats, {n}"
    over = f"up to {middle([f[0] for f in free]):.2f}, then down to {middle([f[1] for f in free]):.2f}, {n}"
    pairs = f"{min(right):.3f} worst of {len(came)}, n = {came[0].unseen_pairs} pairs"
    return [
        Row("reward model on unseen pairs", pairs, ">= .95", _trl(seeds)),
        Row("gold reward with beta 1, at most 8 nats", gold, "up"),
        Row("gold reward with beta 0", over, "shown"),
    ]


def _trl(seeds: Sequence[int]) -> str:
    """Return the accuracy of TRL's reward model on pairs that are drawn in the same way, as text."""
    found = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        pairs, unseen = (compared(reference(seed), 8192, generator) for _ in range(2))
        found.append(accuracy_of_trl(pairs, unseen, seed))
    return f"TRL {version('trl')} {min(found):.3f} worst of {len(found)}"


class _After(StopRequest):
    """Asks for a stop after some steps."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    @property
    def requested(self) -> bool:  # type: ignore[override]  # a flag there, a countdown here
        self._left -= 1
        return self._left == 0


def resumed(kills: int) -> list[Row]:
    """A run stopped ``kills`` times beside one that was not."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.checkpoint")
        for number in range(kills + 1):
            try:
                ours = train("ppo", "CartPole-v1", 8_192, 1, Course(path, 10**9, _After(5) if number < kills else None))
            except Stopped:
                continue
    theirs = train("ppo", "CartPole-v1", 8_192, 1, Course())
    same = all(np.array_equal(ours.arrays[name], value) for name, value in theirs.arrays.items())
    return [Row(f"resume after {kills} stops, parameters", "bit-equal" if same else "DIFFERENT", "bit-equal")]
