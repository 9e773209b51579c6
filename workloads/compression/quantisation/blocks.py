"""Q8_0 and Q4_0, the block formats of GGUF files (ggml, ``ggml-quants.c``), bit for bit.

Rule 1: a block is 32 neighbouring weights of a row with one scale in half precision. A row that 32 does not divide has no encoding.
Rule 2: Q8_0 (34 bytes): d = max|w| / 127, q = round(w / d), halves away from zero. |error| <= d (1/2 + 127 * 2^-11) = 0.562 d: half a step,
and the rounding of d itself.
Rule 3: Q4_0 (18 bytes): d = w* / -8, where w* is the weight of largest magnitude with its sign; q = floor(w / d + 8.5), at most 15. The low
nibbles hold the first sixteen weights of a block, the high nibbles the others.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from workloads.compression.errors import ShapeError

Floats = np.ndarray[Any, np.dtype[np.float32]]
Bytes = np.ndarray[Any, np.dtype[np.uint8]]

BLOCK: Final = 32
BYTES: Final = {"F32": 4 * BLOCK, "Q8_0": 2 + BLOCK, "Q4_0": 2 + BLOCK // 2}
"""Bytes a block of 32 weights."""
_AT_ONCE: Final = 8192
#: Below it, the inverse of a 32-bit number overflows.
_SMALLEST: Final = np.finfo(np.float32).tiny
"""Blocks encoded together: a megabyte of weights, so that intermediate arrays stay in the processor's cache."""


def quantise(weights: Floats, kind: str, *, name: str = "weights") -> Bytes:
    """Return the blocks of ``weights`` as bytes: shape (..., row length / 32 * bytes a block).

    Args:
        weights: at least one row of 32 n values, float32.
        kind: ``Q8_0`` or ``Q4_0``.
        name: of the tensor, for errors.

    Raises:
        ShapeError: no block fits the rows, or a weight is not finite.
    """
    blocks = _blocks(weights, name)
    encode = _q8_0 if kind == "Q8_0" else _q4_0
    packed = np.empty((len(blocks), BYTES[kind]), dtype=np.uint8)
    for start in range(0, len(blocks), _AT_ONCE):
        packed[start : start + _AT_ONCE] = encode(blocks[start : start + _AT_ONCE])
    return packed.reshape(*weights.shape[:-1], weights.shape[-1] // BLOCK * BYTES[kind])


def dequantise(packed: Bytes, kind: str) -> Floats:
    """Return the weights that ``packed`` stands for, float32."""
    blocks = packed.reshape(-1, BYTES[kind])
    scale = np.ascontiguousarray(blocks[:, :2]).view(np.float16).astype(np.float32)
    if kind == "Q8_0":
        steps = np.ascontiguousarray(blocks[:, 2:]).view(np.int8).astype(np.float32)
    else:
        nibbles = np.concatenate([blocks[:, 2:] & 0x0F, blocks[:, 2:] >> 4], axis=1)
        steps = nibbles.astype(np.float32) - np.float32(8)
    return (scale * steps).reshape(*packed.shape[:-1], packed.shape[-1] // BYTES[kind] * BLOCK)


def rounded(weights: Floats, kind: str, *, name: str = "weights") -> Floats:
    """Return ``weights`` as they are after a trip through ``kind``; ``F32`` changes nothing."""
    return weights if kind == "F32" else dequantise(quantise(weights, kind, name=name), kind)


def _blocks(weights: Floats, name: str) -> Floats:
    if weights.ndim == 0 or weights.shape[-1] == 0 or weights.shape[-1] % BLOCK:
        length = weights.shape[-1] if weights.ndim else 0
        raise ShapeError(
            f"{name}: a row of {length} weights has no whole number of blocks of {BLOCK}; store it as F32, or choose a multiple"
        )
    if not np.isfinite(weights).all():
        raise ShapeError(f"{name}: not every weight is finite; the run that wrote it has diverged")
    return np.ascontiguousarray(weights, dtype=np.float32).reshape(-1, BLOCK)


def _inverse(scale: Floats) -> Floats:
    """Return 1 / scale; 0 for scales without a finite inverse, which are 0 in half precision anyway."""
    small = np.abs(scale) < _SMALLEST
    return np.where(small, np.float32(0), np.float32(1) / np.where(small, np.float32(1), scale))


def _q8_0(blocks: Floats) -> Bytes:
    scale = np.abs(blocks).max(axis=1, keepdims=True) / np.float32(127)
    scaled = blocks * _inverse(scale)
    magnitude = np.abs(scaled)
    whole = np.floor(magnitude)
    steps = np.copysign(whole + (magnitude - whole >= np.float32(0.5)), scaled)
    return np.concatenate([scale.astype(np.float16).view(np.uint8), steps.astype(np.int8).view(np.uint8)], axis=1)


def _q4_0(blocks: Floats) -> Bytes:
    largest = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=1, keepdims=True), axis=1)
    scale = largest / np.float32(-8)
    steps = np.minimum((blocks * _inverse(scale) + np.float32(8.5)).astype(np.uint8), 15)
    nibbles = steps[:, : BLOCK // 2] | (steps[:, BLOCK // 2 :] << 4)
    return np.concatenate([scale.astype(np.float16).view(np.uint8), nibbles], axis=1)
