"""Structured pruning: whole hidden units go, so that what is left is a smaller dense model (Li et al. 2017; Ma et al. 2023, LLM-Pruner).

A hidden unit is a row of the matrices that produce it and a column of the one that consumes it. Its importance is the product of their
norms: a unit that is hardly driven, or hardly read, can go. The units that stay keep their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import torch
from torch import Tensor

from workloads.compression.errors import ShapeError
from workloads.compression.model.transformer import Shape, Weights


def units_to_keep(producers: Sequence[Tensor], consumer: Tensor, keep: int) -> Tensor:
    """Return the indices of the ``keep`` most important hidden units, ascending.

    Args:
        producers: matrices (hidden, inputs).
        consumer: matrix (outputs, hidden).
        keep: how many, from 1 to hidden.

    Raises:
        ShapeError: the matrices disagree about the hidden units, or ``keep`` is out of range.
    """
    hidden = consumer.shape[1]
    if any(matrix.shape[0] != hidden for matrix in producers):
        raise ShapeError(
            f"{[tuple(matrix.shape) for matrix in producers]} do not produce the {hidden} units that {tuple(consumer.shape)} consumes"
        )
    if not 1 <= keep <= hidden:
        raise ShapeError(f"{keep} of {hidden} hidden units cannot be kept")
    importance = prod((matrix.norm(dim=1) for matrix in producers), start=consumer.norm(dim=0))
    return importance.topk(keep).indices.sort().values


def prune(weights: Weights, shape: Shape, ratio: float) -> tuple[Weights, Shape]:
    """Return the model without the share ``ratio`` of every layer's feed-forward units, rounded up to a multiple of 32 units kept.

    Raises:
        ShapeError: the ratio is not in [0, 1).
    """
    if not 0 <= ratio < 1:
        raise ShapeError(f"a share of {ratio} cannot be pruned; it is at least 0 and below 1")
    keep = min(shape.feed_forward, max(32, -int(-shape.feed_forward * (1 - ratio) // 32) * 32))
    pruned = dict(weights)
    for number in range(shape.layers):
        gate, up, down = (f"blk.{number}.ffn_{part}.weight" for part in ("gate", "up", "down"))
        units = units_to_keep([weights[gate], weights[up]], weights[down], keep)
        pruned |= {gate: weights[gate][units].clone(), up: weights[up][units].clone(), down: weights[down][:, units].clone()}
    return pruned, replace(shape, feed_forward=keep)


def prune_layers(layers: Sequence[tuple[Tensor, Tensor]], ratio: float) -> list[tuple[Tensor, Tensor]]:
    """Return a multilayer perceptron without the share ``ratio`` of every hidden layer's units.

    Args:
        layers: (matrix (outputs, inputs), bias (outputs,)) from input to output, at least two.
        ratio: in [0, 1).
    """
    left = [(matrix.clone(), bias.clone()) for matrix, bias in layers]
    for index in range(len(left) - 1):
        (matrix, bias), (following, last) = left[index], left[index + 1]
        keep = max(1, round(len(bias) * (1 - ratio)))
        units = units_to_keep([torch.cat([matrix, bias[:, None]], dim=1)], following, keep)
        left[index], left[index + 1] = (matrix[units], bias[units]), (following[:, units], last)
    return left
