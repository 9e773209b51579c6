"""DQN with a target network (Mnih et al. 2015) and double estimates (van Hasselt, Guez and Silver 2016).

The online network chooses the next action, the target network values it: the maximum of noisy estimates is otherwise too high. The rewards
of the next few steps are added as they came before an estimate takes over (Sutton 1988; Hessel et al. 2018): what an end is worth then
needs fewer updates of the target to reach the states long before it. The learning rate falls linearly to 0.

The target follows slowly (Polyak averaging, Lillicrap et al. 2016) instead of jumping. It is also the policy that is judged and kept: an
average over the last hundred updates swings less than the online network, which may unlearn in a thousand steps what it has learned in ten
thousand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import gymnasium
import numpy as np
import torch
from torch import Tensor

from foundation.training.optimiser_state import optimiser_arrays, restore_optimiser
from workloads.reinforcement.course import Course, generator_state, restored_generator
from workloads.reinforcement.deep.network import Parameters, as_arrays, copied, fill, forward, perceptron
from workloads.reinforcement.deep.playing import CHOOSING, Best, returns
from workloads.reinforcement.environments.episodes import Episodes


@dataclass(frozen=True)
class DqnSettings:
    """Set on CartPole-v1 with seeds 100 to 103; ``train_every`` steps are followed by one gradient step."""

    steps: int = 50_000
    hidden: tuple[int, ...] = (128, 128)
    rate: float = 1e-3
    discount: float = 0.99
    lookahead: int = 5
    """Steps whose rewards are added before an estimate takes over."""
    batch: int = 128
    memory: int = 50_000
    learn_from: int = 1_000
    train_every: int = 2
    target_share: float = 0.01
    exploring_share: float = 0.2
    least_exploration: float = 0.04
    evaluate_every: int = 1_000
    evaluate_episodes: int = 30
    seed: int = 0


class Memory:
    """The last transitions, in the order they came, in a ring."""

    def __init__(self, capacity: int, observation: int) -> None:
        self.arrays: dict[str, np.ndarray[Any, np.dtype[Any]]] = {
            "memory/before": np.zeros((capacity, observation), dtype=np.float32),
            "memory/after": np.zeros((capacity, observation), dtype=np.float32),
            "memory/action": np.zeros(capacity, dtype=np.int64),
            "memory/reward": np.zeros(capacity, dtype=np.float32),
            "memory/ended": np.zeros(capacity, dtype=np.float32),
            "memory/over": np.zeros(capacity, dtype=np.bool_),
        }
        self.count = 0

    def add(self, **transition: Any) -> None:
        """Keep ``before``, ``action``, ``reward``, ``after``; ``ended`` says that the episode ended, ``over`` that it ended or was cut."""
        place = self.count % len(self.arrays["memory/action"])
        for name, value in transition.items():
            self.arrays[f"memory/{name}"][place] = value
        self.count += 1

    def sample(self, size: int, lookahead: int, discount: float, random: np.random.Generator) -> dict[str, Tensor]:
        """Return transitions over up to ``lookahead`` steps: fewer where the episode is over, or no more have been seen.

        ``reward`` is their discounted sum, ``after`` the last observation, ``discount`` the weight of its value: 0 after an end.
        """
        held, capacity = self.arrays, len(self.arrays["memory/action"])
        chosen = random.integers(min(self.count, capacity), size=size)
        last, steps, reward = chosen, np.ones(size, dtype=np.int64), held["memory/reward"][chosen].copy()
        for step in range(1, lookahead):
            goes_on = (steps == step) & ~held["memory/over"][last] & (last != (self.count - 1) % capacity)
            last = np.where(goes_on, (last + 1) % capacity, last)
            reward += np.where(goes_on, discount**step * held["memory/reward"][last], 0).astype(np.float32)
            steps += goes_on
        found = {
            "before": held["memory/before"][chosen],
            "action": held["memory/action"][chosen],
            "reward": reward,
            "after": held["memory/after"][last],
            "discount": (discount**steps * (1 - held["memory/ended"][last])).astype(np.float32),
        }
        return {name: torch.from_numpy(values) for name, values in found.items()}


def q_values(parameters: Parameters, observations: Tensor) -> Tensor:
    """Return action values (samples, actions)."""
    return forward(parameters, observations, torch.relu)


def greedy(parameters: Parameters) -> Callable[[Any], Any]:
    """Return the policy that takes the action of highest value."""

    def policy(observations: Any) -> Any:
        with torch.no_grad():
            return q_values(parameters, torch.from_numpy(observations)).argmax(dim=1).numpy()

    return policy


def td_loss(online: Parameters, target: Parameters, batch: dict[str, Tensor]) -> Tensor:
    """Return the mean Huber loss of ``batch`` against double estimates."""
    with torch.no_grad():
        choice = q_values(online, batch["after"]).argmax(dim=1, keepdim=True)
        following = q_values(target, batch["after"]).gather(1, choice)[:, 0]
        wanted = batch["reward"] + batch["discount"] * following
    guessed = q_values(online, batch["before"]).gather(1, batch["action"][:, None])[:, 0]
    return torch.nn.functional.smooth_l1_loss(guessed, wanted)


def learn(make: Callable[[], gymnasium.Env[Any, Any]], settings: DqnSettings, course: Course | None = None) -> Parameters:
    """Return the parameters of the best policy on the way.

    Raises:
        DivergedError: the loss is not finite.
        EnvironmentFailedError, Stopped, CheckpointError: as in ``Course`` and ``Episodes``.
    """
    course = course or Course()
    episodes = Episodes(make, settings.seed)
    inputs, actions = int(np.prod(episodes.observation_space.shape)), int(episodes.action_space.n)
    online = perceptron((inputs, *settings.hidden, actions), settings.seed)
    target, best = copied(online), Best(online)
    memory, random, begun = Memory(settings.memory, inputs), np.random.default_rng(settings.seed), 0
    for value in online.values():
        value.requires_grad_()
    optimiser = torch.optim.Adam(online.values(), lr=settings.rate)
    if (found := course.begin("reinforcement/dqn", asdict(settings))) is not None:
        with course.restoring():
            for prefix, parameters in (("online", online), ("target", target), ("best", best.parameters)):
                fill(prefix, parameters, found.arrays)
            restore_optimiser(optimiser, found.arrays)
            memory.arrays = {name: found.arrays[name].copy() for name in memory.arrays}
            memory.count, best.mean, begun = found.facts["count"], found.facts["best"], found.facts["step"]
            random = restored_generator(found.facts["random"])
            episodes.restore(found.facts["episodes"])

    def state_now() -> tuple[dict[str, Any], dict[str, Any]]:
        arrays = as_arrays("online", online) | as_arrays("target", target) | as_arrays("best", best.parameters)
        facts = {"random": generator_state(random), "episodes": episodes.state(), "count": memory.count, "best": best.mean}
        return arrays | optimiser_arrays(optimiser) | memory.arrays, facts

    for step in range(begun, settings.steps):
        exploration = max(settings.least_exploration, 1 - step / (settings.steps * settings.exploring_share))
        before = np.asarray(episodes.observation, dtype=np.float32)
        action = int(random.integers(actions)) if random.random() < exploration else int(greedy(online)(before[None])[0])
        came = episodes.step(action)
        memory.add(before=before, after=came.observation, action=action, reward=came.reward, ended=came.terminated, over=came.over)
        if came.over:
            episodes.next_episode()
        done = step + 1
        if done >= settings.learn_from and done % settings.train_every == 0:
            batch = memory.sample(settings.batch, settings.lookahead, settings.discount, random)
            loss = td_loss(online, target, batch)
            course.check(done, float(loss.detach()))
            optimiser.param_groups[0]["lr"] = settings.rate * (1 - step / settings.steps)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(online.values(), 10.0)
            optimiser.step()
            with torch.no_grad():
                for name, value in target.items():
                    value.lerp_(online[name], settings.target_share)
        if done % settings.evaluate_every == 0:
            mean = float(np.mean(returns(make, greedy(target), settings.evaluate_episodes, settings.seed + CHOOSING)))
            best.offer(target, mean)
            course.point(done, mean)
        course.after(done, state_now, last=done == settings.steps)
    return best.parameters
