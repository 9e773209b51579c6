"""Noise has the distribution that is accounted for, and updates become integers within their bounds."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from hypothesis import given
from hypothesis import strategies as st

from workloads.federation.errors import PrivacyError, UpdateError
from workloads.federation.privacy.mechanisms.discrete_gaussian import RandomBytes, decide, discrete_gaussian
from workloads.federation.privacy.mechanisms.distributed import DistributedNoise
from workloads.federation.secure_aggregation.quantisation import STEPS, Quantisation, to_words


def seeded(seed: int) -> RandomBytes:
    stream = Cipher(AES(seed.to_bytes(32)), CTR(bytes(16))).encryptor()
    return lambda count: stream.update(bytes(count))


@pytest.mark.parametrize("variance", [1, 2, 7, 100])
def test_samples_have_the_weights_of_the_discrete_gaussian(variance: int) -> None:
    count = 60_000
    samples = discrete_gaussian(count, variance, seeded(variance))
    reach = math.isqrt(9 * variance) + 1
    values = np.arange(-reach, reach + 1)
    weights = np.exp(-(values.astype(float) ** 2) / 2 / variance)
    expected = count * weights / weights.sum()
    observed = np.array([(samples == value).sum() for value in values])
    kept = expected > 5
    freedom = kept.sum() - 1
    chi_square = float(((observed - expected)[kept] ** 2 / expected[kept]).sum())
    assert chi_square < freedom + 5 * math.sqrt(2 * freedom)


def test_large_variances_keep_their_moments() -> None:
    samples = discrete_gaussian(40_000, 10**10, seeded(1)) / 1e5
    assert abs(samples.mean()) < 5 / math.sqrt(40_000)
    assert abs(samples.var() - 1) < 5 * math.sqrt(2 / 40_000)
    assert abs((samples**4).mean() - 3) < 5 * math.sqrt(96 / 40_000)
    assert len(set(samples.tolist())) > 35_000


def test_a_coin_that_a_float_cannot_decide_goes_on_in_rational_numbers() -> None:
    threshold = int(Fraction(math.exp(-0.5)) * 2**64)
    assert decide(threshold - 2**20, Fraction(1, 2), seeded(2))
    assert not decide(threshold + 2**20, Fraction(1, 2), seeded(2))
    exact = 11188515852577165299  # floor(exp(-1/2) 2^64), in 60 digits
    for tail, expected in ((b"\x00" * 8, True), (b"\xff" * 8, False)):
        assert decide(exact, Fraction(1, 2), lambda count, tail=tail: tail[:count]) is expected
    assert decide(exact - 1, Fraction(1, 2), seeded(2))
    assert not decide(exact + 1, Fraction(1, 2), seeded(2))


@pytest.mark.parametrize("variance", [0, -1, 2**61])
def test_a_variance_out_of_range_is_refused(variance: int) -> None:
    with pytest.raises(PrivacyError, match="variance"):
        discrete_gaussian(1, variance)


def test_the_parts_of_the_fewest_survivors_make_up_the_whole_noise() -> None:
    noise = DistributedNoise.for_multiplier(2.0, sensitivity=STEPS, length=100_000, honest=7)
    assert noise.total_deviation(7) >= 2.0 * STEPS
    assert noise.concentrated.rho == pytest.approx(1 / (2 * 2.0**2), rel=1e-8)
    assert 0 <= noise.gaussian.noise_multiplier - 2.0 < 1e-8
    total = sum(noise.draw(seeded(each)).std() ** 2 for each in range(7))
    assert math.sqrt(total) == pytest.approx(2.0 * STEPS, rel=0.01)


def test_parts_so_small_that_their_sum_is_no_discrete_gaussian_cost_more() -> None:
    fine, coarse = (DistributedNoise(s, 1_000, 5, round(s * s)) for s in (1_000.0, 1.0))
    assert coarse.concentrated.rho > 1.05 * fine.concentrated.rho
    for noise in (coarse, DistributedNoise(1.0, 1_000, 2, 1)):
        with pytest.raises(PrivacyError, match=r"too coarse .* `rdp`"):
            _ = noise.gaussian
    with pytest.raises(PrivacyError, match="must be positive"):
        DistributedNoise(1.0, 10, 0, 1)


@pytest.mark.parametrize(("variance", "shift"), [(9, 0), (9, 1), (30, 5)])
def test_a_discrete_gaussian_is_a_rounded_continuous_one(variance: int, shift: int) -> None:
    """The sum of the rounding's probabilities over a fine grid of continuous values is the discrete Gaussian's own, to the grid's error."""
    values = np.arange(-60, 61)
    inner = variance - 4.0
    grid = np.linspace(shift - 12 * math.sqrt(inner), shift + 12 * math.sqrt(inner), 20_001)
    density = np.exp(-((grid - shift) ** 2) / (2 * inner))
    rounding = np.exp(-((values[:, None] - grid) ** 2) / (2 * 4.0))
    rounded = (rounding / rounding.sum(axis=0)) @ (density / density.sum())
    exact = np.exp(-((values - shift) ** 2) / (2 * variance))
    np.testing.assert_allclose(rounded, exact / exact.sum(), rtol=1e-9, atol=1e-16)


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=40), st.floats(1e-3, 1e3))
def test_no_update_is_longer_than_the_sensitivity_and_a_short_one_is_kept_to_half_a_step(values: list[float], clip: float) -> None:
    update = np.array(values)
    quantisation = Quantisation(clip, len(values), clients=10)
    integers = quantisation.quantise(update, "c0")
    assert math.sqrt(sum(int(each) ** 2 for each in integers)) <= quantisation.sensitivity_steps
    back = quantisation.dequantise(to_words(integers))
    if math.hypot(*values) <= clip:
        assert np.abs(back - update).max() <= quantisation.step / 2 * (1 + 1e-9)


def test_a_sum_of_words_is_the_sum_of_updates() -> None:
    random = np.random.default_rng(3)
    quantisation = Quantisation(1.0, 50, clients=20)
    updates = random.normal(0, 0.05, (20, 50))
    words = sum(to_words(quantisation.quantise(each, "c")) for each in updates)
    assert np.abs(quantisation.dequantise(words) - updates.sum(axis=0)).max() <= 20 * quantisation.step / 2


@pytest.mark.parametrize(
    ("update", "text"),
    [
        ([1.0, math.nan, 0.0], "client 'c7': entry 1 of the update is nan"),
        ([-math.inf, 0, 0], "entry 0 .* -inf"),
        ([1.0], r"shape \(1,\), not \(3,\)"),
    ],
)
def test_an_update_that_may_not_be_summed_is_refused_by_name(update: list[float], text: str) -> None:
    with pytest.raises(UpdateError, match=text):
        Quantisation(1.0, 3, clients=10).quantise(np.array(update), "c7")


def test_sums_that_could_wrap_are_refused_beforehand() -> None:
    Quantisation(1.0, 3, clients=8_000)
    with pytest.raises(UpdateError, match="does not fit into 32 bits"):
        Quantisation(1.0, 3, clients=8_192)
    with pytest.raises(UpdateError, match="does not fit"):
        Quantisation(1.0, 3, clients=10, noise_steps=2.0**28)
    with pytest.raises(UpdateError, match="must be positive"):
        Quantisation(0.0, 3, clients=10)
