"""A reward model from preferences: P(a before b) = sigmoid(r(a) - r(b)) (Bradley and Terry 1952; Christiano et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from workloads.reinforcement.deep.network import Parameters, forward, perceptron
from workloads.reinforcement.errors import SettingsError
from workloads.reinforcement.preferences.language import ALPHABET, LENGTH, gold_reward, sample


@dataclass(frozen=True)
class Pairs:
    """Sentences that were preferred (n, 8) and those that were not."""

    better: Tensor
    worse: Tensor


def compared(policy: Tensor, count: int, generator: torch.Generator) -> Pairs:
    """Return ``count`` pairs drawn from ``policy`` and ordered by the gold reward; equals are left out."""
    first, second = sample(policy, count, generator), sample(policy, count, generator)
    difference = gold_reward(first) - gold_reward(second)
    first, second, keeps = first[difference != 0], second[difference != 0], difference[difference != 0] > 0
    return Pairs(torch.where(keeps[:, None], first, second), torch.where(keeps[:, None], second, first))


def score(model: Parameters, sentences: Tensor) -> Tensor:
    """Return the reward of each sentence, (n,); only differences mean something."""
    seen = torch.nn.functional.one_hot(sentences, ALPHABET).flatten(1).to(torch.float32)
    return forward(model, seen)[:, 0]


def fit(pairs: Pairs, *, epochs: int = 30, batch: int = 64, rate: float = 3e-3, seed: int = 0) -> Parameters:
    """Return a model trained by maximum likelihood (Adam, a cosine down to 0, decay 1e-3).

    Raises:
        SettingsError: the pairs do not fill a batch.
    """
    if len(pairs.better) < batch:
        raise SettingsError(f"{len(pairs.better)} pairs with a difference, {batch} are the least to learn from; give more with --pairs")
    model = perceptron((LENGTH * ALPHABET, 64, 1), seed)
    for value in model.values():
        value.requires_grad_()
    generator = torch.Generator().manual_seed(seed)
    steps = epochs * (len(pairs.better) // batch)
    optimiser = torch.optim.AdamW(model.values(), lr=rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(epochs):
        order = torch.randperm(len(pairs.better), generator=generator)
        for chosen in order[: len(order) // batch * batch].split(batch):
            loss = -torch.nn.functional.logsigmoid(score(model, pairs.better[chosen]) - score(model, pairs.worse[chosen])).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return {name: value.detach() for name, value in model.items()}


def accuracy(model: Parameters, pairs: Pairs) -> float:
    """Return the share of ``pairs`` that the model orders as they are."""
    return float((score(model, pairs.better) > score(model, pairs.worse)).to(torch.float32).mean())
