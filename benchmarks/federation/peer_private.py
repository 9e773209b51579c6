"""Opacus for the benchmark; runs in the environment of the peer and prints accuracy and noise multiplier as JSON.

Epsilon 3 at delta 1e-4, 30 epochs, batches of 64 by Poisson sampling, SGD with rate 0.5, clipping at 1, its own calibration by Rényi
divergences. Arguments: an ``.npz`` with records as :mod:`benchmarks.federation.private` writes it, and the seed.
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


def main(path: str, seed: int) -> None:
    """Train and test."""
    warnings.simplefilter("ignore")
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    with np.load(path) as data:
        x, y, test_x, test_y = (torch.tensor(data[name]) for name in ("x", "y", "test_x", "test_y"))
        model = network(data["sizes"].tolist())
    loader = DataLoader(TensorDataset(x.float(), y), batch_size=BATCH)
    engine = PrivacyEngine(accountant="rdp")
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    private, optimizer, loader = engine.make_private_with_epsilon(
        module=model, optimizer=optimizer, data_loader=loader, target_epsilon=EPSILON, target_delta=DELTA, epochs=EPOCHS, max_grad_norm=CLIP
    )
    loss = nn.CrossEntropyLoss()
    for _ in range(EPOCHS):
        for features, labels in loader:
            optimizer.zero_grad()
            loss(private(features), labels).backward()
            optimizer.step()
    with torch.no_grad():
        accuracy = (private(test_x.float()).argmax(dim=1) == test_y).double().mean().item()
    print(json.dumps({"accuracy": accuracy, "noise_multiplier": optimizer.noise_multiplier, "epsilon": engine.get_epsilon(DELTA)}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
