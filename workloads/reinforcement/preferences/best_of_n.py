"""Best-of-n: draw n sentences, keep the one that the reward model likes best. No training, and a divergence that is known beforehand.

KL = log n - (n - 1) / n nats (Stiennon et al. 2020; exact for a continuous reward, an upper bound with ties: Beirami et al. 2024).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from workloads.reinforcement.preferences.language import sample


def best_of(policy: Tensor, scorer: Callable[[Tensor], Tensor], n: int, count: int, generator: torch.Generator) -> Tensor:
    """Return ``count`` sentences (count, 8), each the best of ``n`` drawn from ``policy``."""
    drawn = sample(policy, n * count, generator).view(count, n, -1)
    with torch.no_grad():
        best = scorer(drawn.flatten(0, 1)).view(count, n).argmax(dim=1)
    return drawn[torch.arange(count), best]


def divergence_of_best(n: int) -> float:
    """Return the divergence of best-of-n from the policy it draws from, in nats."""
    return math.log(n) - (n - 1) / n
