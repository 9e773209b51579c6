"""PPO against a reward model with a KL penalty to the reference (Ziegler et al. 2019; Ouyang et al. 2022).

The reward of a token is -beta (log pi - log pi_ref); the last one adds the model's score. Both the model's score and the gold reward are
followed: where the first rises and the second falls, the model is being exploited (Gao, Schulman and Hilton 2023).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from workloads.reinforcement.course import Course
from workloads.reinforcement.deep.advantages import advantages
from workloads.reinforcement.preferences.language import ALPHABET, LENGTH, divergence, gold_reward, log_chances, previous, sample

Scorer = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class TuningSettings:
    """``beta`` weighs the divergence, ``bound`` ends the run before it exceeds so many nats (None: never)."""

    updates: int = 120
    sentences: int = 512
    epochs: int = 4
    rate: float = 0.05
    clip: float = 0.2
    beta: float = 0.1
    bound: float | None = None
    seed: int = 0


@dataclass(frozen=True)
class Point:
    """A policy on the way: its divergence in nats, and mean rewards by the model (proxy) and by gold."""

    update: int
    kl: float
    proxy: float
    gold: float


def tune(reference: Tensor, scorer: Scorer, settings: TuningSettings, course: Course | None = None) -> tuple[Tensor, list[Point]]:
    """Return the tuned policy and the points on the way, the reference first.

    Args:
        reference: logits of the policy to begin with and to stay near.
        scorer: the reward model: sentences (n, 8) to rewards (n,).
        settings: of the run.
        course: asked for divergence of the loss; nothing is kept: a run takes seconds.

    Raises:
        DivergedError: the loss is not finite.
    """
    course = course or Course()
    generator = torch.Generator().manual_seed(settings.seed)
    policy, baseline = reference.clone().requires_grad_(), torch.zeros(LENGTH, ALPHABET + 1, requires_grad=True)
    optimiser = torch.optim.Adam([policy, baseline], lr=settings.rate)
    points = [_judged(0, reference, reference, scorer, generator)]
    within = reference.clone()
    for update in range(1, settings.updates + 1):
        batch = _sampled(policy, baseline, reference, scorer, settings, generator=generator)
        for _ in range(settings.epochs):
            loss = _loss(policy, baseline, batch, settings.clip)
            course.check(update, float(loss.detach()))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        point = _judged(update, policy, reference, scorer, generator)
        if settings.bound is not None and point.kl > settings.bound:
            break
        within = policy.detach().clone()
        points.append(point)
    return within, points


def _judged(update: int, policy: Tensor, reference: Tensor, scorer: Scorer, generator: torch.Generator) -> Point:
    drawn = sample(policy, 2048, generator)
    with torch.no_grad():
        return Point(update, divergence(policy, reference), float(scorer(drawn).mean()), float(gold_reward(drawn).mean()))


@dataclass(frozen=True)
class _Batch:
    """Sentences (n, 8), with the log probability, the advantage and the return of each token."""

    sentences: Tensor
    log_chances: Tensor
    advantages: Tensor
    returns: Tensor

    @property
    def places(self) -> tuple[Tensor, Tensor]:
        return torch.arange(LENGTH), previous(self.sentences)


def _sampled(
    policy: Tensor, baseline: Tensor, reference: Tensor, scorer: Scorer, settings: TuningSettings, *, generator: torch.Generator
) -> _Batch:
    drawn = sample(policy, settings.sentences, generator)
    with torch.no_grad():
        before = log_chances(policy, drawn)
        rewards = -settings.beta * (before - log_chances(reference, drawn))
        rewards[:, -1] += scorer(drawn)
        values = baseline[torch.arange(LENGTH), previous(drawn)]
        following = torch.cat([values[:, 1:], torch.zeros(len(drawn), 1)], dim=1)
        flat = (each.T.numpy() for each in (rewards, values, following, torch.zeros_like(rewards)))
        gained = torch.from_numpy(advantages(*flat, discount=1.0, smoothing=0.95)).T
        return _Batch(drawn, before, (gained - gained.mean()) / (gained.std() + 1e-8), gained + values)


def _loss(policy: Tensor, baseline: Tensor, batch: _Batch, clip: float) -> Tensor:
    ratio = (log_chances(policy, batch.sentences) - batch.log_chances).exp()
    surrogate = torch.minimum(ratio * batch.advantages, ratio.clamp(1 - clip, 1 + clip) * batch.advantages).mean()
    return -surrogate + 0.5 * (baseline[batch.places] - batch.returns).square().mean()
