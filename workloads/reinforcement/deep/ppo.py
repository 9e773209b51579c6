"""PPO (Schulman et al. 2017): advantages by GAE, clipped ratios, entropy bonus, clipped values, a bound on the KL divergence of an update.

Details follow Huang et al. 2022 ("The 37 implementation details of PPO"): separate networks, orthogonal weights, advantages normalised by
minibatch, learning rate and clip range falling linearly, Adam's epsilon of 1e-5, gradients cut at 0.5. An episode that is cut is valued by
what would have followed; one that has ended is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import torch
from torch import Tensor

from foundation.training.optimiser_state import optimiser_arrays, restore_optimiser
from workloads.reinforcement.course import Course, generator_state, restored_generator
from workloads.reinforcement.deep.advantages import advantages
from workloads.reinforcement.deep.network import Parameters, as_arrays, fill, forward, perceptron
from workloads.reinforcement.deep.playing import CHOOSING, Best, returns
from workloads.reinforcement.environments.episodes import Episodes


@dataclass(frozen=True)
class PpoSettings:
    """Settings of rl-zoo for CartPole-v1, with a bound on the KL divergence; ``clip`` and ``rate`` fall to 0."""

    steps: int = 100_000
    environments: int = 8
    rollout: int = 32
    batch: int = 256
    epochs: int = 20
    hidden: tuple[int, ...] = (64, 64)
    rate: float = 1e-3
    discount: float = 0.98
    smoothing: float = 0.8
    clip: float = 0.2
    entropy: float = 0.0
    value_share: float = 0.5
    target_kl: float = 0.05
    """An update's remaining epochs are left out once its approximate KL divergence exceeds one and a half times this."""
    evaluate_every: int = 10_000
    evaluate_episodes: int = 50
    seed: int = 0


