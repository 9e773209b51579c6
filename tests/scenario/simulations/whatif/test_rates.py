"""Rates are over the time that the traffic covers and that of its last requests, at every rate down to a single request."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from simulations.calibration import published
from simulations.whatif import ScenarioResult, parse_scenario, run
from simulations.whatif.run import OVERLOADED
from stacks.environment import Budget, Environment, Lengths, Traffic
from stacks.pricing.prices import PriceBook


def scaler(build: Any, kind: str) -> Any:
    """By four requests in flight a replica: an HPA from one to four, or a ScaledObject from none. Or by CPU, or something unknown."""
    if kind in {"cpu", "orders"}:
        target = {"type": "Utilization", "averageUtilization": 70}
        by_cpu = {"type": "Resource", "resource": {"name": "cpu", "target": target}}
        by_orders = {"type": "External", "external": {"metric": {"name": "orders"}, "target": {"type": "Value", "value": 3}}}
        spec = {"maxReplicas": 4, "metrics": [by_cpu if kind == "cpu" else by_orders]}
        scales = {"scaleTargetRef": {"kind": "Deployment", "name": "ai"}, **spec}
        return build._object("autoscaling/v2", "HorizontalPodAutoscaler", "ai", "ai", {}, scales)
    if kind == "HorizontalPodAutoscaler":
        target = {"type": "AverageValue", "averageValue": 4}
        metric = {"type": "Pods", "pods": {"metric": {"name": "requests_in_flight"}, "target": target}}
        spec = {"minReplicas": 1, "maxReplicas": 4, "metrics": [metric]}
        return build._object("autoscaling/v2", kind, "ai", "ai", {}, {"scaleTargetRef": {"kind": "Deployment", "name": "ai"}, **spec})
    trigger = {"type": "prometheus", "metadata": {"query": "sum(requests_in_flight)", "threshold": "4"}}
    spec = {"maxReplicaCount": 4, "cooldownPeriod": 60, "triggers": [trigger]}
    return build._object("keda.sh/v1alpha1", kind, "ai", "ai", {}, {"scaleTargetRef": {"name": "ai"}, **spec})


def asked(build: Any, rate_per_s: float, *scenarios: str, autoscaler: str = "") -> list[ScenarioResult]:
    lengths = Lengths(distribution="constant", mean=96, low=8, high=768)
    answers = Lengths(distribution="constant", mean=24, low=2, high=128)
    traffic = Traffic(
        arrivals="poisson", rate_per_s=rate_per_s, shape="constant", prompt_tokens=lengths, output_tokens=answers, duration_s=90, seed=1
    )
    environment = Environment(name="t", owner="o", cost_centre="c", traffic=traffic, budget=Budget())
    nodes = [build.node(f"n{zone}", "gpu", f"eu-north-1{zone}", gpu=1) for zone in "ab"]
    graph = build.graph(*nodes, build.deployment("ai", 2, "gpu", engine=True), *([scaler(build, autoscaler)] if autoscaler else []))
    chosen = [parse_scenario(text) for text in scenarios]
    book = PriceBook.bundled()
    return run(graph, environment, chosen, calibration_for=lambda name: published(str(name)), price_book=book, root=Path(), replications=5)


@pytest.mark.parametrize("rate_per_s", [0.0005, 0.002, 0.02, 5.0])
def test_tokens_busy_time_and_money_add_up_at_every_rate(build: Any, rate_per_s: float) -> None:
    (answer,) = asked(build, rate_per_s)
    outcome, metrics = answer.outcome, answer.metrics
    tokens = outcome.output_tokens_per_s * outcome.duration_s
    assert tokens == pytest.approx(24 * outcome.good)
    assert metrics["output_tokens_per_s"].value.mean == pytest.approx(outcome.output_tokens_per_s)
    assert metrics["utilisation"].value.mean == pytest.approx(outcome.utilisation)
    if outcome.requests:
        assert answer.usd_per_million_output_tokens == pytest.approx(answer.cost.hourly_usd / 3600 * outcome.duration_s / tokens * 1e6)
    # Two GPUs for the whole time; the engines' share of it is that of the replicas.
    assert answer.gpu_seconds.total_s == pytest.approx(2 * outcome.duration_s)
    assert answer.gpu_seconds.utilisation == pytest.approx(outcome.utilisation)
    # The utilisation law for requests that never meet: each keeps a replica busy as long as it takes.
    if rate_per_s <= 0.02:
        busy_s = outcome.utilisation * 2 * outcome.duration_s
        assert busy_s == pytest.approx(outcome.good * outcome.e2e_ms.p50 / 1e3, rel=0.02, abs=1e-9)
        assert outcome.duration_s == pytest.approx(5 * 1800)


@pytest.mark.parametrize("autoscaler", ["HorizontalPodAutoscaler", "ScaledObject"])
@pytest.mark.parametrize(("rate_per_s", "scenario"), [(0.0005, "traffic=2x"), (0.02, "ramp=9x@5m+5m"), (3.0, "ramp=6x@100s+provision=40s")])
def test_they_add_up_while_replicas_come_and_go(build: Any, autoscaler: str, rate_per_s: float, scenario: str) -> None:
    for answer in asked(build, rate_per_s, scenario, autoscaler=autoscaler):
        outcome, scaled = answer.outcome, answer.scaled
        assert outcome.output_tokens_per_s * outcome.duration_s == pytest.approx(24 * outcome.good)
        assert outcome.good + outcome.failed == outcome.requests
        assert scaled is not None
        assert (0 if autoscaler == "ScaledObject" else 1) <= scaled.least <= scaled.most <= 4
        assert answer.metrics["utilisation"].value.mean == pytest.approx(outcome.utilisation)
        assert scaled.least <= answer.replicas_running <= scaled.most
        # The two declared GPUs for the whole time, and those of added nodes while they are paid for.
        assert answer.gpu_seconds.total_s == pytest.approx((2 + scaled.added_nodes) * outcome.duration_s)
        hourly_usd = answer.cost.hourly_usd + (scaled.usd_per_hour or 0.0)
        if outcome.good:
            tokens = 24 * outcome.good
            assert answer.usd_per_million_output_tokens == pytest.approx(hourly_usd / 3600 * outcome.duration_s / tokens * 1e6)


@pytest.mark.parametrize(
    ("kind", "words", "replicas"),
    [("cpu", "never enough to scale up: scale by requests instead", 1), ("orders", "is not simulated, so the replicas stay", 2)],
)
def test_an_autoscaler_that_will_not_help_is_said(build: Any, kind: str, words: str, replicas: int) -> None:
    """One core of four is 25 % at most, so CPU on a GPU only ever scales down; orders are no load of an engine."""
    baseline, _ = asked(build, 0.5, "ramp=3x@400s", autoscaler=kind)
    assert any(words in note for note in baseline.notes)
    levels = [number for _, number in baseline.scaled.timeline] if baseline.scaled else [baseline.replicas]
    assert levels[-1] == replicas


def test_requests_that_give_up_before_the_first_replica_is_there_are_no_overload(build: Any) -> None:
    _, patient = asked(build, 0.01, "model-load=1s", autoscaler="ScaledObject")
    rare, _ = asked(build, 0.002, "model-load=1s", autoscaler="ScaledObject")
    assert any("failed at the door" in note for note in rare.notes)
    assert not any("overloaded" in note for note in rare.notes)
    assert patient.outcome.failed == 0


def test_twice_the_traffic_is_about_twice_the_tokens_even_if_it_is_hardly_any(build: Any) -> None:
    baseline, doubled = asked(build, 0.01, "traffic=2x")
    ratio = doubled.outcome.output_tokens_per_s / baseline.outcome.output_tokens_per_s
    assert ratio == pytest.approx(2, rel=0.3)
    assert doubled.metrics["output_tokens_per_s"].verdict == "better"


def test_traffic_that_never_drains_is_stopped_and_the_rate_that_holds_is_said(build: Any) -> None:
    _, answer = asked(build, 20.0, "traffic=5x")
    (note,) = [note for note in answer.notes if "overloaded" in note]
    assert "the traffic was stopped after" in note
    # Two engines of four slots, 24 tokens of about 7.3 ms and a prompt: some 40 requests a second.
    holds = float(note.partition("holds is about ")[2].split()[0])
    assert 25 < holds < 50
    assert math.isfinite(answer.outcome.output_tokens_per_s)
    assert answer.outcome.requests < 10_000
    assert (len(answer.each), answer.metrics["p95_e2e_ms"].verdict) == (OVERLOADED, "worse")


def test_a_platform_that_is_overloaded_itself_is_compared_over_the_runs_that_it_had(build: Any) -> None:
    baseline, more = asked(build, 100.0, "replicas=+2")
    assert len(baseline.each) == OVERLOADED
    difference = more.metrics["output_tokens_per_s"].difference
    assert difference is not None
    assert difference.n == OVERLOADED


def test_an_overload_is_told_beside_an_outage_that_comes_later(build: Any) -> None:
    _, answer = asked(build, 20.0, "traffic=5x+zone-lost=eu-north-1a")
    assert any("the traffic was stopped after" in note for note in answer.notes)
