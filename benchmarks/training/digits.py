"""Pruning, int8 and distillation of a perceptron on the digits of scikit-learn: 1437 to learn from, 360 to judge on.

A small network gets 2700 steps with a teacher or without: 60 epochs over all samples, 1350 over fifty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from benchmarks.training.table import Row
from workloads.compression.methods.distillation import UNLABELLED, distillation_loss
from workloads.compression.methods.pruning import prune_layers
from workloads.compression.quantisation.int8 import quantise_rows

Layers = list[tuple[Tensor, Tensor]]
LARGE, SMALL = (64, 512, 512, 10), (64, 16, 10)


def layers_of(sizes: Sequence[int], seed: int) -> Layers:
    """Return He-initialised layers."""
    generator = torch.Generator().manual_seed(seed)
    return [
        (torch.randn(outputs, inputs, generator=generator) * (2 / inputs) ** 0.5, torch.zeros(outputs))
        for inputs, outputs in pairwise(sizes)
    ]


def scores(layers: Layers, values: Tensor) -> Tensor:
    """Return the scores (samples, 10)."""
    for matrix, bias in layers[:-1]:
        values = torch.relu(values @ matrix.T + bias)
    return values @ layers[-1][0].T + layers[-1][1]


def fit(layers: Layers, count: int, loss: Callable[[Tensor], Tensor], epochs: int, seed: int) -> Layers:
    """Train in place with Adam over batches of indices below ``count``."""
    flat = [tensor.requires_grad_() for layer in layers for tensor in layer]
    optimiser, generator = torch.optim.Adam(flat, lr=1e-3), torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for chosen in torch.randperm(count, generator=generator).split(32):
            value = loss(chosen)
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
    return [(matrix.detach(), bias.detach()) for matrix, bias in layers]


def pruned_by_peer(layers: Layers, ratio: float) -> Layers:
    """Return what Torch-Pruning leaves of the same network, by the norm of groups."""
    import torch_pruning

    modules: list[torch.nn.Module] = []
    for matrix, bias in layers:
        linear = torch.nn.Linear(*reversed(matrix.shape))
        linear.weight.data, linear.bias.data = matrix.clone(), bias.clone()
        modules += [linear, torch.nn.ReLU()]
    network = torch.nn.Sequential(*modules[:-1])
    importance = torch_pruning.importance.GroupMagnitudeImportance(p=2)
    torch_pruning.pruner.MagnitudePruner(
        network, torch.zeros(1, LARGE[0]), importance=importance, pruning_ratio=ratio, ignored_layers=[network[-1]]
    ).step()
    return [(each.weight.detach(), each.bias.detach()) for each in network if isinstance(each, torch.nn.Linear)]


def rows(seeds: Sequence[int]) -> list[Row]:
    """Return the rows."""
    from sklearn.datasets import load_digits

    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    values, labels = torch.tensor(data.data[order] / 16, dtype=torch.float32), torch.tensor(data.target[order])
    (seen, unseen), (known, truth) = values.split(1437), labels.split(1437)

    def accuracy(layers: Layers) -> float:
        return float((scores(layers, unseen).argmax(dim=1) == truth).to(torch.float32).mean())

    def learned(layers: Layers, epochs: int, seed: int, using: Tensor | None = None) -> Layers:
        places = torch.arange(len(seen)) if using is None else using
        target = torch.nn.functional.cross_entropy
        return fit(layers, len(places), lambda chosen: target(scores(layers, seen[places[chosen]]), known[places[chosen]]), epochs, seed)

    pruned, whole, small, peer = list[float](), list[float](), list[float](), list[float]()
    scratch, distilled, full, full_distilled = list[float](), list[float](), list[float](), list[float]()
    for seed in seeds:
        large = learned(layers_of(LARGE, seed), 30, seed)
        whole.append(accuracy(large))
        pruned.append(accuracy(learned(prune_layers(large, 0.75), 10, seed)))
        peer.append(accuracy(learned(pruned_by_peer(large, 0.75), 10, seed)))
        small.append(accuracy([(torch.from_numpy(quantise_rows(matrix.numpy()).weights()), bias) for matrix, bias in large]))
        wanted = scores(large, seen).detach()
        few = torch.randperm(len(seen), generator=torch.Generator().manual_seed(seed))[:50]
        scratch.append(accuracy(learned(layers_of(SMALL, seed), 1350, seed, few)))
        full.append(accuracy(learned(layers_of(SMALL, seed), 60, seed)))
        for labelled, kept in ((few, distilled), (torch.arange(len(seen)), full_distilled)):
            hints = torch.full_like(known, UNLABELLED)
            hints[labelled] = known[labelled]
            student = layers_of(SMALL, seed)

            def loss(chosen: Tensor, student: Layers = student, hints: Tensor = hints, wanted: Tensor = wanted) -> Tensor:
                return distillation_loss(scores(student, seen[chosen]), wanted[chosen], hints[chosen], temperature=4, alpha=0.9)

            kept.append(accuracy(fit(student, len(seen), loss, 60, seed)))
    mean, n = np.mean, f"mean of {len(seeds)}, n = {len(truth)}"
    parameters = [
        sum(matrix.numel() + bias.numel() for matrix, bias in layers)
        for layers in (layers_of(LARGE, 0), prune_layers(layers_of(LARGE, 0), 0.75))
    ]
    gain = mean(distilled) - mean(scratch)
    return [
        Row("digits: int8", f"{mean(whole):.4f} to {mean(small):.4f}, {n}", "<= .3 pt lost", "torchao, no loss"),
        Row(
            "digits: prune 75 %, 10 epochs more",
            f"{parameters[0] / parameters[1]:.1f} times smaller, {mean(whole):.4f} to {mean(pruned):.4f}, {n}",
            ">= 10 x, <= .5 pt",
            f"Torch-Pruning {version('torch-pruning')} to {mean(peer):.4f}",
        ),
        Row("digits: distilled, 50 labels", f"{mean(scratch):.4f} to {mean(distilled):.4f}: {100 * gain:+.1f} pt, {n}", ">= +15 pt"),
        Row(
            "digits: distilled, all labels",
            f"{mean(full):.4f} to {mean(full_distilled):.4f}: {_verdict(full, full_distilled)}, {n}",
            '"no gain" said',
        ),
    ]


def _verdict(before: Sequence[float], after: Sequence[float]) -> str:
    """Say whether a difference exceeds the spread of its pairs."""
    differences = np.array(after) - np.array(before)
    error = differences.std(ddof=1) / len(differences) ** 0.5 if len(differences) > 1 else np.inf
    return f"{100 * differences.mean():+.2f} pt, " + ("a difference" if abs(differences.mean()) > 2 * error else "no gain")
