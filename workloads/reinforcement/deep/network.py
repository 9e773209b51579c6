"""A multilayer perceptron as a dictionary of tensors, with orthogonal initial weights (Saxe et al. 2014)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

Parameters = dict[str, Tensor]


def perceptron(sizes: Sequence[int], seed: int, *, last_gain: float = 1.0) -> Parameters:
    """Return matrices ``<n>/weight`` (outputs, inputs) and ``<n>/bias`` for layers of ``sizes``."""
    generator = torch.Generator().manual_seed(seed)
    parameters = {}
    for number, (inputs, outputs) in enumerate(pairwise(sizes)):
        gain = last_gain if number == len(sizes) - 2 else math.sqrt(2)
        drawn = torch.randn(max(inputs, outputs), min(inputs, outputs), generator=generator)
        square, upper = torch.linalg.qr(drawn)
        square = square * torch.sign(torch.diagonal(upper))
        parameters[f"{number}/weight"] = (gain * (square if outputs >= inputs else square.T)).contiguous()
        parameters[f"{number}/bias"] = torch.zeros(outputs)
    return parameters


def forward(parameters: Parameters, values: Tensor, activation: Any = torch.tanh) -> Tensor:
    """Return the outputs (samples, outputs) for ``values`` (samples, inputs)."""
    last = len(parameters) // 2 - 1
    for number in range(last + 1):
        values = torch.nn.functional.linear(values, parameters[f"{number}/weight"], parameters[f"{number}/bias"])
        if number < last:
            values = activation(values)
    return values


def copied(parameters: Parameters) -> Parameters:
    """Return a copy that shares nothing and has no gradient."""
    return {name: value.detach().clone() for name, value in parameters.items()}


def as_arrays(prefix: str, parameters: Parameters) -> dict[str, np.ndarray[Any, np.dtype[Any]]]:
    """Return copies as arrays named ``<prefix>/<name>``."""
    return {f"{prefix}/{name}": value.detach().numpy().copy() for name, value in parameters.items()}


def fill(prefix: str, parameters: Parameters, arrays: Any) -> None:
    """Put the arrays of :func:`as_arrays` into ``parameters``."""
    with torch.no_grad():
        for name, value in parameters.items():
            value.copy_(torch.from_numpy(arrays[f"{prefix}/{name}"]))
