"""Opacus for the benchmark; runs in the environment of the peer and prints the accuracies of each seed as JSON.

Epsilon 3 at delta 1e-4, 30 epochs, batches of 64 by Poisson sampling, SGD with rate 0.5, clipping at 1, its own calibration by Rényi
divergences. Arguments: an ``.npz`` with the records of all seeds as :mod:`benchmarks.federation.private` writes it, the number of seeds,
and how often each is trained.
"""

from __future__ import annotations

import json
import sys
import warnings
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from opacus import PrivacyEngine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

EPOCHS, BATCH, RATE, CLIP, EPSILON, DELTA = 30, 64, 0.5, 1.0, 3.0, 1e-4


def network(sizes: list[int]) -> nn.Sequential:
    """Return dense layers with tanh between them."""
    layers: list[Any] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def trained(data: Any, seed: int, repeat: int) -> float:
    """Train and test once."""
    torch.manual_seed(1000 * repeat + seed)
    x, y, test_x, test_y = (torch.tensor(data[f"{name}{seed}"]) for name in ("x", "y", "test_x", "test_y"))
    model = network(data["sizes"].tolist())
    loader = DataLoader(TensorDataset(x.float(), y), batch_size=BATCH)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    private, optimizer, loader = PrivacyEngine(accountant="rdp").make_private_with_epsilon(
        module=model, optimizer=optimizer, data_loader=loader, target_epsilon=EPSILON, target_delta=DELTA, epochs=EPOCHS, max_grad_norm=CLIP
    )
    loss = nn.CrossEntropyLoss()
    for _ in range(EPOCHS):
        for features, labels in loader:
            optimizer.zero_grad()
            loss(private(features), labels).backward()
            optimizer.step()
    with torch.no_grad():
        accuracy: float = (private(test_x.float()).argmax(dim=1) == test_y).double().mean().item()
    return accuracy


def main(path: str, seeds: int, repeats: int) -> None:
    """Train and test."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    with np.load(path) as data:
        print(json.dumps([[trained(data, seed, repeat) for repeat in range(repeats)] for seed in range(1, seeds + 1)]))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
