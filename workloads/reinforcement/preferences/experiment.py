"""The whole of RLHF once: preferences, reward model, tuning with and without a KL penalty, best-of-n beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch

from workloads.reinforcement.preferences.best_of_n import best_of, divergence_of_best
from workloads.reinforcement.preferences.language import gold_reward, reference
from workloads.reinforcement.preferences.reward_model import accuracy, compared, fit, score
from workloads.reinforcement.preferences.tuning import Point, TuningSettings, tune

#: Weights of the divergence; 0 shows what happens without one.
BETAS: Final = (1.0, 0.3, 0.0)
COUNTS: Final = (1, 4, 16, 64)
_KEPT: Final = BETAS[0]


@dataclass(frozen=True)
class Feedback:
    """Accuracy of the reward model on unseen pairs; runs by beta; best-of-n by n."""

    accuracy: float
    unseen_pairs: int
    runs: dict[float, list[Point]]
    best_of_n: dict[int, Point]

    @property
    def kept(self) -> list[Point]:
        """The run whose policy is used: with the penalty, and within the bound."""
        return self.runs[_KEPT]

    @property
    def exploited_in_gold(self) -> list[tuple[float, float]]:
        """Divergence and the model's reward without a penalty, shifted and scaled such that best-of-4 gains what it gains in gold.

        Zero and unit of a reward model are its own (Gao, Schulman and Hilton 2023 normalise it, too).
        """
        one, four = self.best_of_n[1], self.best_of_n[4]
        scale = (four.gold - one.gold) / (four.proxy - one.proxy)
        free = self.runs[0.0]
        return [(point.kl, free[0].gold + scale * (point.proxy - free[0].proxy)) for point in free]


def run(pairs: int, bound: float, seed: int, say: Callable[[str], None], on_model: Callable[[float], None] = lambda _: None) -> Feedback:
    """Return what came of it.

    Args:
        pairs: to learn the reward from.
        bound: in nats, for the runs with a penalty.
        seed: of everything.
        say: gets a line for each result.
        on_model: gets the reward model's accuracy on unseen pairs once it is known, before anything is tuned to it.
    """
    generator = torch.Generator().manual_seed(seed)
    before = reference(seed)
    model = fit(compared(before, pairs, generator), seed=seed)
    unseen = compared(before, 8192, generator)
    right = accuracy(model, unseen)
    on_model(right)
    say(f"reward model: {right:.3f} of {len(unseen.better)} unseen pairs in the right order")

    def scorer(sentences: torch.Tensor) -> torch.Tensor:
        return score(model, sentences)

    runs = {}
    for beta in BETAS:
        runs[beta] = tune(before, scorer, TuningSettings(beta=beta, bound=bound if beta else None, seed=seed))[1]
        first, last = runs[beta][0], runs[beta][-1]
        rewards = f"model's reward {first.proxy:.2f} to {last.proxy:.2f}, gold {first.gold:.2f} to {last.gold:.2f}"
        say(f"beta {beta:g}: {last.kl:.2f} nats away, {rewards}")
    best = {}
    for n in COUNTS:
        chosen = best_of(before, scorer, n, 1000, generator)
        with torch.no_grad():
            best[n] = Point(n, divergence_of_best(n), float(scorer(chosen).mean()), float(gold_reward(chosen).mean()))
        say(f"best of {n}: {best[n].kl:.2f} nats away, model's reward {best[n].proxy:.2f}, gold {best[n].gold:.2f}")
    return Feedback(right, len(unseen.better), runs, best)