@dataclass(frozen=True)
class Rollout:
    """Samples of an update: observations (n, inputs), the others (n,)."""

    observations: Tensor
    actions: Tensor
    log_chances: Tensor
    values: Tensor
    advantages: Tensor
    returns: Tensor

    def part(self, chosen: Tensor) -> Rollout:
        """Return the samples ``chosen``."""
        return Rollout(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


def loss(actor: Parameters, critic: Parameters, part: Rollout, settings: PpoSettings, clip: float) -> tuple[Tensor, float]:
    """Return the loss of a minibatch, and the approximate KL divergence from the policy that sampled it."""
    chances = torch.log_softmax(forward(actor, part.observations), dim=1)
    log_ratio = chances.gather(1, part.actions[:, None])[:, 0] - part.log_chances
    ratio = log_ratio.exp()
    normal = (part.advantages - part.advantages.mean()) / (part.advantages.std() + 1e-8)
    policy = -torch.minimum(ratio * normal, ratio.clamp(1 - clip, 1 + clip) * normal).mean()
    values = forward(critic, part.observations)[:, 0]
    held = part.values + (values - part.values).clamp(-clip, clip)
    value = torch.maximum((values - part.returns).square(), (held - part.returns).square()).mean()
    entropy = -(chances.exp() * chances).sum(dim=1).mean()
    kl = float((ratio.detach() - 1 - log_ratio.detach()).mean())  # Schulman's estimator k3: never negative
    return policy + settings.value_share * value - settings.entropy * entropy, kl


def greedy(actor: Parameters) -> Callable[[Any], Any]:
    """Return the policy that takes the likeliest action."""

    def policy(observations: Any) -> Any:
        with torch.no_grad():
            return forward(actor, torch.from_numpy(observations)).argmax(dim=1).numpy()

    return policy


def learn(make: Callable[[], gymnasium.Env[Any, Any]], settings: PpoSettings, course: Course | None = None) -> Parameters:
    """Return the actor of the best policy on the way.

    Raises:
        DivergedError: the loss is not finite.
        EnvironmentFailedError, Stopped, CheckpointError: as in ``Course`` and ``Episodes``.
    """
    course = course or Course()
    episodes = [Episodes(make, settings.seed, number) for number in range(settings.environments)]
    inputs, actions = int(np.prod(episodes[0].observation_space.shape)), int(episodes[0].action_space.n)
    actor = perceptron((inputs, *settings.hidden, actions), settings.seed, last_gain=0.01)
    critic = perceptron((inputs, *settings.hidden, 1), settings.seed + 1)
    best, random, begun, judged = Best(actor), np.random.default_rng(settings.seed), 0, 0
    learned = [*actor.values(), *critic.values()]
    for value in learned:
        value.requires_grad_()
    optimiser = torch.optim.Adam(learned, lr=settings.rate, eps=1e-5)
    if (found := course.begin("reinforcement/ppo", asdict(settings))) is not None:
        with course.restoring():
            for prefix, parameters in (("actor", actor), ("critic", critic), ("best", best.parameters)):
                fill(prefix, parameters, found.arrays)
            restore_optimiser(optimiser, found.arrays)
            random, begun = restored_generator(found.facts["random"]), found.facts["step"]
            best.mean, judged = found.facts["best"], found.facts["judged"]
            for each, state in zip(episodes, found.facts["episodes"], strict=True):
                each.restore(state)

    def state_now() -> tuple[dict[str, Any], dict[str, Any]]:
        arrays = as_arrays("actor", actor) | as_arrays("critic", critic) | as_arrays("best", best.parameters)
        facts = {"random": generator_state(random), "episodes": [each.state() for each in episodes], "best": best.mean, "judged": judged}
        return arrays | optimiser_arrays(optimiser), facts

    done, size = begun, settings.environments * settings.rollout
    while done < settings.steps:
        left = 1 - done / settings.steps
        optimiser.param_groups[0]["lr"] = settings.rate * left
        rollout = _collect(episodes, actor, critic, settings, random)
        done += size
        _update(
            rollout,
            networks=(actor, critic),
            optimiser=optimiser,
            settings=settings,
            clip=settings.clip * left,
            random=random,
            check=partial(course.check, done),
        )
        last = done >= settings.steps
        if done - judged >= settings.evaluate_every or last:
            judged = done
            mean = float(np.mean(returns(make, greedy(actor), settings.evaluate_episodes, settings.seed + CHOOSING)))
            best.offer(actor, mean)
            course.point(done, mean)
        course.after(done, state_now, last=last)
    return best.parameters


def _collect(
    episodes: list[Episodes], actor: Parameters, critic: Parameters, settings: PpoSettings, random: np.random.Generator
) -> Rollout:
    shape = settings.rollout, len(episodes)
    rewards, over = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.float32)
    seen, last, ended = [], [], np.zeros(shape, dtype=np.float32)
    chosen, log_chances = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.float32)
    for step in range(settings.rollout):
        now = np.array([each.observation for each in episodes], dtype=np.float32)
        with torch.no_grad():
            chances = torch.log_softmax(forward(actor, torch.from_numpy(now)), dim=1).numpy()
        drawn = random.random((len(episodes), 1))
        chosen[step] = (np.exp(chances).cumsum(axis=1) < drawn).sum(axis=1).clip(max=chances.shape[1] - 1)
        log_chances[step] = chances[np.arange(len(episodes)), chosen[step]]
        came = [each.step(int(action)) for each, action in zip(episodes, chosen[step], strict=True)]
        rewards[step], over[step] = [each.reward for each in came], [each.over for each in came]
        ended[step] = [each.terminated for each in came]
        seen.append(now)
        last.append(np.array([each.observation for each in came], dtype=np.float32))
        for each, what in zip(episodes, came, strict=True):
            if what.over:
                each.next_episode()
    observations = torch.from_numpy(np.concatenate(seen))
    with torch.no_grad():
        values = forward(critic, observations)[:, 0].numpy().reshape(shape)
        following = forward(critic, torch.from_numpy(np.concatenate(last)))[:, 0].numpy().reshape(shape) * (1 - ended)
    gained = advantages(rewards, values, following, over, discount=settings.discount, smoothing=settings.smoothing)
    flat = (torch.from_numpy(each.reshape(-1)) for each in (chosen, log_chances, values, gained, gained + values))
    return Rollout(observations, *flat)


def _update(
    rollout: Rollout,
    *,
    networks: tuple[Parameters, Parameters],
    optimiser: torch.optim.Optimizer,
    settings: PpoSettings,
    clip: float,
    random: np.random.Generator,
    check: Callable[[float], None],
) -> None:
    actor, critic = networks
    for _ in range(settings.epochs):
        for chosen in np.split(random.permutation(len(rollout.actions)), range(settings.batch, len(rollout.actions), settings.batch)):
            value, kl = loss(actor, critic, rollout.part(torch.from_numpy(chosen)), settings, clip)
            check(float(value.detach()))
            if kl > 1.5 * settings.target_kl:
                return
            optimiser.zero_grad()
            value.backward()
            torch.nn.utils.clip_grad_norm_([*actor.values(), *critic.values()], 0.5)
            optimiser.step()
