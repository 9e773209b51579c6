"""Quality of a model: bits per byte of text that it has not seen.

With one byte a token this is the cross-entropy in bits, the size that arithmetic coding with the model would reach (Shannon 1948).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from workloads.compression.model.transformer import Adapters, Shape, logits

_WINDOW = 129
_MOST_WINDOWS = 1024


def bits_per_byte(weights: Mapping[str, Tensor], shape: Shape, text: Tensor, adapters: Adapters | None = None) -> float:
    """Return the mean bits per byte over windows of 128 predictions: at most 1,024 of them, evenly over the text.

    Args:
        weights: by name.
        shape: of the model.
        text: tokens, at least 129; the remainder of the last window is left out.
        adapters: LoRA matrices.
    """
    windows = text[: len(text) // _WINDOW * _WINDOW].view(-1, _WINDOW)
    windows = windows[:: math.ceil(len(windows) / _MOST_WINDOWS)]
    total = 0.0
    with torch.no_grad():
        for part in windows.split(32):
            scores = logits(weights, shape, part[:, :-1], adapters)
            total += float(functional.cross_entropy(scores.flatten(0, 1), part[:, 1:].flatten(), reduction="sum"))
    return total / (len(windows) * (_WINDOW - 1)) / math.log(2)


def continued(weights: Mapping[str, Tensor], shape: Shape, prompt: bytes, length: int) -> bytes:
    """Return the ``length`` most likely next bytes, one after the other."""
    text = list(prompt)
    with torch.no_grad():
        for _ in range(length):
            text.append(int(logits(weights, shape, torch.tensor([text]))[0, -1, :256].argmax()))
    return bytes(text[len(prompt) :])
