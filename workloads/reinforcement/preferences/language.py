"""A language small enough to be exact about: sentences of eight tokens over an alphabet of eight, drawn token by token.

A policy is a table of logits by position and previous token, so its divergence from the reference is computed and not estimated. The gold
reward is known and plays the person: tokens have a worth, and a token used more than four times spoils the sentence. Sentences of the
reference policy seldom repeat so often: a reward model that has seen only these knows little about it, and that is what over-optimisation
exploits (Gao, Schulman and Hilton 2023).
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

LENGTH: Final = 8
ALPHABET: Final = 8
_BEGIN: Final = ALPHABET
_WORTH: Final = torch.tensor([1.0, 0.6, 0.3, 0.1, -0.1, -0.3, -0.6, -1.0])
_SPOILS: Final = 1.0
_ALLOWED: Final = 4


def reference(seed: int, *, sharpness: float = 0.7) -> Tensor:
    """Return the logits of the policy before any feedback: (position, previous token or begin, next token)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(LENGTH, ALPHABET + 1, ALPHABET, generator=generator) * sharpness


def gold_reward(sentences: Tensor) -> Tensor:
    """Return what a person would give each sentence (n, 8): the worth of its tokens, less the square of repetitions beyond four."""
    counts = torch.nn.functional.one_hot(sentences, ALPHABET).sum(dim=1)
    return _WORTH[sentences].sum(dim=1) - _SPOILS * (counts - _ALLOWED).clamp(min=0).square().sum(dim=1)


def previous(sentences: Tensor) -> Tensor:
    """Return the token before each token, (n, 8); a sentence begins with token 8."""
    return torch.cat([torch.full_like(sentences[:, :1], _BEGIN), sentences[:, :-1]], dim=1)


def log_chances(policy: Tensor, sentences: Tensor) -> Tensor:
    """Return the log probability of each token of each sentence, (n, 8)."""
    rows = policy.log_softmax(dim=-1)[torch.arange(LENGTH), previous(sentences)]
    return rows.gather(2, sentences[..., None])[..., 0]


def sample(policy: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Return ``count`` sentences (count, 8) drawn from ``policy``."""
    chances = policy.detach().softmax(dim=-1)
    sentences = torch.empty(count, LENGTH, dtype=torch.long)
    last = torch.full((count,), _BEGIN)
    for position in range(LENGTH):
        last = torch.multinomial(chances[position, last], 1, generator=generator)[:, 0]
        sentences[:, position] = last
    return sentences


def divergence(policy: Tensor, other: Tensor) -> float:
    """Return the KL divergence of whole sentences from ``other``, in nats, exactly."""
    mine, theirs = policy.detach().log_softmax(dim=-1), other.log_softmax(dim=-1)
    reached = torch.zeros(ALPHABET + 1)
    reached[_BEGIN] = 1
    total = 0.0
    for position in range(LENGTH):
        here = mine[position].exp()
        total += float(reached @ (here * (mine[position] - theirs[position])).sum(dim=1))
        reached = torch.cat([reached @ here, torch.zeros(1)])
    return total
