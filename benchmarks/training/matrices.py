"""Formats and factors of one matrix of 4096 x 4096 from N(0, 1)."""

from __future__ import annotations

import time
from importlib.metadata import version

import gguf
import numpy as np
import torch
from gguf.quants import quantize

from benchmarks.training.table import Row
from workloads.compression.methods.lora import attach, merged
from workloads.compression.methods.low_rank import factorise
from workloads.compression.quantisation.blocks import dequantise, quantise
from workloads.compression.quantisation.int8 import quantise_rows

SIDE = 4096


def rows() -> list[Row]:
    """Return the rows."""
    weights = np.random.default_rng(0).standard_normal((SIDE, SIDE), dtype=np.float32)
    found = []
    for kind in ("Q8_0", "Q4_0"):
        begun = time.process_time()
        ours = quantise(weights, kind)
        middle = time.process_time()
        theirs = quantize(weights, gguf.GGMLQuantizationType[kind])
        taken, peer = middle - begun, time.process_time() - middle
        error = np.abs(dequantise(ours, kind) - weights).reshape(-1, 32).max(axis=1)
        scale = np.abs(weights).reshape(-1, 32).max(axis=1) / (127 if kind == "Q8_0" else 8)
        equal = "bit-equal" if ours.tobytes() == theirs.tobytes() else "DIFFERENT"
        reached = f"{equal}, error <= {float((error / scale).max()):.4f} d, {taken:.2f} s CPU"
        found.append(
            Row(
                f"{kind} of {SIDE} x {SIDE}",
                reached,
                "bit-equal, .562 d" if kind == "Q8_0" else "bit-equal",
                f"gguf {version('gguf')}, {peer:.2f} s CPU",
            )
        )
    small = quantise_rows(weights)
    found.append(Row("int8 by row", f"{weights.nbytes / small.size_bytes:.3f} times smaller", ">= 3.8", "torchao 3.85"))
    return found + _factors()


def _factors() -> list[Row]:
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(512, 512, generator=generator)
    factors = factorise(matrix, 16)
    real = float((factors.left @ factors.right - matrix).norm() / matrix.norm())
    lora = attach({"w": matrix}, ["w"], 8)
    lora.up["w"].normal_(std=0.05, generator=generator)
    values = torch.randn(32, 512, generator=generator) / 512**0.5
    down, up = lora.adapters()["w"]
    beside = values @ matrix.T + values @ down.T @ up.T
    difference = float((beside - values @ merged({"w": matrix}, lora)["w"].T).abs().max())
    return [
        Row("SVD, rank 16 of 512 x 512, error less theory", f"{abs(real - factors.relative_error):.1e} (error {real:.4f})", "1e-5"),
        Row("LoRA, merged less unmerged", f"{difference:.1e}", "1e-5"),
    ]
