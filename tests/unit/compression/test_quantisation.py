"""Block formats: bit for bit those of gguf, within their bounds, and nothing else."""

from __future__ import annotations

import gguf
import numpy as np
import pytest
from gguf.quants import dequantize, quantize
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from workloads.compression.errors import ShapeError
from workloads.compression.quantisation.blocks import BYTES, dequantise, quantise, rounded
from workloads.compression.quantisation.int8 import quantise_rows

# Of smaller weights gguf makes what its division overflows to; theirs and ours are 0 when they are read.
ORDINARY = st.floats(-1e4, 1e4, width=32).filter(lambda x: x == 0 or abs(x) > 1e-30)
NUMBERS = ORDINARY | st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 127.0, -8.0])


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0"])
@settings(max_examples=30, deadline=None)
@given(weights=arrays(np.float32, st.tuples(st.integers(1, 3), st.sampled_from([32, 64])), elements=NUMBERS))
def test_blocks_are_those_of_gguf(kind: str, weights: np.ndarray) -> None:
    theirs = gguf.GGMLQuantizationType[kind]
    packed = quantise(weights, kind)
    with np.errstate(all="ignore"):  # gguf divides tiny scales
        assert packed.tobytes() == quantize(weights, theirs).tobytes()
    assert dequantise(packed, kind).tobytes() == dequantize(packed, theirs).astype(np.float32).tobytes()


@settings(max_examples=30, deadline=None)
@given(weights=arrays(np.float32, (2, 64), elements=st.floats(-100, 100, width=32).filter(lambda x: x == 0 or abs(x) > 1e-3)))
def test_an_error_of_q8_0_is_within_half_a_step_and_the_rounding_of_the_scale(weights: np.ndarray) -> None:
    scale = np.abs(weights.reshape(-1, 32)).max(axis=1) / 127
    error = np.abs(rounded(weights, "Q8_0") - weights).reshape(-1, 32).max(axis=1)
    assert (error <= 0.5625 * scale).all()


def test_a_block_takes_34_or_18_bytes() -> None:
    weights = np.ones((4, 96), dtype=np.float32)
    assert quantise(weights, "Q8_0").nbytes == 4 * 3 * BYTES["Q8_0"] == 4 * 3 * 34
    assert quantise(weights, "Q4_0").nbytes == 4 * 3 * BYTES["Q4_0"] == 4 * 3 * 18


@pytest.mark.parametrize("shape", [(3, 31), (3, 33), (0,), (3, 0), ()])
def test_a_row_that_no_block_fits_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"blk\.0\.ffn_up: a row of \d+ weights has no whole number of blocks of 32"):
        quantise(np.zeros(shape, dtype=np.float32), "Q8_0", name="blk.0.ffn_up")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(ShapeError, match="diverged"):
        quantise(np.full((1, 32), bad, dtype=np.float32), "Q4_0")


def test_int8_by_row_is_within_half_a_step() -> None:
    matrix = np.random.default_rng(1).standard_normal((64, 48)).astype(np.float32)
    matrix[3] = 0
    small = quantise_rows(matrix)
    assert (np.abs(small.weights() - matrix) <= small.scales[:, None] * 0.5001).all()
    assert small.size_bytes == 64 * 48 + 64 * 4
    with pytest.raises(ShapeError, match="takes a matrix"):
        quantise_rows(matrix[0])


def test_halves_are_rounded_away_from_zero() -> None:
    weights = np.zeros((1, 32), dtype=np.float32)
    weights[0, :5] = 127, 0.5, 1.5, -2.5, -0.5  # the scale is 1
    assert rounded(weights, "Q8_0")[0, :5].tolist() == [127, 1, 2, -3, -1]
    assert quantise(weights, "Q8_0").tobytes() == quantize(weights, gguf.GGMLQuantizationType.Q8_0).tobytes()


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0"])
def test_weights_too_small_for_a_scale_are_zero(kind: str) -> None:
    tiny = np.full((1, 32), 1.2e-38, dtype=np.float32)
    assert (rounded(tiny, kind) == 0).all()
