"""Plans: repeatable, with separate streams, and with the rates and lengths that were asked for."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from stacks.environment import Lengths, Traffic
from stacks.traffic import SHAPES, PlannedRequest, PlanTooLongError, plan, request_lengths


def traffic(**fields: Any) -> Traffic:
    return Traffic(**{"rate_per_s": 10.0, "duration_s": 300.0, **fields})


def arriving(**fields: Any) -> Traffic:
    """Traffic of which only the times matter: drawing lengths takes longer than drawing times."""
    alike = Lengths(distribution="constant", mean=10)
    return traffic(prompt_tokens=alike, output_tokens=alike, **fields)


def times(requests: list[PlannedRequest]) -> list[float]:
    return [request.at_s for request in requests]


def test_same_seed_same_plan_other_seed_other_plan() -> None:
    assert plan(traffic()) == plan(traffic())
    assert plan(traffic(seed=2)) == plan(traffic(), seed=2) != plan(traffic())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("arrivals", "cv"), [("poisson", 1.0), ("gamma", 0.4), ("gamma", 3.0), ("constant", 0.0)])
def test_times_rise_inside_the_run_and_number_what_was_asked(arrivals: str, cv: float, shape: str) -> None:
    asked = arriving(arrivals=arrivals, shape=shape, **({"cv": cv} if cv else {}))
    found = plan(asked)
    at = times(found)
    assert at == sorted(at)
    assert 0 <= at[0] <= at[-1] < 300
    assert [request.index for request in found] == list(range(len(found)))
    # The count of a renewal process has a variance of about cv^2 times its mean; four standard deviations.
    assert abs(len(found) - 3000) <= 4 * cv * math.sqrt(3000)


def test_stationary_even_where_bursts_are_longer_than_the_run() -> None:
    bursty = arriving(arrivals="gamma", cv=6.0, rate_per_s=1.0, duration_s=30.0)
    counts = [len(plan(bursty, seed=seed)) for seed in range(600)]
    assert np.mean(counts) == pytest.approx(30, abs=4 * np.std(counts) / math.sqrt(len(counts)))


@pytest.mark.parametrize(("arrivals", "cv"), [("poisson", 1.0), ("gamma", 0.4), ("gamma", 2.0)])
def test_gaps_vary_as_asked(arrivals: str, cv: float) -> None:
    gaps = np.diff(times(plan(arriving(arrivals=arrivals, cv=cv, duration_s=1000))))
    assert np.std(gaps) / np.mean(gaps) == pytest.approx(cv, rel=0.06)


def test_constant_arrivals_are_evenly_spaced() -> None:
    assert times(plan(traffic(arrivals="constant", rate_per_s=0.1, duration_s=60))) == pytest.approx([0, 10, 20, 30, 40, 50])


def test_spike_puts_its_share_into_its_tenth() -> None:
    at = times(plan(arriving(shape="spike")))
    inside = sum(135 <= t < 165 for t in at) / len(at)
    assert inside == pytest.approx(0.5 / 1.4, abs=0.03)


def test_changing_one_stream_leaves_the_others() -> None:
    base = plan(traffic())
    bursty = plan(traffic(arrivals="gamma", cv=2))
    longer = plan(traffic(output_tokens=Lengths(mean=90)))
    pairs = list(itertools.zip_longest(base, bursty))[:1500]
    assert all(a and b and (a.prompt_tokens, a.output_tokens) == (b.prompt_tokens, b.output_tokens) for a, b in pairs)
    assert times(base) == times(longer)
    assert [r.prompt_tokens for r in base] == [r.prompt_tokens for r in longer]
    assert [r.output_tokens for r in base] != [r.output_tokens for r in longer]


def test_prompts_and_answers_are_drawn_apart() -> None:
    drawn = plan(traffic(prompt_tokens=Lengths(mean=100, high=5000), output_tokens=Lengths(mean=100, high=5000)))
    assert abs(np.corrcoef([r.prompt_tokens for r in drawn], [r.output_tokens for r in drawn])[0, 1]) < 0.05


def test_rate_and_duration_override() -> None:
    assert len(plan(traffic(arrivals="constant"), rate_per_s=2, duration_s=10)) == 20


@pytest.mark.parametrize(
    ("lengths", "mean", "low", "high"),
    [
        (Lengths(distribution="constant", mean=7.4, high=10), 7, 7, 7),
        (Lengths(distribution="uniform", low=10, high=20), 15, 10, 20),
        (Lengths(mean=100, cv=0.5, high=100_000), 100, 5, 1000),
        (Lengths(mean=100, cv=0.0), 100, 100, 100),
        (Lengths(distribution="quantiles", quantiles=[(0, 10), (0.5, 20), (1, 60)], high=512), 27.5, 10, 60),
        (Lengths(distribution="quantiles", quantiles=[(0.4, 10), (0.6, 30)], high=512), 20, 10, 30),
    ],
)
def test_lengths_follow_their_distribution(lengths: Lengths, mean: float, low: int, high: int) -> None:
    found = [request.prompt_tokens for request in plan(traffic(prompt_tokens=lengths))]
    assert np.mean(found) == pytest.approx(mean, rel=0.03)
    assert low <= min(found) <= max(found) <= high


def test_lognormal_is_clipped_to_the_bounds() -> None:
    found = {request.output_tokens for request in plan(traffic(output_tokens=Lengths(mean=32, cv=2, low=20, high=40)))}
    assert (min(found), max(found)) == (20, 40)


def test_too_many_requests_are_refused_with_the_fix() -> None:
    with pytest.raises(PlanTooLongError, match=r"gives 10,000,000 requests.*lower `rate_per_s` or `duration_s`"):
        plan(traffic(), rate_per_s=1e6, duration_s=10)


def test_endless_lengths_are_those_of_the_plan() -> None:
    endless = request_lengths(traffic())
    assert [next(endless) for _ in range(50)] == [(r.prompt_tokens, r.output_tokens) for r in plan(traffic())[:50]]
