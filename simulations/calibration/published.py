"""Coefficients for GPUs that are not in this machine, derived from published figures: an estimate, not a measurement.

Rule 1: nothing here was fitted to the engine that a graph deploys. The model is Llama-3.1-8B in 16 bits on one GPU under an engine that
computes its sequences together (vLLM); the graph's slots and context apply, but its choice of model is ignored.
Rule 2: each coefficient names its source figures. Efficiencies were measured by others on the same GPU or, if marked ``assumed``, on a
similar one.

A micro-batch of n tokens takes fixed + W / (bandwidth * 0.85) + n * 2 P / (peak * MFU), with W the bytes of the weights and P their
number; a token of context costs its keys and values / (bandwidth * 0.8), a pair of prompt tokens its attention / (peak * MFU).
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Final

from simulations.calibration.coefficients import Calibration, Machine
from simulations.errors import CalibrationError
from simulations.provenance import Coefficient, Provenance
from workloads.engine.spec import EngineSpec

# Llama 3.1 8B (Grattafiori et al. 2024, arXiv 2407.21783, table 3): layers, width, key-value heads of 128, parameters.
_LAYERS: Final = 32
_WIDTH: Final = 4096
_KV_WIDTH: Final = 8 * 128
_PARAMETERS: Final = 8.03e9
_BYTES: Final = 2
_MODEL: Final = "Llama-3.1-8B, 16 bits"

_FIXED_S: Final = 126e-6 + 32e-6 * _LAYERS
_REQUEST_S: Final = 15.6e-3 + 0.78e-3
_BLIS: Final = "BLIS (inference-sim), trained-physics coefficients, 2026"
_READING: Final = 0.85
_KV_READING: Final = 0.80
_FITS: Final = "efficiencies fitted to vLLM 0.19 runs on an RTX PRO 6000: weights 0.84 to 0.91, keys and values 0.74 to 0.87"
_BATCH_TOKENS: Final = 2048


@dataclass(frozen=True, slots=True)
class _Gpu:
    """Memory bandwidth in bytes/s and dense 16-bit peak in FLOP/s of the data sheet; ``mfu``: share of the peak that prefill reaches."""

    bandwidth: float
    peak: float
    mfu: float
    mfu_from: Provenance
    mfu_note: str


_H100_MFU: Final = "BLIS roofline, H100: 0.45 in prefill"
_A100_MFU: Final = "BLIS roofline, A100: 0.38 in prefill"
_L40S_MFU: Final = "BLIS roofline, L40S: 0.32 in prefill"

#: Keyed by the names in the price book. NVIDIA data sheets: H100 SXM, H200 SXM, A100 (40 and 80 GB SXM), L40S, L4.
_GPUS: Final = {
    "H100": _Gpu(3.35e12, 989.4e12, 0.45, "published", _H100_MFU),
    "H200": _Gpu(4.8e12, 989.4e12, 0.45, "assumed", f"{_H100_MFU}, the same chip"),
    "A100": _Gpu(1.555e12, 312e12, 0.38, "published", _A100_MFU),
    "A100-80GB": _Gpu(2.039e12, 312e12, 0.38, "published", _A100_MFU),
    "L40S": _Gpu(0.864e12, 362e12, 0.32, "published", _L40S_MFU),
    "L4": _Gpu(0.3e12, 121e12, 0.32, "assumed", f"{_L40S_MFU}, the same generation"),
}


def published(gpu_model: str) -> Calibration:
    """Return coefficients for ``gpu_model``, named as in the price book.

    Raises:
        CalibrationError: the GPU model is unknown; the message lists the known ones.
    """
    gpu = _GPUS.get(gpu_model)
    if gpu is None:
        near = difflib.get_close_matches(gpu_model, _GPUS, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise CalibrationError(f"no published coefficients for GPU model {gpu_model!r}; known: {', '.join(sorted(_GPUS))}{hint}")
    sheet = f"NVIDIA {gpu_model} data sheet ({gpu.bandwidth / 1e12:g} TB/s, {gpu.peak / 1e12:g} TFLOP/s dense)"
    speed = gpu.peak * gpu.mfu
    weights_s = _PARAMETERS * _BYTES / (gpu.bandwidth * _READING)
    token_s = 2 * _PARAMETERS / speed
    kv_bytes = 2 * _LAYERS * _KV_WIDTH * _BYTES
    attention = 4 * _LAYERS * _WIDTH
    from_mfu: Provenance = "derived" if gpu.mfu_from == "published" else "assumed"
    reading = f"{sheet}; {_FITS}"
    computing = f"{sheet}; {_BLIS}: {gpu.mfu_note}"

    def micro_batch(tokens: int) -> tuple[int, Coefficient]:
        return tokens, Coefficient(_FIXED_S + weights_s + tokens * token_s, "s/micro-batch", from_mfu, f"{computing}; {_FITS}")

    def nothing(unit: str, why: str, value: float = 0.0) -> Coefficient:
        return Coefficient(value, unit, "assumed", why)

    alone = "sequences are computed together, so no step is cut"
    warm = "weights do not fit a GPU's cache, so none are lost from it"
    return Calibration(
        name=f"{gpu_model}, published",
        date="2026-11",
        spec=EngineSpec(model=_MODEL),
        machine=Machine(gpu_model, 0),
        compute_s=(micro_batch(1), micro_batch(_BATCH_TOKENS)),
        decode_context_s=Coefficient(kv_bytes / (gpu.bandwidth * _KV_READING), "s/(token * context token)", "derived", reading),
        prefill_context_s=Coefficient(attention / speed, "s/(token * token before it)", from_mfu, computing),
        split_s=nothing("s/micro-batch", alone),
        cold_s=nothing("s/micro-batch", warm),
        cold_left=nothing("share", warm),
        cold_after_s=nothing("s", warm, 1.0),
        prefill_under_load=nothing("ratio", "nothing was measured under load", 1.0),
        decode_under_load=nothing("ratio", "nothing was measured under load", 1.0),
        request_s=Coefficient(_REQUEST_S, "s/request", "published", f"{_BLIS}: 15.6 ms before and 0.78 ms after the steps"),
        request_token_s=nothing("s/prompt token", "tokenising runs beside the GPU"),
        batch_tokens=_BATCH_TOKENS,
        micro_batch_tokens=_BATCH_TOKENS,
        batching="together",
    )
