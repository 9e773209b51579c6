"""A network of dense layers with softmax on top, its parameters in one flat vector.

Without hidden layers it is softmax regression; with one-hot words and a linear hidden layer it is an embedding model.

Gradients of single records are never stored. A dense layer's gradient of one record is the outer product of its input and of the error
behind it, so the norm of the product is the product of the norms (Goodfellow 2015, "Efficient per-example gradient computations").
Clipping then only scales the errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float64]
Matrix: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = NDArray[np.int64]

Activation: TypeAlias = Literal["tanh", "relu", "identity"]

_TINY: Final = 1e-12


@dataclass(frozen=True)
class Network:
    """Dense layers.

    Attributes:
        sizes: features, units of each hidden layer, classes.
        activation: of the hidden layers.
    """

    sizes: tuple[int, ...]
    activation: Activation = "relu"

    @cached_property
    def length(self) -> int:
        """Number of parameters."""
        return int(self._places[-1][1].stop)

    @cached_property
    def _places(self) -> list[tuple[slice, slice]]:
        """Where each layer's weights and biases are."""
        places, start = [], 0
        for inputs, outputs in zip(self.sizes, self.sizes[1:], strict=False):
            middle = start + inputs * outputs
            places.append((slice(start, middle), slice(middle, middle + outputs)))
            start = middle + outputs
        return places

    def initial(self, seed: int) -> Vector:
        """Return first parameters, uniform within 1/sqrt(inputs) of each layer."""
        random = np.random.default_rng(seed)
        parameters = np.empty(self.length)
        for (weights, biases), inputs in zip(self._places, self.sizes, strict=False):
            parameters[weights.start : biases.stop] = random.uniform(-1, 1, biases.stop - weights.start) / np.sqrt(inputs)
        return parameters

    def layers(self, parameters: Vector) -> list[tuple[Matrix, Vector]]:
        """Return the weights (inputs x outputs) and biases of each layer, as views."""
        shapes = zip(self.sizes, self.sizes[1:], strict=False)
        return [
            (parameters[weights].reshape(shape), parameters[biases]) for (weights, biases), shape in zip(self._places, shapes, strict=True)
        ]

    def logits(self, parameters: Vector, x: Matrix) -> Matrix:
        """Return records x classes, before softmax."""
        layers = self.layers(parameters)
        return self._forward(layers, x)[-1] @ layers[-1][0] + layers[-1][1]

    def probabilities(self, parameters: Vector, x: Matrix) -> Matrix:
        """Return records x classes."""
        return _softmax(self.logits(parameters, x))

    def accuracy(self, parameters: Vector, x: Matrix, y: Labels) -> float:
        """Return the share of records whose class is predicted."""
        return float((self.logits(parameters, x).argmax(axis=1) == y).mean())

    def gradient(self, parameters: Vector, x: Matrix, y: Labels) -> Vector:
        """Return the gradient of the mean cross-entropy."""
        inputs, errors = self._backward(parameters, x, y)
        return self._sum(inputs, errors) / len(y)

    def clipped_sum(self, parameters: Vector, x: Matrix, y: Labels, clip_norm: float) -> Vector:
        """Return the sum of the records' gradients, each scaled down to an L2 norm of at most ``clip_norm``."""
        if not len(y):
            return np.zeros(self.length)
        inputs, errors = self._backward(parameters, x, y)
        # One more for the bias, whose input is 1.
        squares = sum(((before**2).sum(axis=1) + 1) * (error**2).sum(axis=1) for before, error in zip(inputs, errors, strict=True))
        scale = np.minimum(1.0, clip_norm / np.maximum(np.sqrt(squares), _TINY))[:, None]
        return self._sum(inputs, [error * scale for error in errors])

    def _forward(self, layers: list[tuple[Matrix, Vector]], x: Matrix) -> list[Matrix]:
        """Return the input of each layer."""
        inputs = [x]
        for weights, biases in layers[:-1]:
            before = inputs[-1] @ weights + biases
            inputs.append(np.tanh(before) if self.activation == "tanh" else np.maximum(before, 0) if self.activation == "relu" else before)
        return inputs

    def _backward(self, parameters: Vector, x: Matrix, y: Labels) -> tuple[list[Matrix], list[Matrix]]:
        """Return the input of each layer and the error behind it, a row for each record."""
        layers = self.layers(parameters)
        inputs = self._forward(layers, x)
        error = _softmax(inputs[-1] @ layers[-1][0] + layers[-1][1])
        error[np.arange(len(y)), y] -= 1
        errors = [error]
        for after, (weights, _) in zip(reversed(inputs[1:]), reversed(layers[1:]), strict=True):
            error = error @ weights.T
            if self.activation == "tanh":
                error *= 1 - after**2
            elif self.activation == "relu":
                error *= after > 0
            errors.append(error)
        return inputs, errors[::-1]

    def _sum(self, inputs: list[Matrix], errors: list[Matrix]) -> Vector:
        gradient = np.empty(self.length)
        for (weights, biases), before, error in zip(self.layers(gradient), inputs, errors, strict=True):
            np.matmul(before.T, error, out=weights)
            error.sum(axis=0, out=biases)
        return gradient


def _softmax(logits: Matrix) -> Matrix:
    exponentials: Matrix = np.exp(logits - logits.max(axis=1, keepdims=True))
    exponentials /= exponentials.sum(axis=1, keepdims=True)
    return exponentials
