"""What the accountants of the core say, against values that were integrated by hand or are exact."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workloads.federation.errors import PrivacyError
from workloads.federation.privacy.accounting.calibration import most_releases, noise_multiplier
from workloads.federation.privacy.accounting.exact import ExactAccountant
from workloads.federation.privacy.accounting.logarithms import log_erfc
from workloads.federation.privacy.accounting.rdp import RdpAccountant, divergence
from workloads.federation.privacy.accounting.releases import ConcentratedRelease, GaussianRelease
from workloads.federation.privacy.statement import Guarantee, Neighbours, Sampler, Statement, Unit

TERMS = Statement(Unit.RECORD, Neighbours.ADD_OR_REMOVE_ONE, Sampler.POISSON, 1e-5)
EXACT, RDP = ExactAccountant(), RdpAccountant()


@pytest.mark.parametrize(
    ("order", "rate", "noise"), [(1.5, 0.5, 1.0), (4.7, 0.01, 1.1), (8.0, 0.1, 2.0), (1.1, 0.7, 2.0), (13.0, 0.9, 4.0)]
)
def test_divergences_equal_the_integral(order: float, rate: float, noise: float) -> None:
    x = np.linspace(-60, 80, 400_001)
    density = np.exp(-(x**2) / 2 / noise**2) / noise / math.sqrt(2 * math.pi)
    ratio = (1 - rate) + rate * np.exp((2 * x - 1) / 2 / noise**2)
    integral = math.log(np.trapezoid(density * ratio**order, x)) / (order - 1)
    assert divergence(GaussianRelease(noise, rate), order) == pytest.approx(integral, rel=1e-6)


@given(st.floats(0.5, 20), st.integers(1, 200))
def test_renyi_accounting_lies_above_the_exact_value_and_not_far(noise: float, count: int) -> None:
    exact, above = (each.epsilon({GaussianRelease(noise): count}, TERMS) for each in (EXACT, RDP))
    assert exact <= above <= 1.35 * exact + 0.1


@settings(max_examples=20)
@given(st.floats(0.6, 5), st.floats(0.01, 1), st.integers(1, 500))
def test_more_noise_costs_less_and_more_releases_or_a_higher_rate_cost_more(noise: float, rate: float, count: int) -> None:
    few = RdpAccountant(orders=(1.5, 2.5, 4.0, 9.5, 32.0))

    def epsilon(noise: float, rate: float, count: int) -> float:
        return few.epsilon({GaussianRelease(noise, rate): count}, TERMS)

    here = epsilon(noise, rate, count)
    assert epsilon(1.1 * noise, rate, count) <= here + 1e-9
    assert epsilon(noise, rate, count + 1) >= here - 1e-9
    assert epsilon(noise, min(1, 1.1 * rate), count) >= here - 1e-9


@settings(max_examples=25)
@given(st.floats(0.1, 50), st.integers(1, 100))
def test_calibrated_noise_keeps_the_budget_and_a_little_less_does_not(epsilon: float, releases: int) -> None:
    noise = noise_multiplier(EXACT, TERMS, epsilon=epsilon, releases=releases)
    assert EXACT.epsilon({GaussianRelease(noise): releases}, TERMS) <= epsilon
    assert EXACT.epsilon({GaussianRelease(noise - 2e-6): releases}, TERMS) > epsilon


@settings(max_examples=25)
@given(st.floats(0.5, 20), st.floats(0.1, 20))
def test_as_many_releases_as_fit_and_not_one_more(noise: float, budget: float) -> None:
    release = GaussianRelease(noise)
    count = most_releases(EXACT, TERMS, release, epsilon=budget)
    assert (EXACT.epsilon({release: count}, TERMS) if count else 0) <= budget < EXACT.epsilon({release: count + 1}, TERMS)


def test_a_concentrated_release_is_a_gaussian_one_to_renyi_accounting() -> None:
    assert RDP.epsilon({ConcentratedRelease(0.125): 3}, TERMS) == pytest.approx(RDP.epsilon({GaussianRelease(2): 3}, TERMS))
    with pytest.raises(PrivacyError, match="Gaussian noise on all units only"):
        EXACT.epsilon({ConcentratedRelease(0.125): 3}, TERMS)


def test_both_conversions_give_published_values() -> None:
    assert RDP.epsilon({GaussianRelease(1): 1}, TERMS) == pytest.approx(4.728507, abs=1e-6)
    assert RDP.epsilon({GaussianRelease(1.1, 0.01): 1_000}, TERMS) == pytest.approx(1.711770, abs=1e-5)
    assert RdpAccountant(classic=True).epsilon({GaussianRelease(1.1, 0.01): 1_000}, TERMS) == pytest.approx(2.0821, abs=1e-4)


def test_nothing_released_costs_nothing() -> None:
    assert RDP.epsilon({}, TERMS) == EXACT.epsilon({}, TERMS) == RDP.epsilon({GaussianRelease(1): 0}, TERMS) == 0


@given(st.floats(20, 26))
def test_the_logarithm_of_erfc_goes_on_where_erfc_vanishes(x: float) -> None:
    assert log_erfc(x) == pytest.approx(math.log(math.erfc(x)), rel=1e-10)
    assert log_erfc(1e6) == pytest.approx(-1e12, rel=1e-10)


@pytest.mark.parametrize("noise", [0.0, -1.0, math.nan, math.inf])
def test_noise_out_of_range_is_refused(noise: float) -> None:
    with pytest.raises(PrivacyError, match="noise multiplier"):
        GaussianRelease(noise)


@pytest.mark.parametrize("rate", [0.0, 1.1, math.nan])
def test_a_sampling_rate_out_of_range_is_refused(rate: float) -> None:
    with pytest.raises(PrivacyError, match="sampling rate"):
        GaussianRelease(1, rate)


def test_terms_that_nobody_accounts_for_are_refused() -> None:
    with pytest.raises(PrivacyError, match="delta"):
        Statement(Unit.CLIENT, Neighbours.REPLACE_ONE, Sampler.ALL, 0)
    with pytest.raises(PrivacyError, match="Poisson"):
        Statement(Unit.CLIENT, Neighbours.REPLACE_ONE, Sampler.POISSON, 1e-5)
    with pytest.raises(PrivacyError, match="rho"):
        ConcentratedRelease(math.nan)
    with pytest.raises(PrivacyError, match="calibration"):
        noise_multiplier(RDP, TERMS, epsilon=0, releases=1)
    with pytest.raises(PrivacyError, match="budget"):
        most_releases(RDP, TERMS, GaussianRelease(1), epsilon=math.nan)


def test_a_guarantee_names_all_that_it_rests_on() -> None:
    text = str(Guarantee(TERMS, 2.5, "pld", 100))
    assert text == "epsilon 2.5000 at delta 1e-05 for one record (add-or-remove-one, sampler poisson), 100 releases, accountant pld"
    assert TERMS.as_dict() == {"unit": "record", "neighbours": "add-or-remove-one", "sampler": "poisson", "delta": 1e-5}
    assert Neighbours.REPLACE_ONE.sensitivity(2) == 2 * Neighbours.ADD_OR_REMOVE_ONE.sensitivity(2)
