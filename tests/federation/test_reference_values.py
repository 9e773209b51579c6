"""The accountants against published values: exact ones, dp-accounting's, those of Opacus' tests, and the papers'.

Opacus' tests of its accountants have RDP 7.32911117143 and PRV 6.777395712150674 for sigma 1.5, q 0.04 and 2,250 steps. Abadi and others
(2016) give 1.26 for sigma 4, q 0.01 and 10,000 steps by the moments accountant. The calibrated values are those of the tests of
dp-accounting.
"""

from __future__ import annotations

from functools import cache

import pytest

from workloads.federation.errors import PrivacyError
from workloads.federation.privacy.accounting.calibration import most_releases
from workloads.federation.privacy.accounting.exact import ExactAccountant
from workloads.federation.privacy.accounting.pld import PldAccountant
from workloads.federation.privacy.accounting.rdp import RdpAccountant
from workloads.federation.privacy.accounting.releases import ConcentratedRelease, GaussianRelease
from workloads.federation.privacy.mechanisms.distributed import DistributedNoise
from workloads.federation.privacy.statement import Neighbours, Sampler, Statement, Unit

pytest.importorskip("dp_accounting", reason="needs the dependency group `federation`: run `nox -s federation`")

TERMS = Statement(Unit.RECORD, Neighbours.ADD_OR_REMOVE_ONE, Sampler.POISSON, 1e-5)
EXACT, RDP, CLASSIC = ExactAccountant(), RdpAccountant(), RdpAccountant(classic=True)


@cache
def pld(noise: float, rate: float, count: int) -> float:
    return PldAccountant().epsilon({GaussianRelease(noise, rate): count}, TERMS)


# The exact value for 10 releases was checked with mpmath at 40 digits.
@pytest.mark.parametrize(("noise", "count", "expected"), [(1, 1, 4.377178096), (1, 10, 17.856586830), (5, 20, 3.848610283)])
def test_row_1_the_gaussian_mechanism_is_exact_and_pld_lies_within_1e_4_above(noise: float, count: int, expected: float) -> None:
    exact = EXACT.epsilon({GaussianRelease(noise): count}, TERMS)
    assert exact == pytest.approx(expected, abs=1e-8)
    assert 0 <= pld(noise, 1, count) - exact < 1e-4


@pytest.mark.parametrize(
    ("noise", "count", "rdp", "loss"),
    [(1.1, 1_000, 1.711770, 1.515370), (1.1, 10_000, 5.632011, 5.192620), (4, 10_000, 1.035490, 0.946999)],
)
def test_rows_2_and_3_sampled_gaussian_by_both_accountants(noise: float, count: int, rdp: float, loss: float) -> None:
    assert RDP.epsilon({GaussianRelease(noise, 0.01): count}, TERMS) == pytest.approx(rdp, abs=1e-4)
    assert pld(noise, 0.01, count) == pytest.approx(loss, abs=2e-3)


def test_row_4_opacus() -> None:
    assert RDP.epsilon({GaussianRelease(1.5, 0.04): 2_250}, TERMS) == pytest.approx(7.32911117143, abs=1e-4)
    assert pld(1.5, 0.04, 2_250) == pytest.approx(6.777395712150674, abs=0.01)


def test_row_5_the_classic_conversion_gives_the_figure_of_abadi_and_others() -> None:
    assert CLASSIC.epsilon({GaussianRelease(4, 0.01): 10_000}, TERMS) == pytest.approx(1.2586, abs=1e-4)


# Epsilon crosses 1 at the calibrated noise. A search takes minutes; unit tests hold it with the exact accountant.
@pytest.mark.parametrize(("rate", "count", "expected"), [(0.01, 1, 0.67379294682), (0.001, 25, 3.20956502598 / 6)])
def test_row_6_calibration(rate: float, count: int, expected: float) -> None:
    assert pld(expected + 2e-6, rate, count) <= 1 < pld(expected - 2e-6, rate, count)


def test_row_7_the_release_that_exhausts_the_budget() -> None:
    assert most_releases(RDP, TERMS, GaussianRelease(3), epsilon=8) == 22
    assert most_releases(PldAccountant(), TERMS, GaussianRelease(3), epsilon=8) == 24
    assert EXACT.epsilon({GaussianRelease(3): 24}, TERMS) <= 8


def test_row_8_monotone_in_releases_antitone_in_noise_and_continuous_at_full_sampling() -> None:
    assert pld(2, 0.5, 2) < pld(2, 0.5, 4) < pld(2, 0.9999, 4)
    assert pld(2.2, 0.5, 4) < pld(2, 0.5, 4)
    assert pld(2, 0.9999, 4) == pytest.approx(EXACT.epsilon({GaussianRelease(2): 4}, TERMS), abs=2e-3)


def test_129_releases_where_renyi_accounting_allows_102() -> None:
    release = GaussianRelease(1, 0.1)
    assert most_releases(RDP, TERMS, release, epsilon=8) == 102
    assert pld(1, 0.1, 129) <= 8 < pld(1, 0.1, 130)


def test_privacy_losses_add_up_over_releases_of_different_kinds() -> None:
    mixed = PldAccountant().epsilon({GaussianRelease(2): 3, GaussianRelease(5): 4}, TERMS)
    assert mixed == pytest.approx(EXACT.epsilon({GaussianRelease(2): 3, GaussianRelease(5): 4}, TERMS), abs=1e-4)
    assert PldAccountant().epsilon({}, TERMS) == 0


def test_noisy_secure_sums_cost_what_gaussian_noise_does() -> None:
    release = DistributedNoise.for_multiplier(3.0, sensitivity=2.0**17, length=100_000, honest=7).gaussian
    exact = EXACT.epsilon({release: 24}, TERMS)
    assert exact == pytest.approx(EXACT.epsilon({GaussianRelease(3): 24}, TERMS), abs=1e-6)
    assert 0 <= PldAccountant().epsilon({release: 24}, TERMS) - exact < 1e-4
    assert RDP.epsilon({release: 24}, TERMS) > 1.05 * exact


def test_what_no_loss_distribution_is_known_for_is_refused() -> None:
    with pytest.raises(PrivacyError, match="Rényi"):
        PldAccountant().epsilon({ConcentratedRelease(0.1): 1}, TERMS)
    whole = Statement(Unit.CLIENT, Neighbours.REPLACE_ONE, Sampler.ALL, 1e-5)
    with pytest.raises(PrivacyError, match="add-or-remove-one"):
        PldAccountant().epsilon({GaussianRelease(1, 0.1): 1}, whole)
