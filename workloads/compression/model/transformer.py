"""A decoder of the llama architecture (Touvron et al. 2023) as functions over a dictionary of weights.

Rule 1: a weight has the name that it has in a GGUF file, and the same meaning: ``y = x @ W.T``, norms without bias, SwiGLU, rotary
positions over neighbouring pairs (ggml's ``NORM`` type; Su et al. 2021), grouped key-value heads.
Rule 2: what changes a model (pruning, merging, rounding) makes another dictionary. Nothing here keeps state.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from workloads.compression.errors import ShapeError

Weights = dict[str, Tensor]
Adapters = Mapping[str, tuple[Tensor, Tensor]]
"""LoRA by weight name: A of shape (rank, columns), B of shape (rows, rank), scaled already."""

VOCABULARY: Final = 288  # 256 bytes, an end, padding to a multiple of 32
NORM_EPSILON: Final = 1e-5
ROPE_BASE: Final = 10_000.0
_MOST_LAYERS: Final = 1000
"""More stand only in damaged files."""


@dataclass(frozen=True)
class Shape:
    """The sizes of a model; every row length is a multiple of 32, so that it can be quantised."""

    layers: int = 4
    width: int = 96
    feed_forward: int = 320
    heads: int = 3
    kv_heads: int = 1
    context: int = 1024
    """Positions that the file promises; training uses shorter windows."""

    def __post_init__(self) -> None:
        for name, value in (("width", self.width), ("feed_forward", self.feed_forward)):
            if value < 32 or value % 32:
                raise ShapeError(f"{name} = {value}: a positive multiple of 32 is expected, the size of a block")
        if not 1 <= self.layers <= _MOST_LAYERS:
            raise ShapeError(f"{self.layers} layers: 1 to {_MOST_LAYERS} are expected")
        if not 1 <= self.kv_heads <= self.heads or self.width % self.heads or self.heads % self.kv_heads or self.head_width % 2:
            raise ShapeError(f"{self.heads} heads, {self.kv_heads} for keys: they must divide the width of {self.width} into even parts")

    @property
    def head_width(self) -> int:
        """Dimensions of one head."""
        return self.width // self.heads

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every weight by name."""
        kv, width, hidden = self.kv_heads * self.head_width, self.width, self.feed_forward
        layer = {
            "attn_norm": (width,), "attn_q": (width, width), "attn_k": (kv, width), "attn_v": (kv, width), "attn_output": (width, width),
            "ffn_norm": (width,), "ffn_gate": (hidden, width), "ffn_up": (hidden, width), "ffn_down": (width, hidden),
        }  # fmt: skip
        return {
            "token_embd.weight": (VOCABULARY, width),
            **{f"blk.{number}.{name}.weight": shape for number in range(self.layers) for name, shape in layer.items()},
            "output_norm.weight": (width,),
            "output.weight": (VOCABULARY, width),
        }


def initial(shape: Shape, seed: int) -> Weights:
    """Return random weights: normal with deviation 0.02, matrices that write into the residual stream scaled down by depth (GPT-2)."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, size in shape.tensors().items():
        if len(size) == 1:
            weights[name] = torch.ones(size)
            continue
        deviation = 0.02 / math.sqrt(2 * shape.layers) if "attn_output" in name or "ffn_down" in name else 0.02
        weights[name] = torch.randn(size, generator=generator) * deviation
    return weights


def check(weights: Mapping[str, Tensor], shape: Shape) -> None:
    """Raise :class:`ShapeError` unless ``weights`` are those of ``shape``, and finite."""
    for name, size in shape.tensors().items():
        if name not in weights:
            raise ShapeError(f"{name} is missing")
        if tuple(weights[name].shape) != size:
            raise ShapeError(f"{name} has shape {tuple(weights[name].shape)}, {size} is expected")
        if not bool(weights[name].isfinite().all()):
            raise ShapeError(f"{name}: not every weight is finite; the run that wrote it has diverged, or the file is damaged")


def logits(weights: Mapping[str, Tensor], shape: Shape, tokens: Tensor, adapters: Adapters | None = None) -> Tensor:
    """Return the scores of every next token.

    Args:
        weights: by name.
        shape: of the model.
        tokens: (batch, positions), whole numbers below 288.
        adapters: LoRA matrices applied beside the weights they name.

    Returns:
        (batch, positions, 288).
    """

    def linear(values: Tensor, name: str) -> Tensor:
        out = functional.linear(values, weights[name])
        if adapters and name in adapters:
            down, up = adapters[name]
            out = out + functional.linear(functional.linear(values, down), up)
        return out

    def norm(values: Tensor, name: str) -> Tensor:
        return functional.rms_norm(values, (shape.width,), weights[name], NORM_EPSILON)

    batch, positions = tokens.shape
    turn = _rotation(positions, shape.head_width)
    stream = weights["token_embd.weight"][tokens]
    for number in range(shape.layers):
        block = f"blk.{number}."
        seen = norm(stream, f"{block}attn_norm.weight")
        query, key, value = (
            linear(seen, f"{block}attn_{part}.weight").view(batch, positions, -1, shape.head_width).transpose(1, 2) for part in "qkv"
        )
        query, key = _rotated(query, turn), _rotated(key, turn)
        groups = shape.heads // shape.kv_heads
        mixed = functional.scaled_dot_product_attention(
            query, key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1), is_causal=True
        )
        stream = stream + linear(mixed.transpose(1, 2).reshape(batch, positions, shape.width), f"{block}attn_output.weight")
        seen = norm(stream, f"{block}ffn_norm.weight")
        opened = functional.silu(linear(seen, f"{block}ffn_gate.weight")) * linear(seen, f"{block}ffn_up.weight")
        stream = stream + linear(opened, f"{block}ffn_down.weight")
    return linear(norm(stream, "output_norm.weight"), "output.weight")


def _rotation(positions: int, head_width: int) -> tuple[Tensor, Tensor]:
    rates = ROPE_BASE ** (-torch.arange(0, head_width, 2, dtype=torch.float32) / head_width)
    angles = torch.arange(positions, dtype=torch.float32)[:, None] * rates
    return angles.cos(), angles.sin()


def _rotated(values: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    cosine, sine = turn
    even, odd = values[..., 0::2], values[..., 1::2]
    return torch.stack([even * cosine - odd * sine, even * sine + odd * cosine], dim=-1).flatten(-2)
